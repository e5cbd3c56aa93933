using CudaEmulation;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.Passes;
using ILGPU.Runtime;

namespace ILGPU.Tests.Ptx;

/// <summary>
/// Each operation of the IR on each of its types: on all pairs of telling numbers from memory, and on numbers from memory with literals,
/// against what the compiler computes for constants.
/// </summary>
public class OperationTests
{
    private static readonly IrType[] IntegerTypes = [IrType.I8, IrType.I16, IrType.I32, IrType.I64];
    private static readonly IrType[] FloatTypes = [IrType.F16, IrType.F32, IrType.F64];

    public static TheoryData<string> Types =>
        ["I1", .. IntegerTypes.Select(type => type.Scalar.ToString()), .. FloatTypes.Select(type => type.Scalar.ToString())];

    [Theory]
    [MemberData(nameof(Types))]
    public void Gives_what_the_compiler_computes(string type)
    {
        using var gpu = new EmulatedGpuTest();
        foreach (Instruction operation in Operations(new IrType(Enum.Parse<ScalarType>(type))))
            Check(gpu.Accelerator, operation);
    }

    [NeedsTheory(typeof(Assembler))]
    [InlineData(70)]
    [InlineData(80)]
    [InlineData(90)]
    public void Assembles_without_stack_or_spills(int architecture)
    {
        var driver = new EmulatedDriver(new EmulatedGpu { ComputeCapability = architecture });
        using (var gpu = new EmulatedGpuTest(driver))
        {
            foreach (IrType type in (IrType[])[IrType.I1, .. IntegerTypes, .. FloatTypes])
            {
                foreach (Instruction operation in Operations(type))
                    gpu.Accelerator.LoadModule(Kernel(operation, [])).Dispose();
            }
        }
        Assert.All(Ptxas.Assemble(driver.LoadedPtx, architecture), kernel => Assert.Equal((0, 0), (kernel.StackBytes, kernel.SpillBytes)));
    }

    private static IEnumerable<Instruction> Operations(IrType type)
    {
        Value x = new BlockParameter(type), y = new BlockParameter(type), z = new BlockParameter(type);
        Value truth = new BlockParameter(IrType.I1);
        if (type == IrType.I1)
        {
            foreach (Opcode op in (Opcode[])[Opcode.And, Opcode.Or, Opcode.Xor])
                yield return new Instruction(op, type, x, y);
            yield return Instruction.Compare(CompareKind.Eq, x, y);
            yield return Instruction.Compare(CompareKind.Ne, x, y);
        }
        else if (type.IsInteger)
        {
            for (Opcode op = Opcode.Add; op <= Opcode.MaxU; op++)
                yield return new Instruction(op, type, x, y);
            for (CompareKind kind = CompareKind.Eq; kind <= CompareKind.GeU; kind++)
                yield return Instruction.Compare(kind, x, y);
            MathFunction[] functions = [MathFunction.PopCount, MathFunction.LeadingZeros, MathFunction.TrailingZeros];
            foreach (MathFunction function in functions)
                yield return new Instruction(Opcode.Math, type, x) { Kind = (byte)function };
            yield return Instruction.Convert(ConvertKind.Truncate, x, IrType.I1);
            foreach (IrType to in IntegerTypes.Where(to => to.Bits != type.Bits))
            {
                if (to.Bits < type.Bits)
                    yield return Instruction.Convert(ConvertKind.Truncate, x, to);
                else
                {
                    yield return Instruction.Convert(ConvertKind.SignExtend, x, to);
                    yield return Instruction.Convert(ConvertKind.ZeroExtend, x, to);
                }
            }
            foreach (IrType to in FloatTypes)
            {
                yield return Instruction.Convert(ConvertKind.SignedToFloat, x, to);
                yield return Instruction.Convert(ConvertKind.UnsignedToFloat, x, to);
                if (to.Bits == type.Bits)
                    yield return Instruction.Convert(ConvertKind.Bitcast, x, to);
            }
        }
        else
        {
            for (Opcode op = Opcode.FAdd; op <= Opcode.FNeg; op++)
                yield return op == Opcode.FNeg ? new Instruction(op, type, x) : new Instruction(op, type, x, y);
            yield return new Instruction(Opcode.Fma, type, x, y, z);
            for (CompareKind kind = CompareKind.FEq; kind <= CompareKind.FGeU; kind++)
                yield return Instruction.Compare(kind, x, y);
            for (MathFunction function = MathFunction.Abs; function <= MathFunction.Sqrt; function++)
                yield return new Instruction(Opcode.Math, type, x) { Kind = (byte)function };
            foreach (IrType to in FloatTypes.Where(to => to != type))
                yield return Instruction.Convert(to.Bits < type.Bits ? ConvertKind.FloatTruncate : ConvertKind.FloatExtend, x, to);
            foreach (IrType to in IntegerTypes)
            {
                yield return Instruction.Convert(ConvertKind.FloatToSigned, x, to);
                yield return Instruction.Convert(ConvertKind.FloatToUnsigned, x, to);
                if (to.Bits == type.Bits)
                    yield return Instruction.Convert(ConvertKind.Bitcast, x, to);
            }
        }
        yield return new Instruction(Opcode.Select, type, truth, x, y);
    }

    private static long[] Samples(IrType type) => type.Scalar switch
    {
        ScalarType.I1 => [0, 1],
        ScalarType.I8 => [0, 1, -1, 2, 7, -8, 100, 127, -128, 85],
        ScalarType.I16 => [0, 1, -1, 5, -8, 300, 32767, -32768, 0x5555, -129],
        ScalarType.I32 => [0, 1, -1, 5, -8, 31, 33, int.MaxValue, int.MinValue, 0x12345678, -77777, 16777217],
        ScalarType.I64 =>
            [0, 1, -1, 5, -8, 63, 65, long.MaxValue, long.MinValue, 0x123456789ABCDEF, 1L << 40, 0x1000001000000001, uint.MaxValue],
        _ => [.. new[]
        {
            0.0, -0.0, 1, -1, 0.5, 1.5, 2.5, -2.5, 3.3, -7.7, 65504, 65519, 1e-7, 6.1e-5, 127.5, 255.5, -129, 2147483648.0, 4294967296.0,
            1e10, 9.3e18, -9.3e18, 1.9e19, 3e38, 1e-39, 1.0000001, 16777217, double.Epsilon, double.MaxValue, double.PositiveInfinity,
            double.NegativeInfinity, double.NaN,
        }.Select(number => Constant.FromDouble(type, number).Bits)],
    };

    private static IrKernel Kernel(Instruction operation, Constant[] literals)
    {
        var kernel = new OperationKernel();
        Value[] operands = [.. operation.Operands.Select(operand => kernel.Operand(operand.Type))];
        var results = new List<Value> { kernel.Add(operation.With(operands)) };
        foreach (Constant literal in literals)
            results.Add(kernel.Add(operation.With([.. operands[..^1], literal])));
        kernel.Results([.. results]);
        return kernel.Finish();
    }

    private static void Check(Accelerator accelerator, Instruction operation)
    {
        IrType[] types = [.. operation.Operands.Select(operand => operand.Type)];
        // All combinations of the operands' samples; of three numbers each takes its own step through them.
        var combinations = new List<long[]>();
        long[] first = Samples(types[0]), second = types.Length > 1 ? Samples(types[1]) : [0];
        for (int i = 0; i < first.Length * second.Length && combinations.Count < 1024; i++)
        {
            long third = types.Length > 2 ? Samples(types[2])[(i * 7 + 3) % Samples(types[2]).Length] : 0;
            long[] combination = [first[i % first.Length], second[i / first.Length], third];
            combinations.Add(combination[..types.Length]);
        }
        Constant[] literals = types.Length < 2
            ? []
            : [.. Samples(types[^1]).Where((_, i) => i % 4 == 1).Select(bits => new Constant(types[^1], bits))];
        long[] actual = OperationKernel.Run(
            accelerator, Kernel(operation, literals), types,
            [.. Enumerable.Range(0, types.Length).Select(k => combinations.Select(c => c[k]).ToArray())],
            operation.Type, 1 + literals.Length);
        for (int i = 0; i < actual.Length; i++)
        {
            Constant[] operands = [.. combinations[i / (1 + literals.Length)].Select((bits, k) => new Constant(types[k], bits))];
            if (i % (1 + literals.Length) is > 0 and var literal)
                operands[^1] = literals[literal - 1];
            if (Expected(operation, operands) is { } expected)
            {
                var found = new Constant(operation.Type, actual[i]);
                // There are a million of these: the message is made only where it is needed.
                if (!Same(operation, expected, found))
                {
                    string shown = string.Join(", ", operands.Select(o => $"{o.Type} {o}"));
                    Assert.Fail($"{operation.Op}.{IrPrinter.Variant(operation)} of {shown}: expected {expected}, found {found}");
                }
            }
        }
    }

    private static bool Same(Instruction operation, Constant expected, Constant found)
    {
        if (expected.Equals(found))
            return true;
        // NaNs have many forms, and of -0 and +0 either is the smaller.
        return expected.Type.IsFloat
            && ((double.IsNaN(expected.Float) && double.IsNaN(found.Float))
                || (operation.Op is Opcode.FMin or Opcode.FMax && expected.Float == 0 && found.Float == 0));
    }

    /// <summary>What an operation gives; null where that is open.</summary>
    private static Constant? Expected(Instruction operation, Constant[] o)
    {
        IrType type = operation.Type;
        switch (operation.Op)
        {
            case Opcode.DivS or Opcode.DivU or Opcode.RemS or Opcode.RemU:
                bool overflows = operation.Op is Opcode.DivS or Opcode.RemS && o[1].Bits == -1;
                return o[1].IsZero || overflows ? null : Fold.TryEvaluate(operation.With([.. o]), o);
            case Opcode.Select:
                return o[0].IsZero ? o[2] : o[1];
            // The quotients here are too large for the remainder to be exact.
            case Opcode.FRem when Math.Abs(o[0].Float / o[1].Float) > 1L << 50:
                return null;
            case Opcode.Fma when type == IrType.F16:
                return Constant.FromDouble(type, Math.FusedMultiplyAdd(o[0].Float, o[1].Float, o[2].Float));
            case Opcode.FNeg:
                return Constant.FromDouble(type, -o[0].Float);
            case >= Opcode.FAdd and <= Opcode.FMax when type == IrType.F16:
                {
                    Constant[] wide = [.. o.Select(number => Constant.Double(number.Float))];
                    return Constant.FromDouble(type, Fold.TryEvaluate(new Instruction(operation.Op, IrType.F64, [.. wide]), wide)!.Float);
                }
            case Opcode.Math when type == IrType.F16:
                {
                    Constant[] wide = [Constant.Double(o[0].Float)];
                    return Constant.FromDouble(
                        type, Fold.TryEvaluate(new Instruction(Opcode.Math, IrType.F64, [.. wide]) { Kind = operation.Kind }, wide)!.Float);
                }
            case Opcode.Convert when operation.Conversion is ConvertKind.FloatToSigned or ConvertKind.FloatToUnsigned:
                {
                    if (double.IsNaN(o[0].Float))
                        return new Constant(type, 0);
                    bool isSigned = operation.Conversion == ConvertKind.FloatToSigned;
                    Int128 low = isSigned
                        ? -(Int128.One << (type.Bits - 1))
                        : 0, high = (Int128.One << (isSigned ? type.Bits - 1 : type.Bits)) - 1;
                    double whole = Math.Truncate(o[0].Float);
                    return new Constant(type, unchecked((long)(whole <= (double)low ? low : whole >= (double)high ? high : (Int128)whole)));
                }
            default:
                return Fold.TryEvaluate(operation.With([.. o]), o) ?? throw new NotSupportedException($"{operation.Op} {type}");
        }
    }
}
