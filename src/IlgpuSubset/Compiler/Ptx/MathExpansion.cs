using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Ptx;

/// <summary>
/// Functions that PTX has no accurate instruction for, as sequences of IR operations that are each rounded once. The errors are
/// therefore the same on every device; <c>ex2.approx</c> and its kin are not used.
/// </summary>
/// <remarks>
/// Largest errors in units in the last place, over all f32 arguments or a dense sample (the tests hold them): Exp 1, Exp2 1, Log 1,
/// Log2 2, Log10 2, Tanh 1.5, Rsqrt 1.5. Of f32 the functions Sin, Cos, Tan (up to 2^30), Atan2 and Pow are computed in f64: 1. In f64 all
/// are within 3, but Pow, whose relative error grows with |y ln x|. f16 goes through f32. FRem is exact while the quotient is below 2^53.
/// The series are Taylor's: their coefficients need no table, and the two more terms than a minimax polynomial would take cost nothing
/// beside the memory traffic of the kernels that call them.
/// </remarks>
internal sealed class MathExpansion
{
    private const double Ln2Low = 2.3190468138462996e-17;
    private const double Log10Of2 = 0.3010299956639812;
    private const double Log10Of2Low = -2.8037281277851704e-18;
    private const double HalfPiLow = 6.123233995736766e-17;
    private const double HalfPiLowest = -1.4973849048591698e-33;

    private readonly List<Instruction> _code = [];
    private readonly IrType _type;
    private readonly IrType _bits;
    private readonly SourceLocation _location;

    private MathExpansion(IrType type, SourceLocation location)
    {
        _type = type;
        _bits = IsDouble ? IrType.I64 : IrType.I32;
        _location = location;
    }

    private bool IsDouble => _type == IrType.F64;

    private int MantissaBits => IsDouble ? 52 : 23;

    private int ExponentBias => IsDouble ? 1023 : 127;

    private long SignBit => IsDouble ? long.MinValue : int.MinValue;

    /// <summary>The instructions that compute a function, its result last; null where PTX has an instruction for it.</summary>
    public static IReadOnlyList<Instruction>? Expand(Instruction i)
    {
        bool isRemainder = i.Op == Opcode.FRem;
        if (IsInstruction(i))
            return null;

        // Wider where the type has no arithmetic of its own, or where the function's accuracy comes from the extra bits.
        bool viaDouble = isRemainder
            || i.Function is MathFunction.Sin or MathFunction.Cos or MathFunction.Tan or MathFunction.Atan2 or MathFunction.Pow;
        IrType wide = i.Type == IrType.F16 ? IrType.F32 : viaDouble ? IrType.F64 : i.Type;
        var expansion = new MathExpansion(wide, i.Location);
        if (wide != i.Type)
        {
            Value[] operands =
                [.. i.Operands.Select(operand => expansion.Add(Instruction.Convert(ConvertKind.FloatExtend, operand, wide, i.Location)))];
            Value result = expansion.Add(new Instruction(i.Op, wide, operands) { Kind = i.Kind, Location = i.Location });
            expansion.Add(Instruction.Convert(ConvertKind.FloatTruncate, result, i.Type, i.Location));
            return expansion._code;
        }
        Value x = i.Operands[0];
        _ = isRemainder ? expansion.Remainder(x, i.Operands[1]) : i.Function switch
        {
            MathFunction.Exp => expansion.Exp(x),
            MathFunction.Exp2 => expansion.Exp2(x),
            MathFunction.Log => expansion.Log(x, LogBase.E),
            MathFunction.Log2 => expansion.Log(x, LogBase.Two),
            MathFunction.Log10 => expansion.Log(x, LogBase.Ten),
            MathFunction.Rsqrt => expansion.Math(MathFunction.Rcp, expansion.Math(MathFunction.Sqrt, x)),
            MathFunction.Sin => expansion.Sine(x, 0),
            MathFunction.Cos => expansion.Sine(x, 1),
            MathFunction.Tan => expansion.Binary(Opcode.FDiv, expansion.Sine(x, 0), expansion.Sine(x, 1)),
            MathFunction.Tanh => expansion.Tanh(x),
            MathFunction.Atan2 => expansion.Atan2(x, i.Operands[1]),
            MathFunction.Pow => expansion.Pow(x, i.Operands[1]),
            _ => throw new KernelCompilerException($"The function {i.Function} of {i.Type}", i.Location),
        };
        return expansion._code;
    }

    /// <summary>Whether PTX has an instruction for the operation on its type.</summary>
    private static bool IsInstruction(Instruction i) => i.Op switch
    {
        Opcode.FRem => false,
        Opcode.FDiv or Opcode.FMin or Opcode.FMax => i.Type != IrType.F16,
        Opcode.Math when i.Type == IrType.F16 => i.Function == MathFunction.Abs,
        Opcode.Math => i.Function is <= MathFunction.TrailingZeros or MathFunction.Rcp,
        _ => true,
    };

    private enum LogBase
    {
        E,
        Two,
        Ten,
    }

    /// <summary>e^x = 2^n e^r with n = rint(x / ln 2), |r| at most ln 2 / 2.</summary>
    private Value Exp(Value x)
    {
        // Beyond these the result is 0 or infinity; without the limit r would be infinity minus infinity. NaN passes.
        x = Clamp(x, IsDouble ? -746 : -104, IsDouble ? 710 : 89);
        (Value n, Value r) = ReduceByLn2(x);
        return Scale(Horner(r, ExponentialTerms(1)), n);
    }

    private Value Exp2(Value x)
    {
        x = Clamp(x, IsDouble ? -1076 : -151, IsDouble ? 1025 : 129);
        Value n = Math(MathFunction.RoundToEven, x);
        return Scale(Horner(Binary(Opcode.FSub, x, n), ExponentialTerms(double.Log(2))), n);
    }

    /// <summary>
    /// Log x = e ln 2 + log m, m in [sqrt 1/2, sqrt 2); log m = 2 artanh(f / (2 + f)) with f = m - 1, arranged to lose no bits of f.
    /// </summary>
    private Value Log(Value x, LogBase logBase)
    {
        Value isTiny = Compare(CompareKind.FLt, x, Constant(IsDouble ? double.ScaleB(1, -1022) : double.ScaleB(1, -126)));
        Value normal = Select(isTiny, Binary(Opcode.FMul, x, Constant(double.ScaleB(1, MantissaBits))), x);
        Value bits = Bitcast(normal, _bits);
        Value exponent = Binary(
            Opcode.ShrS, Binary(Opcode.Sub, bits, Bits(Constant(double.Sqrt(0.5)).Bits)), Bits(MantissaBits));
        Value m = Bitcast(Binary(Opcode.Sub, bits, Binary(Opcode.Shl, exponent, Bits(MantissaBits))), _type);
        exponent = Binary(Opcode.Sub, exponent, Select(isTiny, Bits(MantissaBits), Bits(0)));
        Value e = Add(Instruction.Convert(ConvertKind.SignedToFloat, exponent, _type, _location));

        Value f = Binary(Opcode.FSub, m, Constant(1));
        Value s = Binary(Opcode.FDiv, f, Binary(Opcode.FAdd, f, Constant(2)));
        Value z = Binary(Opcode.FMul, s, s);
        // 2/3 + 2/5 z + 2/7 z^2 ...; z is at most 0.0295.
        Value series = Binary(Opcode.FMul, z, Horner(z, [.. Enumerable.Range(1, IsDouble ? 11 : 5).Select(k => 2.0 / (2 * k + 1))]));
        Value half = Binary(Opcode.FMul, Binary(Opcode.FMul, f, Constant(0.5)), f);
        Value correction = Binary(Opcode.FMul, s, Binary(Opcode.FAdd, half, series));
        Value low = logBase == LogBase.E ? Fma(e, Low(double.Log(2), Ln2Low), correction) : correction;
        Value log = Binary(Opcode.FSub, f, Binary(Opcode.FSub, half, low));
        Value result = logBase switch
        {
            LogBase.E => Fma(e, Constant(double.Log(2)), log),
            LogBase.Two => Fma(log, Constant(1 / double.Log(2)), e),
            _ => Fma(e, Constant(Log10Of2), Fma(e, Low(Log10Of2, Log10Of2Low), Binary(Opcode.FMul, log, Constant(1 / double.Log(10))))),
        };

        Value outside = Select(Compare(CompareKind.FEq, x, Constant(0)), Constant(double.NegativeInfinity), Constant(double.NaN));
        result = Select(Compare(CompareKind.FGt, x, Constant(0)), result, outside);
        return Select(Compare(CompareKind.FEq, x, Constant(double.PositiveInfinity)), x, result);
    }

    /// <summary>Tanh x = 1 - 2 / (e^2x + 1); where x is so small that this would lose bits, the series of odd powers.</summary>
    private Value Tanh(Value x)
    {
        const double SeriesEnd = 0.55;
        Value magnitude = Math(MathFunction.Abs, x);
        Value limit = Constant(IsDouble ? 22 : 10);
        Value bounded = Select(Compare(CompareKind.FGt, magnitude, limit), limit, magnitude);
        (Value n, Value r) = ReduceByLn2(Binary(Opcode.FAdd, bounded, bounded));
        Value e = Binary(Opcode.FMul, Horner(r, ExponentialTerms(1)), PowerOfTwo(ToInteger(n)));
        Value large = Binary(Opcode.FSub, Constant(1), Binary(Opcode.FDiv, Constant(2), Binary(Opcode.FAdd, e, Constant(1))));

        Value z = Binary(Opcode.FMul, magnitude, magnitude);
        Value small = Fma(Binary(Opcode.FMul, z, magnitude), Horner(z, TanhTerms(IsDouble ? 18 : 9)), magnitude);
        return CopySign(Select(Compare(CompareKind.FLt, magnitude, Constant(SeriesEnd)), small, large), x);
    }

    /// <summary>The coefficients of x^3, x^5 ... in tanh x, from tanh' = 1 - tanh^2.</summary>
    private static double[] TanhTerms(int count)
    {
        // Of x^(2k+1).
        var terms = new double[count + 1];
        terms[0] = 1;
        for (int k = 1; k <= count; k++)
        {
            for (int i = 0; i < k; i++)
                terms[k] -= terms[i] * terms[k - 1 - i];
            terms[k] /= 2 * k + 1;
        }
        return terms[1..];
    }

    /// <summary>The sine of x plus a number of right angles (f64): x is brought to |r| at most pi/4 with pi/2 in three parts.</summary>
    private Value Sine(Value x, int rightAngles)
    {
        Value n = Math(MathFunction.RoundToEven, Binary(Opcode.FMul, x, Constant(2 / double.Pi)));
        Value r = Fma(n, Constant(-double.Pi / 2), x);
        r = Fma(n, Constant(-HalfPiLow), r);
        r = Fma(n, Constant(-HalfPiLowest), r);
        Value z = Binary(Opcode.FMul, r, r);
        double factorial = 1;
        var sineTerms = new double[8];
        var cosineTerms = new double[9];
        for (int k = 1; k <= 18; k++)
        {
            factorial *= k;
            double sign = k % 4 is 0 or 1 ? 1 : -1;
            if (k % 2 == 0)
                cosineTerms[k / 2 - 1] = sign / factorial;
            else if (k > 1)
                sineTerms[k / 2 - 1] = sign / factorial;
        }
        Value sine = Fma(Binary(Opcode.FMul, z, r), Horner(z, sineTerms), r);
        Value cosine = Fma(z, Horner(z, cosineTerms), Constant(1));
        Value quadrant = Binary(Opcode.Add, ToInteger(n), Bits(rightAngles));
        Value isOdd = Compare(CompareKind.Ne, Binary(Opcode.And, quadrant, Bits(1)), Bits(0));
        Value flip = Binary(Opcode.Shl, Binary(Opcode.And, quadrant, Bits(2)), Bits(62));
        Value result = Bitcast(Binary(Opcode.Xor, Bitcast(Select(isOdd, cosine, sine), _bits), flip), _type);
        // The reduction loses the sign of zero.
        return rightAngles == 0 ? Select(Compare(CompareKind.FEq, x, Constant(0)), x, result) : result;
    }

    /// <summary>The angle of (x, y) (f64): atan of the smaller side over the larger, halved twice so that the series is short.</summary>
    private Value Atan2(Value y, Value x)
    {
        Value ax = Math(MathFunction.Abs, x), ay = Math(MathFunction.Abs, y);
        Value small = Binary(Opcode.FMin, ax, ay), large = Binary(Opcode.FMax, ax, ay);
        Value t = Binary(Opcode.FDiv, small, large);
        t = Select(Compare(CompareKind.FEq, large, Constant(0)), Constant(0), t);
        t = Select(Compare(CompareKind.FEq, small, Constant(double.PositiveInfinity)), Constant(1), t);
        for (int i = 0; i < 2; i++)
            t = Binary(Opcode.FDiv, t, Binary(Opcode.FAdd, Math(MathFunction.Sqrt, Fma(t, t, Constant(1))), Constant(1)));
        Value z = Binary(Opcode.FMul, t, t);
        Value series = Horner(z, [.. Enumerable.Range(1, 12).Select(k => (k % 2 == 0 ? 1.0 : -1.0) / (2 * k + 1))]);
        Value angle = Binary(Opcode.FMul, Fma(Binary(Opcode.FMul, z, t), series, t), Constant(4));
        angle = Select(
            Compare(CompareKind.FGt, ay, ax), Binary(Opcode.FSub, Constant(double.Pi / 2), Binary(Opcode.FSub, angle, Constant(HalfPiLow))),
            angle);
        angle = Select(
            Compare(CompareKind.LtS, Bitcast(x, _bits), Bits(0)),
            Binary(Opcode.FSub, Constant(double.Pi), Binary(Opcode.FSub, angle, Constant(2 * HalfPiLow))), angle);
        Value sum = Binary(Opcode.FAdd, x, y);
        Value isNumber = Binary(Opcode.And, Compare(CompareKind.FEq, x, x), Compare(CompareKind.FEq, y, y));
        return Select(isNumber, CopySign(angle, y), sum);
    }

    /// <summary>|x|^y = e^(y ln |x|), with the sign and the special cases of IEEE 754.</summary>
    private Value Pow(Value x, Value y)
    {
        Value power = Exp(Binary(Opcode.FMul, y, Log(Math(MathFunction.Abs, x), LogBase.E)));
        Value halved = Binary(Opcode.FMul, y, Constant(0.5));
        Value isWhole = Compare(CompareKind.FEq, Math(MathFunction.Truncate, y), y);
        Value isOdd = Binary(Opcode.And, isWhole, Compare(CompareKind.FNeU, Math(MathFunction.Truncate, halved), halved));
        Value isNegative = Compare(CompareKind.LtS, Bitcast(x, _bits), Bits(0));
        Value signed = Select(
            Binary(Opcode.And, isNegative, isOdd), Add(new Instruction(Opcode.FNeg, _type, power) { Location = _location }), power);
        // A negative finite number to a broken power has no real value.
        Value isBroken = Binary(
            Opcode.And,
            Binary(Opcode.And, Compare(CompareKind.FLt, x, Constant(0)), Compare(CompareKind.FGt, x, Constant(double.NegativeInfinity))),
            Binary(Opcode.Xor, isWhole, IR.Constant.Bool(true)));
        signed = Select(isBroken, Constant(double.NaN), signed);
        Value unit = Binary(Opcode.And,
            Compare(CompareKind.FEq, x, Constant(-1)),
            Compare(CompareKind.FEq, Math(MathFunction.Abs, y), Constant(double.PositiveInfinity)));
        Value isOne = Binary(Opcode.Or,
            Binary(Opcode.Or, Compare(CompareKind.FEq, y, Constant(0)), Compare(CompareKind.FEq, x, Constant(1))), unit);
        return Select(isOne, Constant(1), signed);
    }

    /// <summary>The remainder of the quotient rounded towards zero, with the dividend's sign (f64).</summary>
    private Value Remainder(Value a, Value b)
    {
        Value dividend = Math(MathFunction.Abs, a), divisor = Math(MathFunction.Abs, b);
        Value quotient = Math(MathFunction.Truncate, Binary(Opcode.FDiv, dividend, divisor));
        Value rest = Fma(Add(new Instruction(Opcode.FNeg, _type, quotient) { Location = _location }), divisor, dividend);
        // The division was rounded, so the quotient may be one off.
        rest = Select(Compare(CompareKind.FLt, rest, Constant(0)), Binary(Opcode.FAdd, rest, divisor), rest);
        rest = Select(Compare(CompareKind.FGe, rest, divisor), Binary(Opcode.FSub, rest, divisor), rest);
        rest = Select(Compare(CompareKind.FLt, dividend, divisor), dividend, rest);
        return CopySign(rest, a);
    }

    private Value Clamp(Value x, double low, double high)
    {
        x = Select(Compare(CompareKind.FLt, x, Constant(low)), Constant(low), x);
        return Select(Compare(CompareKind.FGt, x, Constant(high)), Constant(high), x);
    }

    /// <summary>The whole n and rest r of x = n ln 2 + r, with ln 2 in two parts.</summary>
    private (Value N, Value R) ReduceByLn2(Value x)
    {
        Value n = Math(MathFunction.RoundToEven, Binary(Opcode.FMul, x, Constant(1 / double.Log(2))));
        double high = Constant(double.Log(2)).Float;
        Value r = Fma(n, Constant(-high), x);
        return (n, Fma(n, Constant(-Low(double.Log(2), Ln2Low).Float), r));
    }

    /// <summary>base^k / k! for |argument| up to ln 2 / 2: the first term left out is below a tenth of the last place.</summary>
    private double[] ExponentialTerms(double factor)
    {
        var terms = new double[IsDouble ? 14 : 8];
        terms[0] = 1;
        for (int k = 1; k < terms.Length; k++)
            terms[k] = terms[k - 1] * factor / k;
        return terms;
    }

    /// <summary>Value * 2^n in two steps, so that results near the ends of the range are reached without an overflow on the way.</summary>
    private Value Scale(Value value, Value n)
    {
        Value exponent = ToInteger(n);
        Value half = Binary(Opcode.ShrS, exponent, Bits(1));
        return Binary(Opcode.FMul, Binary(Opcode.FMul, value, PowerOfTwo(half)), PowerOfTwo(Binary(Opcode.Sub, exponent, half)));
    }

    private Value PowerOfTwo(Value exponent) =>
        Bitcast(Binary(Opcode.Shl, Binary(Opcode.Add, exponent, Bits(ExponentBias)), Bits(MantissaBits)), _type);

    private Value CopySign(Value magnitude, Value sign) => Bitcast(
        Binary(Opcode.Or,
            Binary(Opcode.And, Bitcast(magnitude, _bits), Bits(~SignBit)),
            Binary(Opcode.And, Bitcast(sign, _bits), Bits(SignBit))),
        _type);

    /// <summary>Terms[0] + terms[1] x + ...</summary>
    private Value Horner(Value x, double[] terms)
    {
        Value sum = Constant(terms[^1]);
        for (int k = terms.Length - 2; k >= 0; k--)
            sum = Fma(sum, x, Constant(terms[k]));
        return sum;
    }

    private Constant Constant(double value) => IR.Constant.FromDouble(_type, value);

    /// <summary>What of a number does not fit the type of its first part.</summary>
    private Constant Low(double value, double beyondDouble) =>
        Constant(IsDouble ? beyondDouble : value - Constant(value).Float);

    private Constant Bits(long value) => new(_bits, value);

    private Value ToInteger(Value n) => Add(Instruction.Convert(ConvertKind.FloatToSigned, n, _bits, _location));

    private Value Bitcast(Value value, IrType type) => Add(Instruction.Convert(ConvertKind.Bitcast, value, type, _location));

    private Value Fma(Value a, Value b, Value c) => Add(new Instruction(Opcode.Fma, _type, a, b, c) { Location = _location });

    private Value Math(MathFunction function, Value a) =>
        Add(new Instruction(Opcode.Math, _type, a) { Kind = (byte)function, Location = _location });

    private Value Binary(Opcode op, Value a, Value b) => Add(new Instruction(op, a.Type, a, b) { Location = _location });

    private Value Compare(CompareKind kind, Value a, Value b) => Add(Instruction.Compare(kind, a, b, _location));

    private Value Select(Value condition, Value a, Value b) =>
        Add(new Instruction(Opcode.Select, a.Type, condition, a, b) { Location = _location });

    private Instruction Add(Instruction instruction)
    {
        _code.Add(instruction);
        return instruction;
    }
}
