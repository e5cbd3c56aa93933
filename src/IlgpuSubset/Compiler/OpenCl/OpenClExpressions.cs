using System.Globalization;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.OpenCl;

/// <summary>Pure instructions, loads and constants as expressions of OpenCL C.</summary>
internal sealed class OpenClExpressions(
    OpenClLayout layout, OpenClPrelude prelude, OpenClTarget target, IReadOnlyDictionary<Value, string> names)
{
    /// <summary>A value as an operand: a name, a number, a call, or an expression in parentheses.</summary>
    public string Operand(Value value) => Text(value) is { } text && IsAtom(text) ? text : $"({Text(value)})";

    /// <summary>A value as an expression that stands alone.</summary>
    public string Text(Value value) => value switch
    {
        Constant constant => Number(constant),
        Instruction i when layout.IsInlined(i) => Compute(i),
        _ => names[value],
    };

    /// <summary>The expression that computes an instruction.</summary>
    public string Compute(Instruction i)
    {
        RequireSupport(i.Type, i);
        if (i.Type.Scalar == ScalarType.F16 && i.Op is (>= Opcode.FAdd and <= Opcode.Fma) or Opcode.Math)
            return ComputeHalf(i);
        Value[] o = i.Operands;
        return i.Op switch
        {
            Opcode.Add when i.Type == IrType.I1 => $"{Operand(o[0])} != {Operand(o[1])}",
            Opcode.Sub when i.Type == IrType.I1 => $"{Operand(o[0])} != {Operand(o[1])}",
            Opcode.Add when o[1] is Constant { Bits: < 0 and > int.MinValue } c => Wrapping(i, "-", new Constant(c.Type, -c.Bits)),
            Opcode.Add => Wrapping(i, "+", o[1]),
            Opcode.Sub => Wrapping(i, "-", o[1]),
            Opcode.Mul => Wrapping(i, "*", o[1]),
            Opcode.DivS => Narrow(i, $"{Operand(o[0])} / {Operand(o[1])}"),
            Opcode.RemS => Narrow(i, $"{Operand(o[0])} % {Operand(o[1])}"),
            Opcode.DivU => Signed(i, $"{Unsigned(o[0])} / {Unsigned(o[1])}"),
            Opcode.RemU => Signed(i, $"{Unsigned(o[0])} % {Unsigned(o[1])}"),
            Opcode.And => Bitwise(i, "&"),
            Opcode.Or => Bitwise(i, "|"),
            Opcode.Xor when i.Type == IrType.I1 && o[1] is Constant { IsZero: false } => $"!{Operand(o[0])}",
            Opcode.Xor => i.Type == IrType.I1 ? $"{Operand(o[0])} != {Operand(o[1])}" : Bitwise(i, "^"),
            // OpenCL takes the count modulo the bits of the left side, as here, and fills with zeros or the sign.
            Opcode.Shl => Narrow(i, $"{Operand(o[0])} << {ShiftCount(i)}"),
            Opcode.ShrS => Narrow(i, $"{Operand(o[0])} >> {ShiftCount(i)}"),
            Opcode.ShrU => Signed(i, $"{Unsigned(o[0])} >> {ShiftCount(i)}"),
            Opcode.MinS => $"min({Text(o[0])}, {Text(o[1])})",
            Opcode.MaxS => $"max({Text(o[0])}, {Text(o[1])})",
            Opcode.MinU => Signed(i, $"min({Unsigned(o[0])}, {Unsigned(o[1])})"),
            Opcode.MaxU => Signed(i, $"max({Unsigned(o[0])}, {Unsigned(o[1])})"),
            >= Opcode.FAdd and <= Opcode.Fma => FloatingPoint(i.Op, [.. o.Select(Operand)]),
            Opcode.Compare => Compare(i),
            Opcode.Select => $"{Operand(o[0])} ? {Operand(o[1])} : {Operand(o[2])}",
            Opcode.Convert => Convert(i),
            Opcode.Math => Function(i, [.. o.Select(Text)]),
            Opcode.PtrAdd => $"{Operand(o[0])} + {ByteOffset(i)}",
            Opcode.Load => i.Type.IsPointer ? $"({OpenClTypes.Name(i.Type)}){Access(i, i.Type)}" : Access(i, i.Type),
            Opcode.Extract => $"{Operand(o[0])}.{"xyzw"[(int)i.Immediate]}",
            Opcode.BuildVector => $"({OpenClTypes.Name(i.Type)})({string.Join(", ", o.Select(Text))})",
            Opcode.Special => prelude.UseSpecial(i.Number),
            Opcode.DynamicSharedSize => OpenClEmitter.DynamicSizeName,
            _ => throw new KernelCompilerException(i.Op.ToString(), i.Location),
        };
    }

    /// <summary>The memory that a load or store names, as something that can be read and assigned.</summary>
    public string Access(Instruction i, IrType type)
    {
        RequireSupport(type, i);
        string cast = $"{OpenClTypes.Space(i.Operands[0].Type.Space)} {OpenClTypes.InMemory(type)}*";
        int size = type.SizeInBytes;
        if (i.Immediate % size != 0)
            return $"*({cast})({Operand(i.Operands[0])} + {i.Immediate})";
        long elements = i.Immediate / size;
        if (i.Operands[0] is Instruction { Op: Opcode.PtrAdd } address && layout.IsInlined(address) && address.Immediate == size)
        {
            Value index = address.Operands[1];
            string at = elements == 0 ? Text(index) : $"{Operand(index)} {Sign(elements)} {Math.Abs(elements)}";
            return $"(({cast}){Operand(address.Operands[0])})[{at}]";
        }
        return elements == 0 ? $"*({cast}){Operand(i.Operands[0])}" : $"(({cast}){Operand(i.Operands[0])})[{elements}]";
    }

    /// <summary>The address of an access in bytes.</summary>
    public string Address(Instruction i) =>
        i.Immediate == 0 ? Operand(i.Operands[0]) : $"({Operand(i.Operands[0])} {Sign(i.Immediate)} {Math.Abs(i.Immediate)})";

    /// <summary>The block parameters that a value reads, through what is written into its expression.</summary>
    public IEnumerable<BlockParameter> ParametersIn(Value value) => value switch
    {
        BlockParameter parameter => [parameter],
        Instruction i when layout.IsInlined(i) => i.Operands.SelectMany(ParametersIn),
        _ => [],
    };

    /// <summary>Refuses a type or enables what it needs.</summary>
    /// <exception cref="KernelCompilerException">The device lacks it.</exception>
    public void RequireSupport(IrType type, Instruction at)
    {
        if (type.Scalar != ScalarType.F64)
            return;
        if (!target.HasDouble)
            throw new KernelCompilerException("64-bit floating point, which this OpenCL device lacks (cl_khr_fp64),", at.Location);
        prelude.UseDouble();
    }

    private static char Sign(long number) => number < 0 ? '-' : '+';

    private static bool IsAtom(string text)
    {
        int depth = 0;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c is '(' or '[')
                depth++;
            else if (c is ')' or ']')
                depth--;
            else if (depth == 0 && !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.'))
                return false;
            // "(a)b" is a cast, "(a)(b)" may be one.
            if (depth == 0 && c == ')' && i + 1 < text.Length && text[i + 1] is not ('.' or '['))
                return false;
        }
        return true;
    }

    private static string Number(Constant c)
    {
        switch (c.Type.Scalar)
        {
            case ScalarType.I1:
                return c.IsZero ? "false" : "true";
            case ScalarType.I8 or ScalarType.I16:
                return $"({OpenClTypes.Name(c.Type)}){c.Bits}";
            case ScalarType.I32:
                return c.Bits == int.MinValue ? "(-2147483647 - 1)" : c.Bits.ToString(CultureInfo.InvariantCulture);
            case ScalarType.I64:
                return c.Bits == long.MinValue ? "(-9223372036854775807L - 1L)" : c.Bits.ToString(CultureInfo.InvariantCulture) + "L";
            case ScalarType.F16:
                return $"(ushort)0x{c.Bits:x4}";
            case ScalarType.F32:
                float single = (float)c.Float;
                return float.IsFinite(single)
                    ? Decimal(single.ToString("R", CultureInfo.InvariantCulture)) + "f"
                    : $"as_float(0x{c.Bits:x8}u)";
            case ScalarType.F64:
                return double.IsFinite(c.Float)
                    ? Decimal(c.Float.ToString("R", CultureInfo.InvariantCulture))
                    : $"as_double(0x{c.Bits:x16}UL)";
            default:
                return $"({OpenClTypes.Name(c.Type)}){c.Bits}";
        }

        static string Decimal(string digits) => digits.AsSpan().ContainsAny(".E") ? digits : digits + ".0";
    }

    private string Unsigned(Value value)
    {
        string type = OpenClTypes.Unsigned(value.Type);
        if (value is not Constant constant)
            return $"({type}){Operand(value)}";
        return value.Type.Bits switch
        {
            32 => $"{constant.Unsigned}u",
            64 => $"{constant.Unsigned}UL",
            _ => $"({type}){constant.Unsigned}",
        };
    }

    private static string Signed(Instruction i, string text) => $"({OpenClTypes.Name(i.Type)})({text})";

    /// <summary>Arithmetic on less than 32 bits is done in 32.</summary>
    private static string Narrow(Instruction i, string text) => i.Type.Bits < 32 ? Signed(i, text) : text;

    private string Wrapping(Instruction i, string symbol, Value second)
    {
        Value first = i.Operands[0];
        if (i.Type == IrType.I1)
            return $"{Operand(first)} && {Operand(second)}";
        // Signed overflow is undefined in C, as it is documented to be for an index; elsewhere it wraps.
        return i.Type.Bits < 32 || layout.IsIndex(i)
            ? Narrow(i, $"{Operand(first)} {symbol} {Operand(second)}")
            : Signed(i, $"{Unsigned(first)} {symbol} {Unsigned(second)}");
    }

    private string Bitwise(Instruction i, string symbol)
    {
        (string a, string b) = (Operand(i.Operands[0]), Operand(i.Operands[1]));
        return i.Type == IrType.I1 ? $"{a} {symbol}{symbol} {b}" : Narrow(i, $"{a} {symbol} {b}");
    }

    private string ShiftCount(Instruction i)
    {
        if (i.Operands[1] is Constant constant)
            return (constant.Bits & (i.Type.Bits - 1)).ToString(CultureInfo.InvariantCulture);
        return i.Type.Bits < 32 ? $"({Operand(i.Operands[1])} & {i.Type.Bits - 1})" : Operand(i.Operands[1]);
    }

    private static string FloatingPoint(Opcode op, string[] o) => op switch
    {
        Opcode.FAdd => $"{o[0]} + {o[1]}",
        Opcode.FSub => $"{o[0]} - {o[1]}",
        Opcode.FMul => $"{o[0]} * {o[1]}",
        Opcode.FDiv => $"{o[0]} / {o[1]}",
        Opcode.FRem => $"fmod({o[0]}, {o[1]})",
        Opcode.FMin => $"fmin({o[0]}, {o[1]})",
        Opcode.FMax => $"fmax({o[0]}, {o[1]})",
        Opcode.FNeg => $"-{o[0]}",
        _ => $"fma({o[0]}, {o[1]}, {o[2]})",
    };

    /// <summary>
    /// Halves are computed with in 32 bits and rounded once more, which gives the correctly rounded result for all but the fused
    /// multiply-add, since 24 bits are at least twice 11 and two more.
    /// </summary>
    private string ComputeHalf(Instruction i)
    {
        if (i.Op == Opcode.Fma)
            return $"{prelude.UseHalfFma()}({string.Join(", ", i.Operands.Select(Text))})";
        if (i.Op == Opcode.FNeg)
            return $"(ushort)({Operand(i.Operands[0])} ^ 0x8000)";
        string[] numbers = [.. i.Operands.Select(HalfToFloat)];
        return $"{prelude.UseFloatToHalf()}({(i.Op == Opcode.Math ? Function(i, numbers) : FloatingPoint(i.Op, numbers))})";
    }

    private string HalfToFloat(Value value) => $"{prelude.UseHalfToFloat()}({Text(value)})";

    private string Compare(Instruction i)
    {
        (Value first, Value second) = (i.Operands[0], i.Operands[1]);
        RequireSupport(first.Type, i);
        bool unsigned = i.Comparison is >= CompareKind.LtU and <= CompareKind.GeU && !first.Type.IsPointer;
        (string a, string b) = first.Type.Scalar == ScalarType.F16 ? (HalfToFloat(first), HalfToFloat(second))
            : unsigned && first.Type != IrType.I1 ? (Unsigned(first), Unsigned(second))
            : (Operand(first), Operand(second));
        return i.Comparison switch
        {
            CompareKind.Eq or CompareKind.FEq => $"{a} == {b}",
            CompareKind.Ne or CompareKind.FNeU => $"{a} != {b}",
            CompareKind.LtS or CompareKind.LtU or CompareKind.FLt => $"{a} < {b}",
            CompareKind.LeS or CompareKind.LeU or CompareKind.FLe => $"{a} <= {b}",
            CompareKind.GtS or CompareKind.GtU or CompareKind.FGt => $"{a} > {b}",
            CompareKind.GeS or CompareKind.GeU or CompareKind.FGe => $"{a} >= {b}",
            // True for NaN: not the opposite.
            CompareKind.FLtU => $"!({a} >= {b})",
            CompareKind.FLeU => $"!({a} > {b})",
            CompareKind.FGtU => $"!({a} <= {b})",
            _ => $"!({a} < {b})",
        };
    }

    private string Convert(Instruction i)
    {
        Value a = i.Operands[0];
        IrType from = a.Type;
        RequireSupport(from, i);
        string type = OpenClTypes.Name(i.Type);
        bool fromHalf = from.Scalar == ScalarType.F16;
        string number = fromHalf ? HalfToFloat(a) : Operand(a);
        switch (i.Conversion)
        {
            case ConvertKind.SignExtend:
                return from == IrType.I1 ? $"({type})-(int){number}" : $"({type}){number}";
            case ConvertKind.ZeroExtend:
                return from == IrType.I1 ? $"({type}){number}" : $"({type}){Unsigned(a)}";
            case ConvertKind.Truncate:
                return i.Type == IrType.I1 ? $"({number} & 1) != 0" : $"({type}){number}";
            case ConvertKind.SignedToFloat or ConvertKind.UnsignedToFloat:
                string integer = from == IrType.I1 ? $"{(i.Conversion == ConvertKind.SignedToFloat ? "-" : "")}(int){number}"
                    : i.Conversion == ConvertKind.SignedToFloat ? number : Unsigned(a);
                // A whole number that 24 bits cannot hold is beyond the largest half: no double rounding.
                return i.Type.Scalar == ScalarType.F16 ? $"{prelude.UseFloatToHalf()}((float){integer})" : $"({type}){integer}";
            case ConvertKind.FloatToSigned:
                return $"convert_{type}_sat_rtz({number})";
            case ConvertKind.FloatToUnsigned:
                return $"({type})convert_{OpenClTypes.Unsigned(i.Type)}_sat_rtz({number})";
            case ConvertKind.FloatExtend:
                return i.Type.Scalar == ScalarType.F32 ? number : $"(double){number}";
            case ConvertKind.FloatTruncate when i.Type.Scalar == ScalarType.F16:
                return $"{(from.Scalar == ScalarType.F64 ? prelude.UseDoubleToHalf() : prelude.UseFloatToHalf())}({Text(a)})";
            case ConvertKind.FloatTruncate:
                return $"(float){number}";
            case ConvertKind.RoundToBFloat16:
                throw new NotSupportedException($"{i.Conversion} of {i.Location}: OpenCL's options do not ask for it.");
            default:
                if (i.Type == IrType.I1)
                    return $"({number} & 1) != 0";
                return from.IsPointer || i.Type.IsPointer || from == IrType.I1
                    ? $"({type}){Operand(a)}"
                    : $"as_{type}({Text(a)})";
        }
    }

    private static string Function(Instruction i, string[] o)
    {
        string Whole(string text) => $"({OpenClTypes.Name(i.Type)}){text}";
        return i.Function switch
        {
            MathFunction.Abs => i.Type.IsFloat ? $"fabs({o[0]})" : Whole($"abs({o[0]})"),
            MathFunction.Floor => $"floor({o[0]})",
            MathFunction.Ceiling => $"ceil({o[0]})",
            MathFunction.Truncate => $"trunc({o[0]})",
            MathFunction.RoundToEven => $"rint({o[0]})",
            MathFunction.Sqrt => $"sqrt({o[0]})",
            MathFunction.PopCount => $"popcount({o[0]})",
            MathFunction.LeadingZeros => $"clz({o[0]})",
            // The zeros below the lowest one, or all: version 1.2 has no function for it.
            MathFunction.TrailingZeros => $"popcount({Whole($"(~({o[0]}) & (({o[0]}) - 1))")})",
            MathFunction.Exp => $"exp({o[0]})",
            MathFunction.Exp2 => $"exp2({o[0]})",
            MathFunction.Log => $"log({o[0]})",
            MathFunction.Log2 => $"log2({o[0]})",
            MathFunction.Log10 => $"log10({o[0]})",
            MathFunction.Rcp => $"{(i.Type.Scalar == ScalarType.F64 ? "1.0" : "1.0f")} / ({o[0]})",
            MathFunction.Rsqrt => $"rsqrt({o[0]})",
            MathFunction.Sin => $"sin({o[0]})",
            MathFunction.Cos => $"cos({o[0]})",
            MathFunction.Tan => $"tan({o[0]})",
            MathFunction.Tanh => $"tanh({o[0]})",
            MathFunction.Atan2 => $"atan2({o[0]}, {o[1]})",
            _ => $"pow({o[0]}, {o[1]})",
        };
    }

    private string ByteOffset(Instruction i)
    {
        // Global memory may have more bytes than 32 bits count.
        bool widen = i.Operands[1].Type == IrType.I32 && i.Type.Space == AddressSpace.Global;
        string index = widen && i.Operands[1] is not Constant ? $"(long){Operand(i.Operands[1])}" : Operand(i.Operands[1]);
        return i.Immediate == 1 ? index : $"{index} * {i.Immediate}";
    }
}
