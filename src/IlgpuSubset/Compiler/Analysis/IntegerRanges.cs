using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Analysis;

/// <summary>
/// Bounds of integers, as far as they follow from how they are computed: positions in a group, counters of loops, remainders.
/// </summary>
internal sealed class IntegerRanges(IrKernel kernel, ControlFlow flow)
{
    /// <summary>How far expressions are followed; beyond it nothing is known.</summary>
    private const int MaxDepth = 24;

    private readonly Dictionary<Value, (long Min, long Max)> _known = new(ReferenceEqualityComparer.Instance);
    private Dictionary<BlockParameter, Block>? _blockOf;

    /// <summary>The least and greatest value of an integer, read as signed.</summary>
    public (long Min, long Max) Of(Value value) => Of(value, 0);

    /// <summary>Whether an integer cannot be negative.</summary>
    public bool IsNonNegative(Value value) => Of(value).Min >= 0;

    /// <summary>Whether a sum or product of integers cannot overflow.</summary>
    public bool IsExact(Instruction i) => Computed(i, 0) is var (min, max) && Fits(i.Type, min, max);

    private static (long Min, long Max) All(IrType type) => type.Bits switch
    {
        1 => (0, 1),
        64 => (long.MinValue, long.MaxValue),
        _ => (-(1L << (type.Bits - 1)), (1L << (type.Bits - 1)) - 1),
    };

    private static bool Fits(IrType type, long min, long max) =>
        All(type) is var (least, most) && min >= least && max <= most && min <= max;

    private (long Min, long Max) Of(Value value, int depth)
    {
        if (value is Constant constant)
            return (constant.Bits, constant.Bits);
        if (!value.Type.IsInteger || value.Type.IsVector || depth > MaxDepth)
            return All(value.Type);
        if (_known.TryGetValue(value, out (long Min, long Max) known))
            return known;
        // What is found on the way to itself counts as unknown.
        _known[value] = All(value.Type);
        (long min, long max) = value switch
        {
            Parameter { Role: ParameterRole.ViewLength } => (0, long.MaxValue),
            BlockParameter parameter => OfParameter(parameter, depth),
            Instruction i => Computed(i, depth),
            _ => All(value.Type),
        };
        return _known[value] = Fits(value.Type, min, max) ? (min, max) : All(value.Type);
    }

    /// <summary>The range of an instruction as if its type had no end.</summary>
    private (long Min, long Max) Computed(Instruction i, int depth)
    {
        (long Min, long Max) a = i.Operands.Length > 0 && i.Operands[0].Type.IsInteger ? Of(i.Operands[0], depth + 1) : default;
        (long Min, long Max) b = i.Operands.Length > 1 && i.Operands[1].Type.IsInteger ? Of(i.Operands[1], depth + 1) : default;
        switch (i.Op)
        {
            case Opcode.Special:
                return OfSpecial(i.Number);
            case Opcode.DynamicSharedSize:
                return (0, int.MaxValue);
            case Opcode.Add when Small(a) && Small(b):
                return (a.Min + b.Min, a.Max + b.Max);
            case Opcode.Sub when Small(a) && Small(b):
                return (a.Min - b.Max, a.Max - b.Min);
            case Opcode.Mul when Small(a) && Small(b):
                long[] products = [a.Min * b.Min, a.Min * b.Max, a.Max * b.Min, a.Max * b.Max];
                return (products.Min(), products.Max());
            case Opcode.DivS or Opcode.DivU when a.Min >= 0 && b.Min > 0:
                return (a.Min / b.Max, a.Max / b.Min);
            case Opcode.RemS or Opcode.RemU when a.Min >= 0 && b.Min > 0:
                return (0, Math.Min(a.Max, b.Max - 1));
            case Opcode.RemU when b.Min > 0:
                return (0, b.Max - 1);
            case Opcode.RemS when b.Min > 0:
                return (1 - b.Max, b.Max - 1);
            case Opcode.And when a.Min >= 0 || b.Min >= 0:
                return (0, a.Min < 0 ? b.Max : b.Min < 0 ? a.Max : Math.Min(a.Max, b.Max));
            case Opcode.Or or Opcode.Xor when a.Min >= 0 && b.Min >= 0 && Small(a) && Small(b):
                return (0, (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)Math.Max(a.Max, b.Max) + 1) - 1);
            case Opcode.ShrU or Opcode.ShrS when a.Min >= 0 && i.Operands[1] is Constant { Bits: >= 0 and < 64 } shift:
                return (a.Min >> (int)shift.Bits, a.Max >> (int)shift.Bits);
            case Opcode.ShrU when i.Operands[1] is Constant { Bits: > 0 } positive && positive.Bits < i.Type.Bits:
                return (0, (long)(ulong.MaxValue >> (64 - i.Type.Bits) >> (int)positive.Bits));
            case Opcode.MinS:
                return (Math.Min(a.Min, b.Min), Math.Min(a.Max, b.Max));
            case Opcode.MaxS:
                return (Math.Max(a.Min, b.Min), Math.Max(a.Max, b.Max));
            case Opcode.Select:
                (long Min, long Max) c = Of(i.Operands[2], depth + 1);
                return (Math.Min(b.Min, c.Min), Math.Max(b.Max, c.Max));
            case Opcode.Convert when i.Conversion == ConvertKind.SignExtend && i.Operands[0].Type != IrType.I1:
                return a;
            case Opcode.Convert when i.Conversion == ConvertKind.ZeroExtend:
                return a.Min >= 0 ? a : (0, (1L << i.Operands[0].Type.Bits) - 1);
            case Opcode.Convert when i.Conversion == ConvertKind.Truncate && Fits(i.Type, a.Min, a.Max):
                return a;
            default:
                return All(i.Type);
        }

        // Sums and products of these do not overflow 64 bits.
        static bool Small((long Min, long Max) range) => range.Min >= int.MinValue && range.Max <= int.MaxValue;
    }

    private (long Min, long Max) OfSpecial(SpecialNumber number)
    {
        int threads = kernel.MaxThreadsPerGroup ?? LaunchLimits.GroupSize;
        return number switch
        {
            SpecialNumber.LaneIdx => (0, kernel.WarpSize - 1),
            <= SpecialNumber.GroupIdZ => (0, threads - 1),
            <= SpecialNumber.GroupDimZ => (1, threads),
            SpecialNumber.GridIdX => (0, LaunchLimits.GridX - 1),
            <= SpecialNumber.GridIdZ => (0, LaunchLimits.GridYZ - 1),
            SpecialNumber.GridDimX => (1, LaunchLimits.GridX),
            _ => (1, LaunchLimits.GridYZ),
        };
    }

    private (long Min, long Max) OfParameter(BlockParameter parameter, int depth)
    {
        _blockOf ??= flow.Blocks.SelectMany(block => block.Parameters.Select(p => (p, block)))
            .ToDictionary(pair => pair.p, pair => pair.block);
        Block block = _blockOf[parameter];
        int index = block.Parameters.IndexOf(parameter);
        long min = long.MaxValue;
        long max = long.MinValue;
        foreach ((Edge edge, Block from) in flow.Incoming(block).Zip(flow.Predecessors(block)))
        {
            Value argument = edge.Arguments[index];
            (long Min, long Max) range = flow.IsBackEdge(from, block)
                ? Advanced(parameter, block, argument, depth)
                : Of(argument, depth + 1);
            (min, max) = (Math.Min(min, range.Min), Math.Max(max, range.Max));
        }
        return (min, max);
    }

    /// <summary>
    /// What a loop's counter is after a round: counter + step, where the counter is at most what the test at the loop's head lets
    /// through. Of a step up only the upper end counts, the lower one being the start.
    /// </summary>
    private (long Min, long Max) Advanced(BlockParameter counter, Block header, Value argument, int depth)
    {
        if (argument == counter)
            return (long.MaxValue, long.MinValue);
        if (argument is Instruction { Op: Opcode.Add } sum && sum.Operands[0] == counter && sum.Operands[1] is Constant { Bits: > 0 } step
            && header.Terminator is { Condition: Instruction { Op: Opcode.Compare } test } && test.Operands[0] == counter
            && test.Comparison is CompareKind.LtS or CompareKind.LeS
            && flow.InnermostLoop(header) is { } loop && loop.Header == header
            && loop.Blocks.Contains(header.Terminator.Edges[0].Target) && !loop.Blocks.Contains(header.Terminator.Edges[1].Target))
        {
            long bound = Of(test.Operands[1], depth + 1).Max;
            long last = test.Comparison == CompareKind.LtS ? bound - 1 : bound;
            if (last <= All(counter.Type).Max - step.Bits)
                return (long.MaxValue, last + step.Bits);
        }
        return All(counter.Type);
    }
}
