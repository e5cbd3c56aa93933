using ILGPU.Compiler.IR;
using ILGPU.Compiler.Structure;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// Where values live: in a phase's registers, or, where another phase or another round of a group's loop needs them, in the frame, which
/// keeps a place for each vector of the group. Also which values each phase takes from outside, and how often each is used.
/// </summary>
internal sealed class Residence
{
    private readonly IrKernel _kernel;
    private readonly LaneAnalysis _lanes;
    private readonly Dictionary<Value, HashSet<int>> _phases = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<int, HashSet<Value>> _read = [];
    private readonly Dictionary<int, HashSet<Value>> _defined = [];
    private readonly Dictionary<int, HashSet<Value>> _looped = [];
    private readonly HashSet<Value> _framed = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Instruction> _addresses = [];

    public Residence(IrKernel kernel, GroupPlan plan, LaneAnalysis lanes)
    {
        (_kernel, _lanes) = (kernel, lanes);
        FindAddresses();
        foreach (Instruction i in kernel.Instructions)
        {
            foreach (Value operand in Reads(i))
                Count(operand);
        }
        foreach (Block block in kernel.Blocks)
        {
            foreach (Value value in block.Terminator.Edges.SelectMany(edge => edge.Arguments).Append(block.Terminator.Condition!))
            {
                if (value is not null)
                    Count(value);
            }
        }
        Visit(plan.Steps);
        foreach ((Value value, HashSet<int> phases) in _phases)
        {
            if (phases.Count > 1)
                _framed.Add(value);
        }
        foreach (BlockParameter parameter in plan.LoopHeaders.SelectMany(block => block.Parameters))
            _framed.Add(parameter);
        _framed.RemoveWhere(value => !IsOwn(value) || IsPosition(value));

        void Count(Value value) => Uses[value] = Uses.GetValueOrDefault(value) + 1;
    }

    /// <summary>How often a value is read.</summary>
    public Dictionary<Value, int> Uses { get; } = new(ReferenceEqualityComparer.Instance);

    /// <summary>Whether a value has a place in the frame.</summary>
    public bool IsFramed(Value value) => _framed.Contains(value);

    /// <summary>
    /// Whether a pointer is never made: each access computes its lanes' addresses from what the pointer is made of, most often one
    /// pointer and a 32-bit index for each lane.
    /// </summary>
    public bool IsAddressOnly(Value value) => value is Instruction i && _addresses.Contains(i);

    /// <summary>What a phase finds in the frame or computes at its start.</summary>
    public IEnumerable<Value> LiveIn(int phase) =>
        _read.GetValueOrDefault(phase, []).Where(value => IsPosition(value) || (IsFramed(value) && !IsBornIn(value, phase)))
            .Union(LiveOut(phase), ReferenceEqualityComparer.Instance).Cast<Value>();

    /// <summary>
    /// What a phase puts into the frame at its end instead of where it is computed, which is in a loop. It is taken from the frame at the
    /// start, since the loop's code may not be reached.
    /// </summary>
    public IEnumerable<Value> LiveOut(int phase) => _looped.GetValueOrDefault(phase, []).Where(IsFramed);

    /// <summary>A number of the thread that each phase computes anew.</summary>
    public static bool IsPosition(Value value) => value is Instruction
    {
        Op: Opcode.LocalAlloc,
    } or Instruction
    {
        Op: Opcode.Special, Number: SpecialNumber.GroupIdX or SpecialNumber.GroupIdY or SpecialNumber.GroupIdZ or SpecialNumber.LaneIdx,
    };

    /// <summary>The values that an instruction reads, those behind its address instead of the address.</summary>
    public IEnumerable<Value> Reads(Instruction i) =>
        _addresses.Contains(i) ? [] : i.Operands.SelectMany(Leaves);

    private IEnumerable<Value> Leaves(Value value) =>
        value is Instruction i && _addresses.Contains(i) ? i.Operands.SelectMany(Leaves) : [value];

    private void FindAddresses()
    {
        var others = new HashSet<Value>(ReferenceEqualityComparer.Instance);
        foreach (Block block in _kernel.Blocks)
        {
            foreach (Instruction i in block.Instructions)
            {
                for (int k = 0; k < i.Operands.Length; k++)
                {
                    bool isAddress = (k == 0 && i.Op is Opcode.Load or Opcode.Store or Opcode.Atomic or Opcode.PtrAdd or Opcode.MatrixLoad)
                        || (k <= 1 && i.Op == Opcode.CopyAsync);
                    if (!isAddress)
                        others.Add(i.Operands[k]);
                }
            }
            foreach (Value value in block.Terminator.Edges.SelectMany(edge => edge.Arguments))
                others.Add(value);
        }
        // From the end, so that a pointer's users are known before it.
        foreach (Instruction i in _kernel.Instructions.Reverse())
        {
            if (i.Op != Opcode.PtrAdd)
                continue;
            if (!others.Contains(i) && !_lanes.Of(i).HasBase && !_lanes.IsBlended(i))
                _addresses.Add(i);
            else if (!_lanes.Of(i).HasBase)
                others.Add(i.Operands[0]);
        }
    }

    private bool IsOwn(Value value) =>
        value is BlockParameter or Instruction && _lanes.ConstantOf(value) is null
            && _lanes.Of(value).Kind != LaneKind.Group && value.Type != IrType.Void;

    private bool IsBornIn(Value value, int phase) => value is Instruction && _defined.GetValueOrDefault(phase, []).Contains(value);

    private void Visit(IEnumerable<GroupStep> steps)
    {
        foreach (GroupStep step in steps)
        {
            switch (step)
            {
                case Phase phase:
                    _read.Add(phase.Number, new HashSet<Value>(ReferenceEqualityComparer.Instance));
                    _defined.Add(phase.Number, new HashSet<Value>(ReferenceEqualityComparer.Instance));
                    _looped.Add(phase.Number, new HashSet<Value>(ReferenceEqualityComparer.Instance));
                    foreach (Region region in phase.Regions)
                        Visit(region, phase.Number, inLoop: false);
                    break;
                case Once once:
                    // Of the whole group: what it reads of the threads must lie in the frame.
                    foreach (Value operand in once.Instruction.Operands)
                        Note(operand, -1);
                    Note(once.Instruction, -1);
                    break;
                case GroupIf branch:
                    Visit(branch.Then);
                    Visit(branch.Else);
                    break;
                case GroupLoop loop:
                    Visit(loop.Body);
                    break;
                case GroupLabeled labeled:
                    Visit(labeled.Body);
                    break;
            }
        }
    }

    private void Visit(Region region, int phase, bool inLoop)
    {
        switch (region)
        {
            case Sequence sequence:
                foreach (Region item in sequence.Items)
                    Visit(item, phase, inLoop);
                break;
            case Straight straight:
                foreach (Instruction i in straight.Block.Instructions)
                {
                    foreach (Value operand in Reads(i))
                        Read(operand, phase);
                    if (!_addresses.Contains(i))
                    {
                        Note(i, phase);
                        _defined[phase].Add(i);
                        if (inLoop)
                            _looped[phase].Add(i);
                    }
                }
                break;
            case Assign assign:
                foreach ((BlockParameter parameter, Value value) in assign.Items)
                {
                    Read(value, phase);
                    Note(parameter, phase);
                    if (inLoop)
                        _looped[phase].Add(parameter);
                    // Lanes that are not active keep what they have.
                    if (_lanes.IsBlended(parameter))
                        Read(parameter, phase);
                }
                break;
            case If branch:
                Read(branch.Condition, phase);
                Visit(branch.Then, phase, inLoop);
                Visit(branch.Else, phase, inLoop);
                break;
            case Loop loop:
                Visit(loop.Body, phase, inLoop: true);
                break;
            case Labeled labeled:
                Visit(labeled.Body, phase, inLoop);
                break;
        }
    }

    private void Read(Value value, int phase)
    {
        if (!IsOwn(value))
            return;
        Note(value, phase);
        _read[phase].Add(value);
    }

    private void Note(Value value, int phase)
    {
        if (!IsOwn(value))
            return;
        if (!_phases.TryGetValue(value, out HashSet<int>? phases))
            _phases.Add(value, phases = []);
        phases.Add(phase);
    }
}
