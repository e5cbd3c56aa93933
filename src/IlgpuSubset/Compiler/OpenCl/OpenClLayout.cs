using ILGPU.Compiler.IR;
using ILGPU.Compiler.Structure;

namespace ILGPU.Compiler.OpenCl;

/// <summary>A pair of braces of the emitted text.</summary>
internal sealed class Scope(Scope? parent)
{
    private readonly int _depth = parent is null ? 0 : parent._depth + 1;

    /// <summary>Variables that must be declared at its start, since more than one place below writes or reads them.</summary>
    public List<Value> Variables { get; } = [];

    /// <summary>The innermost scope around both.</summary>
    public static Scope Around(Scope a, Scope b)
    {
        while (a != b)
        {
            if (a._depth >= b._depth)
                a = a.Parent!;
            else
                b = b.Parent!;
        }
        return a;
    }

    private Scope? Parent { get; } = parent;
}

/// <summary>
/// Decides what of a kernel is written where: which values become part of the expression that uses them, and in which scope the
/// variables of the others are declared.
/// </summary>
internal sealed class OpenClLayout
{
    private readonly Dictionary<Region, Scope> _scopes = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Value, Scope> _homes = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Value> _inlined = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Value> _declaredInPlace = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Value> _indices = new(ReferenceEqualityComparer.Instance);

    public OpenClLayout(IrKernel kernel, Region root)
    {
        Root = new Scope(null);
        FindInlined(kernel);
        FindIndices(kernel);
        Place(root, Root);
        foreach ((Value value, Scope home) in _homes)
        {
            if (!_declaredInPlace.Contains(value))
                home.Variables.Add(value);
        }
    }

    /// <summary>The kernel function's braces.</summary>
    public Scope Root { get; }

    /// <summary>The scope that a loop, labelled region or arm of a condition opens.</summary>
    public Scope ScopeOf(Region region) => _scopes[region];

    /// <summary>Whether a value is written inside the one expression that uses it.</summary>
    public bool IsInlined(Value value) => _inlined.Contains(value);

    /// <summary>Whether a value is declared where it is computed.</summary>
    public bool IsDeclaredInPlace(Value value) => _declaredInPlace.Contains(value);

    /// <summary>
    /// Whether a sum, difference or product becomes an index, and hence may be assumed not to overflow, as C assumes of signed
    /// numbers: without it compilers cannot see that neighbouring threads access neighbouring memory.
    /// </summary>
    public bool IsIndex(Value value) => _indices.Contains(value);

    /// <summary>
    /// A pure value with one use goes into the expression that uses it, if that stands in the same block: parameters of blocks,
    /// which are variables here, do not change within a block.
    /// </summary>
    /// <remarks>
    /// In kernels with barriers, what follows from the thread's position in a few steps is written anew at each use. A CPU driver
    /// keeps what lives across a barrier in memory for each thread, and with an address from there no longer sees that neighbouring
    /// threads access neighbouring elements: with PoCL a matrix product had seven times as many gather instructions.
    /// </remarks>
    private void FindInlined(IrKernel kernel)
    {
        const int longest = 5, longestRecomputed = 8;
        bool recompute = kernel.Instructions.Any(i => i.IsGroupWide || i.Op is Opcode.Shuffle or Opcode.WarpBarrier);
        var uses = new Dictionary<Value, int>(ReferenceEqualityComparer.Instance);
        foreach (Value value in kernel.Instructions.SelectMany(i => i.Operands).Concat(kernel.Blocks.SelectMany(block =>
            block.Terminator.Edges.SelectMany(edge => edge.Arguments).Append(block.Terminator.Condition)).OfType<Value>()))
        {
            uses[value] = uses.GetValueOrDefault(value) + 1;
        }

        var lengths = new Dictionary<Value, int>(ReferenceEqualityComparer.Instance);
        foreach (Block block in kernel.Blocks)
        {
            var candidates = new HashSet<Value>(ReferenceEqualityComparer.Instance);
            foreach (Instruction i in block.Instructions)
            {
                i.Operands.Where(candidates.Contains).ToList().ForEach(operand => _inlined.Add(operand));
                int length = 1 + i.Operands.Sum(operand => _inlined.Contains(operand) ? lengths[operand] : 0);
                lengths[i] = length;
                // Numbers of the launch have names that need no variable.
                if (i.Op == Opcode.Special || (recompute && length <= longestRecomputed && IsPosition(i)))
                {
                    _inlined.Add(i);
                    continue;
                }
                if (i.IsPure && uses.GetValueOrDefault(i) == 1 && length < longest)
                    candidates.Add(i);
            }
            IEnumerable<Value> last = block.Terminator.Edges is [Edge jump] ? jump.Arguments : [];
            if (block.Terminator.Condition is { } condition)
                last = [condition];
            foreach (Value value in last.Where(candidates.Contains))
                _inlined.Add(value);
        }
    }

    private bool IsPosition(Instruction i) =>
        i.Op == Opcode.Special
        || (i.Op is Opcode.Add or Opcode.Sub or Opcode.Mul or Opcode.Shl or Opcode.And or Opcode.PtrAdd or Opcode.Convert
            && i.Operands.All(operand => operand is Constant or Parameter or Instruction { Op: Opcode.SharedAlloc }
                || (_inlined.Contains(operand) && operand is Instruction computed && IsPosition(computed))));

    private void FindIndices(IrKernel kernel)
    {
        var sources = new Dictionary<BlockParameter, List<Value>>(ReferenceEqualityComparer.Instance);
        foreach (Edge edge in kernel.Blocks.SelectMany(block => block.Terminator.Edges))
        {
            for (int i = 0; i < edge.Arguments.Length; i++)
            {
                if (!sources.TryGetValue(edge.Target.Parameters[i], out List<Value>? list))
                    sources.Add(edge.Target.Parameters[i], list = []);
                list.Add(edge.Arguments[i]);
            }
        }
        var work = new Stack<Value>(kernel.Instructions.Where(i => i.Op == Opcode.PtrAdd).Select(i => i.Operands[1]));
        while (work.TryPop(out Value? value))
        {
            if (value is Constant or Parameter || !_indices.Add(value))
                continue;
            IEnumerable<Value> next = value switch
            {
                BlockParameter parameter => sources.GetValueOrDefault(parameter, []),
                Instruction { Op: Opcode.Add or Opcode.Sub or Opcode.Mul or Opcode.Shl or Opcode.MinS or Opcode.MaxS } i => i.Operands,
                Instruction { Op: Opcode.Select } i => i.Operands[1..],
                Instruction { Op: Opcode.Convert, Conversion: ConvertKind.SignExtend } i => i.Operands,
                _ => [],
            };
            foreach (Value operand in next)
                work.Push(operand);
        }
    }

    private void Place(Region region, Scope scope)
    {
        switch (region)
        {
            case Sequence sequence:
                foreach (Region item in sequence.Items)
                    Place(item, scope);
                break;
            case Straight straight:
                foreach (Instruction i in straight.Block.Instructions)
                {
                    foreach (Value operand in i.Operands)
                        Touch(operand, scope);
                    if (i.Type != IrType.Void && !IsInlined(i))
                    {
                        // Uses come later in the text, since definitions dominate them, and may move it further out.
                        _homes.Add(i, scope);
                        _declaredInPlace.Add(i);
                    }
                }
                break;
            case Assign assign:
                foreach ((BlockParameter parameter, Value value) in assign.Items)
                {
                    Touch(parameter, scope);
                    Touch(value, scope);
                }
                break;
            case If branch:
                Touch(branch.Condition, scope);
                Place(branch.Then, Open(branch.Then));
                Place(branch.Else, Open(branch.Else));
                break;
            case Loop loop:
                Place(loop.Body, Open(loop));
                break;
            case Labeled labeled:
                Place(labeled.Body, Open(labeled));
                break;
        }

        Scope Open(Region opened) => _scopes[opened] = new Scope(scope);

        void Touch(Value value, Scope at)
        {
            if (value is Constant or Parameter || IsInlined(value))
            {
                // What an inlined value reads is read in its block, where it was touched.
                return;
            }
            Scope home = _homes.TryGetValue(value, out Scope? known) ? Scope.Around(known, at) : at;
            if (known is not null && home != known)
                _declaredInPlace.Remove(value);
            _homes[value] = home;
        }
    }
}
