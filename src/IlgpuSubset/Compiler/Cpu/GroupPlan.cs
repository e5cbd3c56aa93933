using ILGPU.Compiler.IR;
using ILGPU.Compiler.Structure;

namespace ILGPU.Compiler.Cpu;

/// <summary>A step of a whole group: what is done once for all its threads, or for each of its vectors in turn.</summary>
internal abstract record GroupStep;

/// <summary>Regions that each vector of the group runs through before the next does: there is no barrier in them.</summary>
internal sealed record Phase(IReadOnlyList<Region> Regions, int Number) : GroupStep;

/// <summary>An instruction on values that all threads share, done once.</summary>
internal sealed record Once(Instruction Instruction) : GroupStep;

/// <summary>Parallel copies of values that all threads share.</summary>
internal sealed record AssignOnce(IReadOnlyList<(BlockParameter Parameter, Value Value)> Items) : GroupStep;

/// <summary>A branch around barriers, which all threads take alike.</summary>
internal sealed record GroupIf(Value Condition, IReadOnlyList<GroupStep> Then, IReadOnlyList<GroupStep> Else) : GroupStep;

/// <summary>A loop around barriers.</summary>
internal sealed record GroupLoop(Label Label, IReadOnlyList<GroupStep> Body) : GroupStep;

/// <summary>A region around barriers that can be left.</summary>
internal sealed record GroupLabeled(Label Label, IReadOnlyList<GroupStep> Body) : GroupStep;

/// <summary>All threads leave a region together.</summary>
internal sealed record GroupBreak(Label Label) : GroupStep;

/// <summary>
/// Cuts a kernel at its barriers: control flow around barriers belongs to the group, what lies between two barriers is a phase, and
/// what all threads share is taken out of the phases where that is simple.
/// </summary>
internal sealed class GroupPlan
{
    private readonly IrKernel _kernel;
    private readonly LaneAnalysis _lanes;
    private readonly HashSet<Label> _labels = [];
    private readonly HashSet<Value> _roundParameters = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Value> _ownParameters = new(ReferenceEqualityComparer.Instance);
    private readonly List<Phase> _phases = [];
    private readonly List<Region> _pending = [];
    private readonly HashSet<Value> _pendingValues = new(ReferenceEqualityComparer.Instance);
    private bool _pendingEffects;
    private List<Instruction>? _run;

    public GroupPlan(IrKernel kernel, Region structure, LaneAnalysis lanes)
    {
        (_kernel, _lanes) = (kernel, lanes);
        while (FindLabels(structure))
        {
        }
        FindOwnParameters(structure);
        Steps = StepsOf(structure);
    }

    /// <summary>The kernel.</summary>
    public IReadOnlyList<GroupStep> Steps { get; }

    /// <summary>How many phases there are.</summary>
    public int PhaseCount => _phases.Count;

    /// <summary>The first blocks of the group's loops: their parameters outlive a round.</summary>
    public HashSet<Block> LoopHeaders { get; } = [];

    /// <summary>
    /// Shared counters of loops inside a phase that an earlier phase starts: each vector must find the start, not what the vector before
    /// left behind.
    /// </summary>
    public IEnumerable<BlockParameter> StartedEarlier => _phases
        .SelectMany(phase => phase.Regions.SelectMany(LaneRegions.Parameters).Distinct()
            .Where(IsShared).Except(_ownParameters.Cast<BlockParameter>()))
        .GroupBy(parameter => parameter)
        .Where(group => group.Count() > 1)
        .Select(group => group.Key);

    /// <summary>Finds what belongs to the group; true if that was more than before.</summary>
    private bool FindLabels(Region region)
    {
        switch (region)
        {
            case Sequence sequence:
                return sequence.Items.Aggregate(false, (found, item) => found | FindLabels(item));
            case If branch:
                return FindLabels(branch.Then) | FindLabels(branch.Else);
            case Labeled labeled:
                return FindLabels(labeled.Body) | (IsOfGroup(labeled) && _labels.Add(labeled.Label));
            case Loop loop:
                bool found = FindLabels(loop.Body);
                if (!IsOfGroup(loop) || !_labels.Add(loop.Label))
                    return found;
                Block header = FirstBlock(loop.Body);
                LoopHeaders.Add(header);
                _roundParameters.UnionWith(header.Parameters.Where(IsShared));
                return true;
            default:
                return false;
        }
    }

    /// <summary>
    /// Whether the group goes through a region together, phase by phase: there is a barrier, or a way out to something of the group, or
    /// the shared counter of a loop of the group is set, which the group's other vectors must not see before the round ends.
    /// </summary>
    private bool IsOfGroup(Region region) =>
        region.ContainsBarrier || _labels.Any(label => LaneRegions.Breaks(region, label)) || SetsRound(region);

    private bool SetsRound(Region region) => LaneRegions.Parameters(region).Any(_roundParameters.Contains);

    /// <summary>Finds the parameters of blocks that the group runs together; those of other blocks belong to each vector's run.</summary>
    private void FindOwnParameters(Region region)
    {
        switch (region)
        {
            case Sequence sequence:
                foreach (Region item in sequence.Items)
                    FindOwnParameters(item);
                break;
            case Straight straight:
                _ownParameters.UnionWith(straight.Block.Parameters.Where(IsShared));
                break;
            case If branch when IsOfGroup(branch):
                FindOwnParameters(branch.Then);
                FindOwnParameters(branch.Else);
                break;
            case Loop loop when IsOfGroup(loop):
                FindOwnParameters(loop.Body);
                break;
            case Labeled labeled when IsOfGroup(labeled):
                FindOwnParameters(labeled.Body);
                break;
        }
    }

    private bool IsShared(BlockParameter parameter) => _lanes.Of(parameter).Kind == LaneKind.Group;

    private List<GroupStep> StepsOf(Region region)
    {
        var steps = new List<GroupStep>();
        Visit(region, steps);
        Flush(steps);
        return steps;
    }

    private void Visit(Region region, List<GroupStep> steps)
    {
        switch (region)
        {
            case Sequence sequence:
                foreach (Region item in sequence.Items)
                    Visit(item, steps);
                break;
            case Straight straight:
                foreach (Instruction i in straight.Block.Instructions)
                    Visit(i, steps);
                break;
            case Assign assign:
                (BlockParameter Parameter, Value Value)[] shared = [.. assign.Items.Where(item => _ownParameters.Contains(item.Parameter))];
                (BlockParameter Parameter, Value Value)[] own = [.. assign.Items.Except(shared)];
                if (own.Length > 0)
                    Add(new Assign(own));
                if (shared.Length > 0)
                {
                    // What is pending still reads the old values.
                    Flush(steps);
                    steps.Add(new AssignOnce(shared));
                }
                break;
            case If branch when IsOfGroup(branch):
                if (_lanes.Of(branch.Condition).Kind != LaneKind.Group)
                    throw new NotSupportedException($"{_kernel.MethodName}: threads of a group part around a barrier.");
                Flush(steps);
                steps.Add(new GroupIf(branch.Condition, StepsOf(branch.Then), StepsOf(branch.Else)));
                break;
            case Loop loop when IsOfGroup(loop):
                Flush(steps);
                steps.Add(new GroupLoop(loop.Label, StepsOf(loop.Body)));
                break;
            case Labeled labeled when IsOfGroup(labeled):
                Flush(steps);
                steps.Add(new GroupLabeled(labeled.Label, StepsOf(labeled.Body)));
                break;
            case Break leave:
                Flush(steps);
                steps.Add(new GroupBreak(leave.Label));
                break;
            default:
                Add(region);
                break;
        }
    }

    private void Visit(Instruction i, List<GroupStep> steps)
    {
        if (_lanes.ConstantOf(i) is not null)
            return;
        if (i.IsGroupWide)
        {
            Flush(steps);
            steps.Add(new Once(i));
            return;
        }
        bool shared = i.Operands.All(operand => _lanes.Of(operand).Kind == LaneKind.Group)
            && (i.Type == IrType.Void ? i.Op == Opcode.BoundsCheck : _lanes.Of(i).Kind == LaneKind.Group);
        if (!shared)
        {
            _pendingEffects |= i.HasEffect;
            if (_run is null)
            {
                _run = [];
                _pending.Add(new Straight(new Block { Instructions = _run }));
            }
            _run.Add(i);
            _pendingValues.Add(i);
            return;
        }
        if ((i.Op == Opcode.Load && _pendingEffects) || i.Operands.Any(_pendingValues.Contains))
            Flush(steps);
        steps.Add(new Once(i));
    }

    private void Add(Region region)
    {
        _run = null;
        _pending.Add(region);
        Note(region);
    }

    private void Note(Region region)
    {
        Instruction[] instructions = [.. region.Whole.OfType<Straight>().SelectMany(straight => straight.Block.Instructions)];
        _pendingValues.UnionWith(instructions);
        _pendingValues.UnionWith(LaneRegions.Parameters(region));
        _pendingEffects |= instructions.Any(i => i.HasEffect);
    }

    private void Flush(List<GroupStep> steps)
    {
        if (_pending.Count > 0)
        {
            var phase = new Phase([.. _pending], PhaseCount);
            _phases.Add(phase);
            steps.Add(phase);
        }
        _pending.Clear();
        _pendingValues.Clear();
        _pendingEffects = false;
        _run = null;
    }

    private static Block FirstBlock(Region region) => region switch
    {
        Straight straight => straight.Block,
        Sequence sequence => FirstBlock(sequence.Items[0]),
        Labeled labeled => FirstBlock(labeled.Body),
        Loop loop => FirstBlock(loop.Body),
        _ => throw new InvalidOperationException($"A loop that begins with {region.GetType().Name}."),
    };
}
