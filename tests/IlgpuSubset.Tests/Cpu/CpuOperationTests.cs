using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.Cpu;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.Passes;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace ILGPU.Tests.Cpu;

/// <summary>
/// Every operation on every type it has, on vectors and on numbers that lanes share, computes what constant folding does, for
/// numbers at the ends of their ranges, NaN and infinities too.
/// </summary>
public class CpuOperationTests
{
    private const int Threads = 40;

    private static readonly IrType[] Integers = [IrType.I8, IrType.I16, IrType.I32, IrType.I64];
    private static readonly IrType[] Floats = [IrType.F16, IrType.F32, IrType.F64];

    public static TheoryData<string> Names => [.. Operations().Select(NameOf).Distinct()];

    [Theory]
    [MemberData(nameof(Names))]
    public void Computes_what_folding_computes(string name)
    {
        foreach (Instruction operation in Operations().Where(i => NameOf(i) == name))
        {
            foreach (int bytes in (int[])[16, 32, 64])
            {
                if (bytes <= LaneVectors.Widest.Bytes)
                    Check(operation, new LaneVectors(bytes));
            }
        }
    }

    private static string NameOf(Instruction i) => $"{i.Op}.{IrPrinter.Variant(i)}";

    private static IEnumerable<Instruction> Operations()
    {
        foreach (IrType type in Integers)
        {
            for (Opcode op = Opcode.Add; op <= Opcode.MaxU; op++)
                yield return Make(op, type, 0, type, type);
            for (CompareKind kind = CompareKind.Eq; kind <= CompareKind.GeU; kind++)
                yield return Make(Opcode.Compare, IrType.I1, (byte)kind, type, type);
            MathFunction[] functions = [MathFunction.PopCount, MathFunction.LeadingZeros, MathFunction.TrailingZeros];
            foreach (MathFunction function in functions)
                yield return Make(Opcode.Math, type, (byte)function, type);
            foreach (IrType other in Integers.Where(other => other.Bits > type.Bits))
            {
                yield return Make(Opcode.Convert, other, (byte)ConvertKind.SignExtend, type);
                yield return Make(Opcode.Convert, other, (byte)ConvertKind.ZeroExtend, type);
                yield return Make(Opcode.Convert, type, (byte)ConvertKind.Truncate, other);
            }
            foreach (IrType other in Floats)
            {
                yield return Make(Opcode.Convert, other, (byte)ConvertKind.SignedToFloat, type);
                yield return Make(Opcode.Convert, other, (byte)ConvertKind.UnsignedToFloat, type);
                yield return Make(Opcode.Convert, type, (byte)ConvertKind.FloatToSigned, other);
                yield return Make(Opcode.Convert, type, (byte)ConvertKind.FloatToUnsigned, other);
                if (other.Bits == type.Bits)
                {
                    yield return Make(Opcode.Convert, other, (byte)ConvertKind.Bitcast, type);
                    yield return Make(Opcode.Convert, type, (byte)ConvertKind.Bitcast, other);
                }
            }
        }
        foreach (IrType type in Floats)
        {
            yield return Make(Opcode.FNeg, type, 0, type);
            // Arithmetic on f16 is not folded, and compiled C# has none: its operators convert.
            if (type != IrType.F16)
            {
                for (Opcode op = Opcode.FAdd; op <= Opcode.FMax; op++)
                    yield return Make(op, type, 0, type, type);
                yield return Make(Opcode.Fma, type, 0, type, type, type);
                for (MathFunction function = MathFunction.Abs; function <= MathFunction.Sqrt; function++)
                    yield return Make(Opcode.Math, type, (byte)function, type);
            }
            for (CompareKind kind = CompareKind.FEq; kind <= CompareKind.FGeU; kind++)
                yield return Make(Opcode.Compare, IrType.I1, (byte)kind, type, type);
            foreach (IrType other in Floats.Where(other => other.Bits > type.Bits))
            {
                yield return Make(Opcode.Convert, other, (byte)ConvertKind.FloatExtend, type);
                yield return Make(Opcode.Convert, type, (byte)ConvertKind.FloatTruncate, other);
            }
        }
    }

    private static Instruction Make(Opcode op, IrType type, byte kind, params IrType[] operands) =>
        new(op, type, [.. operands.Select(operand => new Constant(operand, 0))]) { Kind = kind };

    private static void Check(Instruction operation, LaneVectors vectors)
    {
        IrType stored = operation.Type == IrType.I1 ? IrType.I32 : operation.Type;
        var random = new Random(7);
        Constant[][] operands = [.. operation.Operands.Select((operand, k) =>
            Enumerable.Range(0, Threads).Select(i => Number(operand.Type, i * 7 + k * 3 + i / 8, random)).ToArray())];
        if (operation.Op is Opcode.DivS or Opcode.DivU or Opcode.RemS or Opcode.RemU)
        {
            // By zero, and the quotient that is out of range, are undefined.
            operands[1] = [.. operands[1].Select(b => b.IsZero || b.Bits == -1 ? new Constant(b.Type, 3) : b)];
        }

        // The operation on vectors at [thread], and on numbers of thread 5 that all share at [threads + thread].
        var kernel = new IrKernel("operation", NameOf(operation)) { WarpSize = LaneVectors.WarpSize };
        List<Instruction> code = kernel.Entry.Instructions;
        Instruction thread = Append(new Instruction(Opcode.Special, IrType.I32) { Kind = (byte)SpecialNumber.GroupIdX });
        var output = new Parameter(IrType.PointerTo(AddressSpace.Global), "y", ParameterRole.ViewPointer, operands.Length);
        var own = new Value[operands.Length];
        var shared = new Value[operands.Length];
        for (int k = 0; k < operands.Length; k++)
        {
            var input = new Parameter(output.Type, $"x{k}", ParameterRole.ViewPointer, k);
            kernel.Parameters.Add(input);
            IrType type = operation.Operands[k].Type;
            own[k] = Append(Instruction.Load(Append(Instruction.PtrAdd(input, thread, type.SizeInBytes)), type, 0, type.SizeInBytes));
            shared[k] = Append(Instruction.Load(input, type, 5 * type.SizeInBytes, type.SizeInBytes));
        }
        kernel.Parameters.Add(output);
        Instruction place = Append(Instruction.PtrAdd(output, thread, stored.SizeInBytes));
        Store(Append(operation.With(own)), 0);
        Store(Append(operation.With(shared)), Threads * stored.SizeInBytes);
        kernel.Blocks = new ControlFlow(kernel.Entry).Blocks;
        IrVerifier.Verify(kernel, finished: true);

        using Context context = Context.Create(builder => builder.CPU());
        using var accelerator = new CPUAccelerator(context, context.GetCPUDevice(0), vectors);
        MemoryBuffer[] buffers =
            [.. operands.Select(numbers => Upload(accelerator, numbers)), accelerator.AllocateRaw(2 * Threads, stored.SizeInBytes)];
        accelerator.LoadModule(kernel).Launch(
            accelerator.DefaultStream, (1, Threads), [.. buffers.Select(buffer => new KernelArgument(buffer, 0))]);
        byte[] bytes = new byte[2 * Threads * stored.SizeInBytes];
        buffers[^1].AsArrayView<byte>(0, bytes.Length).CopyToCPU(bytes);
        for (int i = 0; i < 2 * Threads; i++)
        {
            int from = i < Threads ? i : 5;
            Constant[] inputs = [.. operands.Select(numbers => numbers[from])];
            Constant expected = Fold.TryEvaluate(operation, inputs) ?? throw new InvalidOperationException("Not folded.");
            Constant actual = Read(bytes, i, stored);
            bool same = stored.IsFloat
                ? expected.Float.Equals(actual.Float)
                    || (expected.Float == 0 && actual.Float == 0 && operation.Op is Opcode.FMin or Opcode.FMax)
                : expected.Bits == actual.Bits;
            Assert.True(
                same,
                $"{NameOf(operation)} {operation.Type} in {vectors.Bytes}-byte vectors, lane {i}: "
                + $"of {string.Join<Constant>(", ", inputs)} is {actual}, not {expected}.");
        }
        Array.ForEach(buffers, buffer => buffer.Dispose());

        void Store(Instruction value, int offset) => Append(Instruction.Store(
            place, operation.Type == IrType.I1 ? Append(Instruction.Convert(ConvertKind.ZeroExtend, value, IrType.I32)) : value, offset,
            stored.SizeInBytes));

        Instruction Append(Instruction instruction)
        {
            code.Add(instruction);
            return instruction;
        }
    }

    private static Constant Number(IrType type, int place, Random random)
    {
        if (!type.IsFloat)
        {
            long[] special = [0, 1, -1, 2, -2, 7, (1L << (type.Bits - 1)) - 1, -(1L << (type.Bits - 1)), 100, 31];
            return new Constant(type, place % 3 == 0 ? random.NextInt64(long.MinValue, long.MaxValue) : special[place % special.Length]);
        }
        double[] numbers =
        [
            0, -0.0, 1, -1, 0.5, 1.5, 2.5, -2.5, double.NaN, double.PositiveInfinity, double.NegativeInfinity, 1e-7, 300, -70000, 3e9, 1e19,
        ];
        return Constant.FromDouble(type, place % 3 == 0 ? (random.NextDouble() - 0.5) * 1000 : numbers[place % numbers.Length]);
    }

    private static MemoryBuffer Upload(Accelerator accelerator, Constant[] numbers)
    {
        int size = numbers[0].Type.SizeInBytes;
        byte[] bytes = [.. numbers.SelectMany(number => BitConverter.GetBytes(number.Bits)[..size])];
        MemoryBuffer buffer = accelerator.AllocateRaw(numbers.Length, size);
        buffer.AsArrayView<byte>(0, bytes.Length).CopyFromCPU(bytes);
        return buffer;
    }

    private static Constant Read(byte[] bytes, int i, IrType type)
    {
        byte[] wide = new byte[8];
        Array.Copy(bytes, i * type.SizeInBytes, wide, 0, type.SizeInBytes);
        return new Constant(type, BitConverter.ToInt64(wide));
    }
}
