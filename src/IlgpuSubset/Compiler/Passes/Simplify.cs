using System.Numerics;
using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>
/// Computes what is constant, applies identities of algebra, moves constants outward in sums and addresses, and computes equal
/// expressions once (dominator-based value numbering).
/// </summary>
internal sealed class Simplify
{
    private readonly Substitution _substitution = new();
    private readonly Dictionary<Expression, List<(Instruction Instruction, Block Block)>> _known = [];
    private readonly ControlFlow _flow;
    private readonly IntegerRanges _ranges;
    private List<Instruction> _output = [];
    private Block _block;

    private Simplify(IrKernel kernel)
    {
        _flow = new ControlFlow(kernel.Entry);
        _ranges = new IntegerRanges(kernel, _flow);
        _block = kernel.Entry;
        kernel.Blocks = _flow.Blocks;
    }

    public static void Run(IrKernel kernel) => new Simplify(kernel).Run();

    private void Run()
    {
        foreach (Block block in _flow.Blocks)
        {
            _block = block;
            _output = new List<Instruction>(block.Instructions.Count);
            foreach (Instruction instruction in block.Instructions)
            {
                _substitution.Resolve(instruction.Operands);
                if (instruction.IsPure)
                {
                    Value value = Reduce(instruction);
                    if (value != instruction)
                        _substitution.Replace(instruction, value);
                }
                else
                {
                    FoldAddress(instruction);
                    _output.Add(instruction);
                }
            }
            block.Instructions = _output;
            if (block.Terminator.Condition is { } condition)
                SimplifyBranch(block, _substitution.Resolve(condition));
        }
        _flow.Blocks.ForEach(_substitution.Apply);
    }

    /// <summary>An instruction as the simplest value known; it is added to the block if it has to be computed.</summary>
    private Value Reduce(Instruction i)
    {
        if (Fold.TryEvaluate(i, i.Operands) is { } constant)
            return constant;
        if (i.Op is Opcode.Add or Opcode.Mul or Opcode.And or Opcode.Or or Opcode.Xor or Opcode.FAdd or Opcode.FMul
                or Opcode.MinS or Opcode.MaxS or Opcode.MinU or Opcode.MaxU
            && i.Operands[0] is Constant && i.Operands[1] is not Constant)
            (i.Operands[0], i.Operands[1]) = (i.Operands[1], i.Operands[0]);
        if (Rewrite(i) is { } simpler)
            return simpler;
        var key = new Expression(i);
        if (_known.TryGetValue(key, out List<(Instruction Instruction, Block Block)>? candidates))
        {
            foreach ((Instruction instruction, Block at) in candidates)
            {
                if (_flow.Dominates(at, _block))
                    return instruction;
            }
        }
        else
        {
            _known.Add(key, candidates = []);
        }
        candidates.Add((i, _block));
        _output.Add(i);
        return i;
    }

    private Value Emit(Instruction like, Opcode op, IrType type, params Value[] operands) =>
        Reduce(new Instruction(op, type, operands) { Location = like.Location });

    private Value EmitConvert(Instruction like, ConvertKind kind, Value value, IrType type) =>
        value.Type == type ? value : Reduce(Instruction.Convert(kind, value, type, like.Location));

    private Value? Rewrite(Instruction i)
    {
        Value a = i.Operands.Length > 0 ? i.Operands[0] : i;
        Value b = i.Operands.Length > 1 ? i.Operands[1] : a;
        return i.Op switch
        {
            Opcode.Add => RewriteAdd(i, a, b),
            Opcode.Sub when b is Constant c => Emit(i, Opcode.Add, i.Type, a, new Constant(i.Type, -c.Bits)),
            Opcode.Sub when a == b => new Constant(i.Type, 0),
            // (x + c) - y as (x - y) + c
            Opcode.Sub when AddOfConstant(a) is ({ } x, { } c) => Emit(i, Opcode.Add, i.Type, Emit(i, Opcode.Sub, i.Type, x, b), c),
            Opcode.Mul => RewriteMul(i, a, b),
            Opcode.Shl when b is Constant { Bits: >= 0 } c && c.Bits < i.Type.Bits =>
                Emit(i, Opcode.Mul, i.Type, a, new Constant(i.Type, 1L << (int)c.Bits)),
            Opcode.ShrS or Opcode.ShrU when b is Constant { IsZero: true } => a,
            Opcode.ShrS when _ranges.IsNonNegative(a) => Emit(i, Opcode.ShrU, i.Type, a, b),
            Opcode.DivS or Opcode.DivU when b is Constant { Bits: 1 } => a,
            Opcode.DivS or Opcode.DivU when b is Constant { Bits: > 0 } c && DivideExactly(i, a, c) is { } quotient => quotient,
            Opcode.ShrU when b is Constant { Bits: > 0 and < 31 } c
                && DivideExactly(i, a, new Constant(i.Type, 1L << (int)c.Bits)) is { } quotient => quotient,
            Opcode.RemS or Opcode.RemU when b is Constant { Bits: > 0 } c && Remainder(i, a, c) is { } remainder => remainder,
            Opcode.And when b is Constant { Bits: > 0 } mask && BitOperations.IsPow2(mask.Bits + 1)
                && Remainder(i, a, new Constant(i.Type, mask.Bits + 1)) is { } remainder => remainder,
            Opcode.DivS when b is Constant { Bits: > 0 } && _ranges.IsNonNegative(a) => Emit(i, Opcode.DivU, i.Type, a, b),
            Opcode.DivU when b is Constant c && BitOperations.IsPow2(c.Unsigned) =>
                Emit(i, Opcode.ShrU, i.Type, a, new Constant(i.Type, BitOperations.Log2(c.Unsigned))),
            Opcode.RemS when b is Constant { Bits: > 0 } && _ranges.IsNonNegative(a) => Emit(i, Opcode.RemU, i.Type, a, b),
            Opcode.RemU when b is Constant c && BitOperations.IsPow2(c.Unsigned) =>
                Emit(i, Opcode.And, i.Type, a, new Constant(i.Type, (long)c.Unsigned - 1)),
            Opcode.And when b is Constant { IsZero: true } => b,
            Opcode.And when b is Constant { Bits: -1 } || (i.Type == IrType.I1 && b is Constant { Bits: 1 }) => a,
            Opcode.And or Opcode.Or or Opcode.MinS or Opcode.MaxS or Opcode.MinU or Opcode.MaxU when a == b => a,
            Opcode.Or when i.Type == IrType.I1 && b is Constant { Bits: 1 } => b,
            Opcode.Or or Opcode.Xor when b is Constant { IsZero: true } => a,
            Opcode.Xor when a == b => new Constant(i.Type, 0),
            Opcode.Xor when i.Type == IrType.I1 && b is Constant { Bits: 1 } && a is Instruction { Op: Opcode.Compare } compare =>
                Reduce(Instruction.Compare(Inverse(compare.Comparison), compare.Operands[0], compare.Operands[1], i.Location)),
            // x * 1 is x in every bit but for the kind of NaN; x + 0 is not, for -0.
            Opcode.FMul or Opcode.FDiv when b is Constant { Float: 1 } => a,
            Opcode.FNeg when a is Instruction { Op: Opcode.FNeg } inner => inner.Operands[0],
            Opcode.Compare => RewriteCompare(i, a, b),
            Opcode.Select => RewriteSelect(i),
            Opcode.Convert => RewriteConvert(i, a),
            Opcode.PtrAdd => RewritePtrAdd(i, a, b),
            Opcode.Extract when a is Instruction { Op: Opcode.BuildVector } vector => vector.Operands[i.Immediate],
            Opcode.BuildVector => RewriteBuildVector(i),
            _ => null,
        };
    }

    /// <summary>x and c of x + c; nulls for anything else.</summary>
    private static (Value? Sum, Constant? Constant) AddOfConstant(Value value) =>
        value is Instruction { Op: Opcode.Add } add && add.Operands[1] is Constant c ? (add.Operands[0], c) : (null, null);

    private Value? RewriteAdd(Instruction i, Value a, Value b)
    {
        if (b is Constant { IsZero: true })
            return a;
        if (AddOfConstant(a) is ({ } x, { } c))
        {
            return b is Constant d
                ? Emit(i, Opcode.Add, i.Type, x, new Constant(i.Type, c.Bits + d.Bits))
                : Emit(i, Opcode.Add, i.Type, Emit(i, Opcode.Add, i.Type, x, b), c);
        }
        if (AddOfConstant(b) is ({ } y, { } e))
            return Emit(i, Opcode.Add, i.Type, Emit(i, Opcode.Add, i.Type, a, y), e);
        // a + (0 - y)
        if (b is Instruction { Op: Opcode.Sub } negated && negated.Operands[0] is Constant { IsZero: true })
            return Emit(i, Opcode.Sub, i.Type, a, negated.Operands[1]);
        return null;
    }

    private Value? RewriteMul(Instruction i, Value a, Value b)
    {
        if (b is not Constant factor)
            return null;
        if (factor.IsZero)
            return factor;
        if (factor.Bits == 1)
            return a;
        if (AddOfConstant(a) is ({ } x, { } c))
            return Emit(i, Opcode.Add, i.Type, Emit(i, Opcode.Mul, i.Type, x, factor), new Constant(i.Type, c.Bits * factor.Bits));
        if (a is Instruction { Op: Opcode.Mul } inner && inner.Operands[1] is Constant d)
            return Emit(i, Opcode.Mul, i.Type, inner.Operands[0], new Constant(i.Type, d.Bits * factor.Bits));
        return null;
    }

    /// <summary>A number of which all others in a product or sum are multiples.</summary>
    private static long Factor(Value value) => value switch
    {
        Constant constant => constant.Bits,
        Instruction { Op: Opcode.Mul } i when i.Operands[1] is Constant c => c.Bits,
        Instruction { Op: Opcode.Add } i => (long)BigInteger.GreatestCommonDivisor(Factor(i.Operands[0]), Factor(i.Operands[1])),
        _ => 1,
    };

    /// <summary>
    /// A quotient of what is not negative and cannot overflow: its terms divided one by one, as far as the divisor divides them.
    /// </summary>
    private Value? DivideExactly(Instruction i, Value a, Constant divisor)
    {
        (long min, long max) = _ranges.Of(a);
        if (min >= 0 && max < divisor.Bits)
            return new Constant(i.Type, 0);
        if (min < 0 || a is not Instruction { Op: Opcode.Add or Opcode.Mul } terms || !_ranges.IsExact(terms))
            return null;
        if (terms.Op == Opcode.Mul)
        {
            return terms.Operands[1] is Constant factor && factor.Bits % divisor.Bits == 0
                ? Emit(i, Opcode.Mul, i.Type, terms.Operands[0], new Constant(i.Type, factor.Bits / divisor.Bits))
                : null;
        }
        foreach ((Value whole, Value rest) in new[] { (terms.Operands[1], terms.Operands[0]), (terms.Operands[0], terms.Operands[1]) })
        {
            if (Factor(whole) % divisor.Bits == 0 && _ranges.IsNonNegative(whole) && _ranges.IsNonNegative(rest))
            {
                return Emit(i, Opcode.Add, i.Type,
                    Emit(i, Opcode.DivU, i.Type, rest, divisor), Emit(i, Opcode.DivU, i.Type, whole, divisor));
            }
        }
        return null;
    }

    /// <summary>A remainder of what is not negative: without the terms that the divisor divides.</summary>
    private Value? Remainder(Instruction i, Value a, Constant divisor)
    {
        (long min, long max) = _ranges.Of(a);
        if (min >= 0 && max < divisor.Bits)
            return a;
        // Dropping multiples of a power of two is right whatever overflows, where the remainder is not signed.
        bool wraps = i.Op != Opcode.RemS && BitOperations.IsPow2(divisor.Bits);
        if (a is not Instruction { Op: Opcode.Add or Opcode.Mul } terms || (!wraps && (min < 0 || !_ranges.IsExact(terms))))
            return null;
        if (terms.Op == Opcode.Mul)
            return Factor(terms) % divisor.Bits == 0 ? new Constant(i.Type, 0) : null;
        foreach ((Value whole, Value rest) in new[] { (terms.Operands[1], terms.Operands[0]), (terms.Operands[0], terms.Operands[1]) })
        {
            if (Factor(whole) % divisor.Bits == 0 && (wraps || (_ranges.IsNonNegative(whole) && _ranges.IsNonNegative(rest))))
                return Emit(i, Opcode.RemU, i.Type, rest, divisor);
        }
        return null;
    }

    private Value? RewriteCompare(Instruction i, Value a, Value b)
    {
        CompareKind kind = i.Comparison;
        if (a is Constant && b is not Constant)
            return Reduce(Instruction.Compare(Swapped(kind), b, a, i.Location));
        // How IL tests truth values: (extended x) != 0.
        if (b is Constant { IsZero: true } && a is Instruction { Op: Opcode.Convert } extended
            && extended.Conversion is ConvertKind.ZeroExtend or ConvertKind.SignExtend
            && kind is CompareKind.Eq or CompareKind.Ne or CompareKind.GtU)
        {
            Value inner = extended.Operands[0];
            if (inner.Type == IrType.I1)
                return kind == CompareKind.Eq ? Emit(i, Opcode.Xor, IrType.I1, inner, Constant.Bool(true)) : inner;
            return Reduce(Instruction.Compare(kind, inner, new Constant(inner.Type, 0), i.Location));
        }
        if (a.Type == IrType.I1 && b is Constant truth && kind is CompareKind.Eq or CompareKind.Ne)
            return (kind == CompareKind.Ne) == truth.IsZero ? a : Emit(i, Opcode.Xor, IrType.I1, a, Constant.Bool(true));
        if (a == b && !a.Type.IsFloat)
            return Constant.Bool(kind is CompareKind.Eq or CompareKind.LeS or CompareKind.GeS or CompareKind.LeU or CompareKind.GeU);
        if (a.Type.IsInteger && CompareRanges(kind, _ranges.Of(a), _ranges.Of(b)) is { } known)
            return Constant.Bool(known);
        // x + c == d as x == d - c: exact, as both wrap alike.
        if (b is Constant d && kind is CompareKind.Eq or CompareKind.Ne && AddOfConstant(a) is ({ } x, { } c))
            return Reduce(Instruction.Compare(kind, x, new Constant(x.Type, d.Bits - c.Bits), i.Location));
        return null;
    }

    /// <summary>A comparison that holds, or fails, for all values within the bounds.</summary>
    private static bool? CompareRanges(CompareKind kind, (long Min, long Max) a, (long Min, long Max) b)
    {
        // Unsigned order is signed order where nothing is negative.
        if (kind is CompareKind.LtU or CompareKind.LeU or CompareKind.GtU or CompareKind.GeU)
        {
            if (a.Min < 0 || b.Min < 0)
                return null;
            kind -= CompareKind.LtU - CompareKind.LtS;
        }
        return kind switch
        {
            CompareKind.LtS => a.Max < b.Min ? true : a.Min >= b.Max ? false : null,
            CompareKind.LeS => a.Max <= b.Min ? true : a.Min > b.Max ? false : null,
            CompareKind.GtS => a.Min > b.Max ? true : a.Max <= b.Min ? false : null,
            CompareKind.GeS => a.Min >= b.Max ? true : a.Max < b.Min ? false : null,
            CompareKind.Eq => a.Max < b.Min || a.Min > b.Max ? false : null,
            CompareKind.Ne => a.Max < b.Min || a.Min > b.Max ? true : null,
            _ => null,
        };
    }

    private Value? RewriteSelect(Instruction i)
    {
        (Value condition, Value whenTrue, Value whenFalse) = (i.Operands[0], i.Operands[1], i.Operands[2]);
        if (condition is Constant constant)
            return constant.IsZero ? whenFalse : whenTrue;
        if (whenTrue == whenFalse || (whenTrue is Constant same && same.Equals(whenFalse as Constant)))
            return whenTrue;
        if (i.Type == IrType.I1)
        {
            if (whenTrue is Constant { Bits: 1 })
                return Emit(i, Opcode.Or, IrType.I1, condition, whenFalse);
            if (whenFalse is Constant { Bits: 0 })
                return Emit(i, Opcode.And, IrType.I1, condition, whenTrue);
            if (whenTrue is Constant { Bits: 0 })
                return Emit(i, Opcode.And, IrType.I1, Emit(i, Opcode.Xor, IrType.I1, condition, Constant.Bool(true)), whenFalse);
            if (whenFalse is Constant { Bits: 1 })
                return Emit(i, Opcode.Or, IrType.I1, Emit(i, Opcode.Xor, IrType.I1, condition, Constant.Bool(true)), whenTrue);
        }
        else if (whenTrue is Constant { Bits: 1 } && whenFalse is Constant { Bits: 0 } && i.Type.IsInteger)
        {
            return EmitConvert(i, ConvertKind.ZeroExtend, condition, i.Type);
        }
        return null;
    }

    private Value? RewriteConvert(Instruction i, Value a)
    {
        if (a is not Instruction { Op: Opcode.Convert } inner)
            return null;
        Value x = inner.Operands[0];
        switch (i.Conversion, inner.Conversion)
        {
            case (ConvertKind.Truncate, ConvertKind.Truncate):
                return EmitConvert(i, ConvertKind.Truncate, x, i.Type);
            case (ConvertKind.Truncate, ConvertKind.ZeroExtend or ConvertKind.SignExtend):
                return EmitConvert(i, x.Type.Bits < i.Type.Bits ? inner.Conversion : ConvertKind.Truncate, x, i.Type);
            case (ConvertKind.ZeroExtend or ConvertKind.SignExtend, ConvertKind.ZeroExtend):
                return EmitConvert(i, ConvertKind.ZeroExtend, x, i.Type);
            case (ConvertKind.SignExtend, ConvertKind.SignExtend):
                return EmitConvert(i, ConvertKind.SignExtend, x, i.Type);
            case (ConvertKind.Bitcast, ConvertKind.Bitcast):
                return EmitConvert(i, ConvertKind.Bitcast, x, i.Type);
            // (float)uint goes through double in IL, which holds every 32-bit integer.
            case (ConvertKind.FloatTruncate, ConvertKind.UnsignedToFloat or ConvertKind.SignedToFloat)
                when inner.Type == IrType.F64 && x.Type.Bits <= 32 && i.Type == IrType.F32:
                return EmitConvert(i, inner.Conversion, x, i.Type);
            case (ConvertKind.FloatTruncate, ConvertKind.FloatExtend) when x.Type == i.Type:
                return x;
            default:
                return null;
        }
    }

    /// <summary>
    /// Keeps addresses as base + index * scale + constant, with the constant outermost, and the index in 32 bits where it was.
    /// An index is assumed not to overflow, so sign extension distributes over the sums that compute it.
    /// </summary>
    private Value? RewritePtrAdd(Instruction i, Value pointer, Value index)
    {
        if (index is Constant constant)
        {
            long bytes = constant.Bits * i.Immediate;
            if (bytes == 0)
                return pointer;
            if (pointer is Instruction { Op: Opcode.PtrAdd } before && before.Operands[1] is Constant earlier)
                return Move(i, before.Operands[0], Constant.Int64(earlier.Bits * before.Immediate + bytes), 1);
            return i.Immediate == 1 && constant.Type == IrType.I64 ? null : Move(i, pointer, Constant.Int64(bytes), 1);
        }
        if (pointer is Instruction { Op: Opcode.PtrAdd } inner && inner.Operands[1] is Constant displacement)
            return Move(i, Move(i, inner.Operands[0], index, i.Immediate), displacement, inner.Immediate);
        if (index is Instruction { Op: Opcode.Convert, Conversion: ConvertKind.SignExtend } extended
            && extended.Operands[0].Type == IrType.I32)
            return Move(i, pointer, extended.Operands[0], i.Immediate);
        if (index is Instruction { Op: Opcode.Convert, Conversion: ConvertKind.ZeroExtend } positive
            && positive.Operands[0].Type == IrType.I32 && _ranges.IsNonNegative(positive.Operands[0]))
            return Move(i, pointer, positive.Operands[0], i.Immediate);
        if (AddOfConstant(index) is ({ } x, { } c))
            return Move(i, Move(i, pointer, x, i.Immediate), Constant.Int64(c.Bits * i.Immediate), 1);
        return null;
    }

    private Value Move(Instruction like, Value pointer, Value index, long scale) =>
        Reduce(Instruction.PtrAdd(pointer, index, scale, like.Location));

    /// <summary>The constant part of an address goes into the access.</summary>
    private static void FoldAddress(Instruction access)
    {
        if (access.Op is not (Opcode.Load or Opcode.Store or Opcode.Atomic or Opcode.MatrixLoad or Opcode.CopyAsync))
            return;
        while (access.Operands[0] is Instruction { Op: Opcode.PtrAdd } moved && moved.Operands[1] is Constant index)
        {
            access.Immediate += index.Bits * moved.Immediate;
            access.Operands[0] = moved.Operands[0];
        }
    }

    private static Value? RewriteBuildVector(Instruction i)
    {
        // All lanes of one vector, in order.
        Value? whole = null;
        for (int lane = 0; lane < i.Operands.Length; lane++)
        {
            if (i.Operands[lane] is not Instruction { Op: Opcode.Extract } extract || extract.Immediate != lane
                || (whole is not null && whole != extract.Operands[0]))
                return null;
            whole = extract.Operands[0];
        }
        return whole!.Type == i.Type ? whole : null;
    }

    private static void SimplifyBranch(Block block, Value condition)
    {
        block.Terminator.Condition = condition;
        // A negated condition swaps the ways instead.
        if (condition is Instruction { Op: Opcode.Xor } negation && negation.Operands[1] is Constant { Bits: 1 })
        {
            Edge[] edges = block.Terminator.Edges;
            block.Terminator = Terminator.Branch(negation.Operands[0], edges[1], edges[0], block.Terminator.Location);
        }
    }

    public static CompareKind Inverse(CompareKind kind) => kind switch
    {
        CompareKind.Eq => CompareKind.Ne,
        CompareKind.Ne => CompareKind.Eq,
        CompareKind.LtS => CompareKind.GeS,
        CompareKind.LeS => CompareKind.GtS,
        CompareKind.GtS => CompareKind.LeS,
        CompareKind.GeS => CompareKind.LtS,
        CompareKind.LtU => CompareKind.GeU,
        CompareKind.LeU => CompareKind.GtU,
        CompareKind.GtU => CompareKind.LeU,
        CompareKind.GeU => CompareKind.LtU,
        CompareKind.FEq => CompareKind.FNeU,
        CompareKind.FNeU => CompareKind.FEq,
        CompareKind.FLt => CompareKind.FGeU,
        CompareKind.FLe => CompareKind.FGtU,
        CompareKind.FGt => CompareKind.FLeU,
        CompareKind.FGe => CompareKind.FLtU,
        CompareKind.FLtU => CompareKind.FGe,
        CompareKind.FLeU => CompareKind.FGt,
        CompareKind.FGtU => CompareKind.FLe,
        _ => CompareKind.FLt,
    };

    private static CompareKind Swapped(CompareKind kind) => kind switch
    {
        CompareKind.LtS => CompareKind.GtS,
        CompareKind.LeS => CompareKind.GeS,
        CompareKind.GtS => CompareKind.LtS,
        CompareKind.GeS => CompareKind.LeS,
        CompareKind.LtU => CompareKind.GtU,
        CompareKind.LeU => CompareKind.GeU,
        CompareKind.GtU => CompareKind.LtU,
        CompareKind.GeU => CompareKind.LeU,
        CompareKind.FLt => CompareKind.FGt,
        CompareKind.FLe => CompareKind.FGe,
        CompareKind.FGt => CompareKind.FLt,
        CompareKind.FGe => CompareKind.FLe,
        CompareKind.FLtU => CompareKind.FGtU,
        CompareKind.FLeU => CompareKind.FGeU,
        CompareKind.FGtU => CompareKind.FLtU,
        CompareKind.FGeU => CompareKind.FLeU,
        _ => kind,
    };

    /// <summary>What an instruction computes, for comparison with others.</summary>
    private readonly struct Expression(Instruction instruction) : IEquatable<Expression>
    {
        private readonly Instruction _instruction = instruction;

        public bool Equals(Expression other)
        {
            (Instruction a, Instruction b) = (_instruction, other._instruction);
            if (a.Op != b.Op || a.Type != b.Type || a.Immediate != b.Immediate
                || a.Kind != b.Kind || a.Operands.Length != b.Operands.Length)
                return false;
            for (int i = 0; i < a.Operands.Length; i++)
            {
                if (a.Operands[i] != b.Operands[i] && !(a.Operands[i] is Constant constant && constant.Equals(b.Operands[i] as Constant)))
                    return false;
            }
            return true;
        }

        /// <inheritdoc/>
        public override bool Equals(object? obj) => obj is Expression other && Equals(other);

        /// <inheritdoc/>
        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add(_instruction.Op);
            hash.Add(_instruction.Type);
            hash.Add(_instruction.Immediate);
            hash.Add(_instruction.Kind);
            foreach (Value operand in _instruction.Operands)
                hash.Add(operand is Constant ? operand.GetHashCode() : System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(operand));
            return hash.ToHashCode();
        }
    }
}
