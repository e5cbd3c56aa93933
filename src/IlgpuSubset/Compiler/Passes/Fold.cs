using System.Numerics;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>
/// The value of an operation on constants, exactly as a device computes it; functions that devices round differently stay.
/// </summary>
internal static class Fold
{
    /// <summary>The constant that an instruction always gives; null where it is not constant.</summary>
    public static Constant? TryEvaluate(Instruction i, ReadOnlySpan<Value> operands)
    {
        if (!i.IsPure || operands.Length == 0)
            return null;
        foreach (Value operand in operands)
        {
            if (operand is not Constant || operand.Type.IsPointer)
                return null;
        }
        var a = (Constant)operands[0];
        var b = operands.Length > 1 ? (Constant)operands[1] : a;
        return i.Op switch
        {
            >= Opcode.Add and <= Opcode.MaxU => Integer(i.Op, a, b),
            >= Opcode.FAdd and <= Opcode.FMax => Float(i.Op, a, b),
            Opcode.FNeg => new Constant(a.Type, a.Bits ^ (1L << (a.Type.Bits - 1))),
            Opcode.Fma => FusedMultiplyAdd(a, b, (Constant)operands[2]),
            Opcode.Compare => Constant.Bool(Compare(i.Comparison, a, b)),
            Opcode.Select => a.IsZero ? (Constant)operands[2] : b,
            Opcode.Convert => Convert(i.Conversion, a, i.Type),
            Opcode.Math => Function(i.Function, a),
            _ => null,
        };
    }

    private static Constant? Integer(Opcode op, Constant a, Constant b)
    {
        int shift = (int)((ulong)b.Bits & (ulong)(a.Type.Bits - 1));
        bool dividesByZero = b.IsZero && op is Opcode.DivS or Opcode.DivU or Opcode.RemS or Opcode.RemU;
        if (b.IsZero && dividesByZero)
            return null;
        long result = op switch
        {
            Opcode.Add => a.Bits + b.Bits,
            Opcode.Sub => a.Bits - b.Bits,
            Opcode.Mul => a.Bits * b.Bits,
            // The one overflow of division; hardware wraps where the host would fault.
            Opcode.DivS => b.Bits == -1 ? -a.Bits : a.Bits / b.Bits,
            Opcode.DivU => (long)(a.Unsigned / b.Unsigned),
            Opcode.RemS => b.Bits == -1 ? 0 : a.Bits % b.Bits,
            Opcode.RemU => (long)(a.Unsigned % b.Unsigned),
            Opcode.And => a.Bits & b.Bits,
            Opcode.Or => a.Bits | b.Bits,
            Opcode.Xor => a.Bits ^ b.Bits,
            Opcode.Shl => a.Bits << shift,
            Opcode.ShrS => a.Bits >> shift,
            Opcode.ShrU => (long)(a.Unsigned >> shift),
            Opcode.MinS => Math.Min(a.Bits, b.Bits),
            Opcode.MaxS => Math.Max(a.Bits, b.Bits),
            Opcode.MinU => a.Unsigned < b.Unsigned ? a.Bits : b.Bits,
            _ => a.Unsigned > b.Unsigned ? a.Bits : b.Bits,
        };
        return new Constant(a.Type, result);
    }

    private static Constant? Float(Opcode op, Constant a, Constant b)
    {
        if (a.Type == IrType.F64)
            return Constant.Double(Compute(a.Float, b.Float));
        if (a.Type == IrType.F32)
            return Constant.Single(Compute((float)a.Float, (float)b.Float));
        return null;

        T Compute<T>(T x, T y)
            where T : IBinaryFloatingPointIeee754<T> => op switch
            {
                Opcode.FAdd => x + y,
                Opcode.FSub => x - y,
                Opcode.FMul => x * y,
                Opcode.FDiv => x / y,
                Opcode.FRem => x % y,
                Opcode.FMin => T.MinNumber(x, y),
                _ => T.MaxNumber(x, y),
            };
    }

    private static Constant? FusedMultiplyAdd(Constant a, Constant b, Constant c) => a.Type.Scalar switch
    {
        ScalarType.F32 => Constant.Single(MathF.FusedMultiplyAdd((float)a.Float, (float)b.Float, (float)c.Float)),
        ScalarType.F64 => Constant.Double(Math.FusedMultiplyAdd(a.Float, b.Float, c.Float)),
        _ => null,
    };

    public static bool Compare(CompareKind kind, Constant a, Constant b) => kind switch
    {
        CompareKind.Eq => a.Bits == b.Bits,
        CompareKind.Ne => a.Bits != b.Bits,
        CompareKind.LtS => a.Bits < b.Bits,
        CompareKind.LeS => a.Bits <= b.Bits,
        CompareKind.GtS => a.Bits > b.Bits,
        CompareKind.GeS => a.Bits >= b.Bits,
        CompareKind.LtU => a.Unsigned < b.Unsigned,
        CompareKind.LeU => a.Unsigned <= b.Unsigned,
        CompareKind.GtU => a.Unsigned > b.Unsigned,
        CompareKind.GeU => a.Unsigned >= b.Unsigned,
        CompareKind.FEq => a.Float == b.Float,
        CompareKind.FNeU => a.Float != b.Float,
        CompareKind.FLt => a.Float < b.Float,
        CompareKind.FLe => a.Float <= b.Float,
        CompareKind.FGt => a.Float > b.Float,
        CompareKind.FGe => a.Float >= b.Float,
        CompareKind.FLtU => !(a.Float >= b.Float),
        CompareKind.FLeU => !(a.Float > b.Float),
        CompareKind.FGtU => !(a.Float <= b.Float),
        _ => !(a.Float < b.Float),
    };

    public static Constant Convert(ConvertKind kind, Constant a, IrType to) => kind switch
    {
        // A truth value extends from one bit: all ones is what its sign bit gives.
        ConvertKind.SignExtend => new Constant(to, a.Type == IrType.I1 ? -a.Bits : a.Bits),
        ConvertKind.ZeroExtend => new Constant(to, (long)a.Unsigned),
        ConvertKind.Truncate => new Constant(to, a.Bits),
        ConvertKind.SignedToFloat => to == IrType.F32 ? Constant.Single(a.Bits) : Constant.FromDouble(to, a.Bits),
        ConvertKind.UnsignedToFloat => to == IrType.F32 ? Constant.Single(a.Unsigned) : Constant.FromDouble(to, a.Unsigned),
        ConvertKind.FloatToSigned => new Constant(to, to.Bits switch
        {
            8 => sbyte.CreateSaturating(a.Float),
            16 => short.CreateSaturating(a.Float),
            32 => int.CreateSaturating(a.Float),
            _ => long.CreateSaturating(a.Float),
        }),
        ConvertKind.FloatToUnsigned => new Constant(to, to.Bits switch
        {
            8 => byte.CreateSaturating(a.Float),
            16 => ushort.CreateSaturating(a.Float),
            32 => uint.CreateSaturating(a.Float),
            _ => (long)ulong.CreateSaturating(a.Float),
        }),
        ConvertKind.FloatExtend or ConvertKind.FloatTruncate => Constant.FromDouble(to, a.Float),
        ConvertKind.RoundToBFloat16 => new Constant(to, BFloat16.ToBits((BFloat16)(float)a.Float)),
        _ => new Constant(to, a.Bits),
    };

    private static Constant? Function(MathFunction function, Constant a)
    {
        if (a.Type == IrType.F32)
            return Exact((float)a.Float) is { } single ? Constant.Single(single) : null;
        if (a.Type == IrType.F64)
            return Exact(a.Float) is { } number ? Constant.Double(number) : null;
        if (!a.Type.IsInteger)
            return null;
        int width = a.Type.Bits;
        return function switch
        {
            MathFunction.PopCount => new Constant(a.Type, BitOperations.PopCount(a.Unsigned)),
            MathFunction.LeadingZeros => new Constant(a.Type, BitOperations.LeadingZeroCount(a.Unsigned) - (64 - width)),
            MathFunction.TrailingZeros => new Constant(a.Type, Math.Min(width, BitOperations.TrailingZeroCount(a.Unsigned))),
            _ => null,
        };

        T? Exact<T>(T x)
            where T : struct, IBinaryFloatingPointIeee754<T> => function switch
            {
                MathFunction.Abs => T.Abs(x),
                MathFunction.Floor => T.Floor(x),
                MathFunction.Ceiling => T.Ceiling(x),
                MathFunction.Truncate => T.Truncate(x),
                MathFunction.RoundToEven => T.Round(x),
                MathFunction.Sqrt => T.Sqrt(x),
                _ => null,
            };
    }
}
