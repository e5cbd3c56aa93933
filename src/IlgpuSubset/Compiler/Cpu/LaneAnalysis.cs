using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.Passes;
using ILGPU.Compiler.Structure;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// What of a kernel needs vectors, for groups of given dimensions: the shape of every value, and which labels lanes reach apart.
/// </summary>
/// <remarks>
/// Starts from all branches being taken together and all values being equal, and takes back what does not hold until nothing changes.
/// With the dimensions known, the position in the group is often a constant plus the lane, and rows of threads are whole vectors.
/// </remarks>
internal sealed class LaneAnalysis
{
    /// <summary>Beyond this an i32 that steps from lane to lane may well wrap, and its extension to 64 bits is no longer affine.</summary>
    private const long MaxStride = 1 << 16;

    private readonly IrKernel _kernel;
    private readonly Uniformity _uniformity;
    private readonly IntegerRanges _ranges;
    private readonly Index3D _groupDim;
    private readonly int _lanes;
    private readonly Dictionary<Value, LaneShape> _shapes = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Value, Constant> _constants = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Value> _blended = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Label> _masked = [];
    private readonly Dictionary<Block, Region[]> _around = [];
    private readonly List<(Assign Assign, Region[] Around)> _assigns = [];
    private readonly List<(Value Value, Region[] Around)> _uses = [];
    private readonly List<(Break Break, Region[] Around)> _breaks = [];
    private readonly Dictionary<Value, Block> _home = new(ReferenceEqualityComparer.Instance);

    /// <param name="kernel">A finished kernel.</param>
    /// <param name="structure">Its normalised regions.</param>
    /// <param name="uniformity">What all threads of a group share.</param>
    /// <param name="groupDim">The threads of a group.</param>
    /// <param name="lanes">Lanes that run together.</param>
    public LaneAnalysis(IrKernel kernel, Region structure, Uniformity uniformity, Index3D groupDim, int lanes)
    {
        (_kernel, _uniformity, _groupDim, _lanes) = (kernel, uniformity, groupDim, lanes);
        _ranges = new IntegerRanges(kernel, new ControlFlow(kernel.Entry));
        Rows = groupDim.X % _lanes == 0;
        Line = groupDim.Y * groupDim.Z == 1;
        foreach (Block block in kernel.Blocks)
        {
            foreach (Value value in block.Parameters.Concat<Value>(block.Instructions))
                _home.Add(value, block);
        }
        Visit(structure, []);
        do
        {
            FindMaskedLabels();
        }
        while (FindBlended() | FindShapes());
    }

    /// <summary>Whether a row of threads along x is a number of whole vectors.</summary>
    public bool Rows { get; }

    /// <summary>Whether a group is one row of threads.</summary>
    public bool Line { get; }

    /// <summary>The shape of a value.</summary>
    public LaneShape Of(Value value) => ConstantOf(value) is { } constant
        ? new LaneShape(LaneKind.Group, 0, constant.Type.IsInteger ? constant.Bits : 1)
        : value is Parameter ? new LaneShape(LaneKind.Group, 0, 1) : _shapes.GetValueOrDefault(value, LaneShape.Varying);

    /// <summary>The constant that a value is in groups of these dimensions; null where it is none.</summary>
    public Constant? ConstantOf(Value value) => value as Constant ?? _constants.GetValueOrDefault(value);

    /// <summary>Whether lanes arrive at a label's end at different times, so that masks keep them.</summary>
    public bool IsMasked(Label label) => _masked.Contains(label);

    /// <summary>
    /// Whether lanes that are not active when a value is assigned still need what it was: it is assigned apart, or seen after a loop that
    /// lanes leave apart.
    /// </summary>
    public bool IsBlended(Value value) => _blended.Contains(value);

    /// <summary>Whether the lanes of a vector take a branch apart.</summary>
    public bool IsDivergent(If branch) => !Of(branch.Condition).IsScalar;

    /// <summary>Has each vector keep a parameter for itself though all agree on it.</summary>
    public void KeepPerVector(BlockParameter parameter) => _shapes[parameter] = _shapes[parameter] with { Kind = LaneKind.Vector };

    private void Visit(Region region, Region[] around)
    {
        switch (region)
        {
            case Sequence sequence:
                foreach (Region item in sequence.Items)
                    Visit(item, around);
                break;
            case Straight straight:
                _around[straight.Block] = around;
                foreach (Value operand in straight.Block.Instructions.SelectMany(i => i.Operands))
                    _uses.Add((operand, around));
                break;
            case Assign assign:
                _assigns.Add((assign, around));
                _uses.AddRange(assign.Items.Select(item => (item.Value, around)));
                break;
            case If branch:
                _uses.Add((branch.Condition, around));
                Visit(branch.Then, [.. around, branch]);
                Visit(branch.Else, [.. around, branch]);
                break;
            case Loop loop:
                Visit(loop.Body, [.. around, loop]);
                break;
            case Labeled labeled:
                Visit(labeled.Body, [.. around, labeled]);
                break;
            case Break leave:
                _breaks.Add((leave, around));
                break;
        }
    }

    private static Label? LabelOf(Region region) => region switch
    {
        Loop loop => loop.Label,
        Labeled labeled => labeled.Label,
        _ => null,
    };

    /// <summary>Whether the lanes that are inside a region are not all that stand around it.</summary>
    private bool Parts(Region region) => region is If branch ? IsKnownDivergent(branch) : _masked.Contains(LabelOf(region)!);

    private bool IsKnownDivergent(If branch) =>
        branch.Condition is not (Constant or Parameter) && _shapes.TryGetValue(branch.Condition, out LaneShape shape) && !shape.IsScalar
        && ConstantOf(branch.Condition) is null;

    private void FindMaskedLabels()
    {
        bool changed = true;
        while (changed)
        {
            changed = false;
            foreach ((Break leave, Region[] around) in _breaks)
            {
                int target = Array.FindLastIndex(around, region => LabelOf(region) == leave.Label);
                if (around[(target + 1)..].Any(Parts))
                    changed |= _masked.Add(leave.Label);
            }
        }
    }

    private bool FindBlended()
    {
        bool changed = false;
        foreach ((Assign assign, Region[] around) in _assigns)
        {
            foreach ((BlockParameter parameter, _) in assign.Items)
            {
                if (!_blended.Contains(parameter)
                    && around.Except(_around[_home[parameter]], ReferenceEqualityComparer.Instance).Cast<Region>().Any(Parts))
                    changed |= _blended.Add(parameter);
            }
        }
        var leftApart = new HashSet<Region>(_breaks
            .Where(item => _masked.Contains(item.Break.Label))
            .SelectMany(item => item.Around.SkipWhile(region => LabelOf(region) != item.Break.Label)), ReferenceEqualityComparer.Instance);
        foreach ((Value value, Region[] around) in _uses)
        {
            if (_home.TryGetValue(value, out Block? home) && !_blended.Contains(value)
                && _around[home].Except(around, ReferenceEqualityComparer.Instance)
                    .Any(region => region is Loop loop && leftApart.Contains(loop)))
                changed |= _blended.Add(value);
        }
        return changed;
    }

    private bool FindShapes()
    {
        bool any = false;
        bool changed = true;
        while (changed)
        {
            changed = false;
            foreach (Block block in _kernel.Blocks)
            {
                foreach (Instruction i in block.Instructions)
                    changed |= FindConstant(i) || (i.Type != IrType.Void && Shape(i) is { } shape && Widen(i, shape));
                foreach (Edge edge in block.Terminator.Edges)
                {
                    for (int i = 0; i < edge.Arguments.Length; i++)
                    {
                        BlockParameter parameter = edge.Target.Parameters[i];
                        if (Known(edge.Arguments[i]) is { } shape)
                            changed |= Widen(parameter, shape.Kind == LaneKind.Group && !_uniformity.IsUniform(parameter)
                                ? shape with { Kind = LaneKind.Vector }
                                : shape);
                    }
                }
            }
            any |= changed;
        }
        return any;
    }

    private bool Widen(Value value, LaneShape shape)
    {
        if (_blended.Contains(value) || (shape.Kind == LaneKind.Affine && !CanBeAffine(value.Type)))
            shape = LaneShape.Varying;
        if (_shapes.TryGetValue(value, out LaneShape old))
            shape = LaneShape.Join(old, shape);
        if (_shapes.TryGetValue(value, out old) && old == shape)
            return false;
        _shapes[value] = shape;
        return true;
    }

    private static bool CanBeAffine(IrType type) => !type.IsVector && type.Scalar is ScalarType.I32 or ScalarType.I64 or ScalarType.Pointer;

    private bool FindConstant(Instruction i)
    {
        if (_constants.ContainsKey(i))
            return false;
        Constant? constant = i.Op == Opcode.Special
            ? i.Number switch
            {
                SpecialNumber.GroupDimX => Constant.Int32(_groupDim.X),
                SpecialNumber.GroupDimY => Constant.Int32(_groupDim.Y),
                SpecialNumber.GroupDimZ => Constant.Int32(_groupDim.Z),
                SpecialNumber.GroupIdX when _groupDim.X == 1 => Constant.Int32(0),
                SpecialNumber.GroupIdY when _groupDim.Y == 1 => Constant.Int32(0),
                SpecialNumber.GroupIdZ when _groupDim.Z == 1 => Constant.Int32(0),
                _ => null,
            }
            : i.Op == Opcode.Mul && i.Operands.Any(operand => ConstantOf(operand) is { IsZero: true }) ? new Constant(i.Type, 0)
            : i.Operands.All(operand => ConstantOf(operand) is not null)
                ? Fold.TryEvaluate(i, [.. i.Operands.Select(operand => ConstantOf(operand)!)])
            : null;
        return constant is not null && _constants.TryAdd(i, constant);
    }

    /// <summary>The shape of an operand; null while nothing is known of it.</summary>
    private LaneShape? Known(Value value) =>
        value is Constant or Parameter || _constants.ContainsKey(value) ? Of(value)
        : _shapes.TryGetValue(value, out LaneShape shape) ? shape : null;

    private LaneShape? Shape(Instruction i)
    {
        var operands = new LaneShape[i.Operands.Length];
        for (int k = 0; k < operands.Length; k++)
        {
            if (Known(i.Operands[k]) is not { } shape)
                return null;
            operands[k] = shape;
        }
        switch (i.Op)
        {
            case Opcode.Special:
                return Position(i.Number);
            case Opcode.LocalAlloc:
                return new LaneShape(LaneKind.Affine, LocalStride(i), 1);
            case Opcode.Shuffle or Opcode.Atomic or Opcode.MatrixMultiply or Opcode.MatrixLoad:
                return LaneShape.Varying;
            case Opcode.BarrierReduce:
                return new LaneShape(LaneKind.Group, 0, 1);
            case Opcode.Broadcast:
                return _uniformity.IsUniform(i) ? new LaneShape(LaneKind.Group, 0, 1) : LaneShape.Varying;
        }
        bool group = operands.All(shape => shape.Kind == LaneKind.Group) && (i.IsPure || _uniformity.IsUniform(i));
        LaneShape a = operands.Length > 0 ? operands[0] : default;
        LaneShape b = operands.Length > 1 ? operands[1] : default;
        bool based = operands.All(shape => shape.HasBase);
        switch (i.Op)
        {
            case Opcode.Add when based:
                return LaneShape.Of(group, a.Stride + b.Stride, LaneShape.Gcd(a.Multiple, b.Multiple));
            case Opcode.Sub when based:
                return LaneShape.Of(group, a.Stride - b.Stride, LaneShape.Gcd(a.Multiple, b.Multiple));
            case Opcode.Mul when based && (a.Stride == 0 || ConstantOf(i.Operands[1]) is not null)
                && (b.Stride == 0 || ConstantOf(i.Operands[0]) is not null):
                long stride = a.Stride != 0 ? a.Stride * ConstantOf(i.Operands[1])!.Bits
                    : b.Stride != 0 ? b.Stride * ConstantOf(i.Operands[0])!.Bits
                    : 0;
                return Math.Abs(stride) > int.MaxValue ? LaneShape.Varying : LaneShape.Of(group, stride, Product(a.Multiple, b.Multiple));
            case Opcode.Shl when based && ConstantOf(i.Operands[1]) is { Bits: >= 0 and < 31 } count:
                stride = a.Stride << (int)count.Bits;
                return Math.Abs(stride) > int.MaxValue
                    ? LaneShape.Varying
                    : LaneShape.Of(group, stride, Product(a.Multiple, 1L << (int)count.Bits));
            case Opcode.PtrAdd when based && (b.Stride == 0 || Math.Abs(b.Stride) <= int.MaxValue):
                return LaneShape.Of(group, a.Stride + b.Stride * i.Immediate, 1);
            case Opcode.Convert when a.Kind == LaneKind.Affine && a.Stride is <= MaxStride and >= -MaxStride
                && (i.Conversion == ConvertKind.SignExtend
                    || (i.Conversion == ConvertKind.ZeroExtend && _ranges.IsNonNegative(i.Operands[0]))):
                return a;
            case Opcode.Convert when a.Kind == LaneKind.Affine && i.Conversion == ConvertKind.Truncate && i.Type == IrType.I32:
                return a;
            case Opcode.Select when operands[0].IsScalar && based && operands[1].Stride == operands[2].Stride:
                return LaneShape.Of(group, operands[1].Stride, LaneShape.Gcd(operands[1].Multiple, operands[2].Multiple));
            case Opcode.DivS or Opcode.DivU or Opcode.RemS or Opcode.RemU or Opcode.And or Opcode.ShrS or Opcode.ShrU
                when a.Kind == LaneKind.Affine && Quotient(i, a) is { } quotient:
                return quotient;
            case Opcode.Mul when operands.All(shape => shape.IsScalar):
                return LaneShape.Of(group, 0, Product(a.Multiple, b.Multiple));
        }
        return operands.All(shape => shape.IsScalar) ? LaneShape.Of(group, 0, 1) : LaneShape.Varying;
    }

    /// <summary>
    /// Quotients and remainders of positions by a whole number of vectors: lanes share the quotient and keep their distance in the
    /// remainder. The dividend must start a vector at a multiple of the vector and not be negative.
    /// </summary>
    private LaneShape? Quotient(Instruction i, LaneShape a)
    {
        if (a.Stride != 1 || a.Multiple % _lanes != 0 || ConstantOf(i.Operands[1]) is not { } constant || !IsNonNegative(i.Operands[0]))
            return null;
        long divisor = i.Op switch
        {
            Opcode.And => constant.Bits + 1,
            Opcode.ShrS or Opcode.ShrU => constant.Bits is >= 0 and < 31 ? 1L << (int)constant.Bits : 0,
            _ => constant.Bits,
        };
        if (divisor <= 0 || divisor % _lanes != 0 || (i.Op == Opcode.And && !long.IsPow2(divisor)))
            return null;
        return i.Op is Opcode.RemS or Opcode.RemU or Opcode.And
            ? new LaneShape(LaneKind.Affine, 1, LaneShape.Gcd(a.Multiple, divisor))
            : new LaneShape(LaneKind.Vector, 0, 1);
    }

    private bool IsNonNegative(Value value) => _ranges.IsNonNegative(value)
        || (value is Instruction { Op: Opcode.Add or Opcode.Mul } sum
            && sum.Type == IrType.I32 && sum.Operands.All(IsNonNegative) && IsBounded(sum));

    /// <summary>Whether a sum of positions stays within the group, whose dimensions the ranges do not know.</summary>
    private bool IsBounded(Value value) => value is Constant or Instruction { Op: Opcode.Special, Number: <= SpecialNumber.GroupDimZ }
        || ConstantOf(value) is not null
        || (value is Instruction { Op: Opcode.Add or Opcode.Mul } i && i.Operands.All(IsBounded));

    private static long Product(long a, long b) =>
        a == 0 || b == 0 ? 0 : Math.Abs(a) < int.MaxValue && Math.Abs(b) < int.MaxValue ? a * b : 1;

    private LaneShape Position(SpecialNumber number) => number switch
    {
        SpecialNumber.LaneIdx => new LaneShape(LaneKind.Affine, 1, 0),
        SpecialNumber.GroupIdX when Rows || Line => new LaneShape(LaneKind.Affine, 1, _lanes),
        SpecialNumber.GroupIdY or SpecialNumber.GroupIdZ when Rows => new LaneShape(LaneKind.Vector, 0, 1),
        SpecialNumber.GroupIdX or SpecialNumber.GroupIdY or SpecialNumber.GroupIdZ => LaneShape.Varying,
        _ => new LaneShape(LaneKind.Group, 0, 1),
    };

    /// <summary>Bytes from a thread's local array to the next thread's.</summary>
    public static int LocalStride(Instruction allocation) => ((int)allocation.Immediate + 15) / 16 * 16;
}
