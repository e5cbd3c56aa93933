using ILGPU.Compiler.IR;
using ILGPU.Runtime;

namespace ILGPU.Tests.Ptx;

/// <summary>
/// A kernel made by hand for one operation: thread i takes element i of each operand's array, and writes what the operation gives. So the
/// back end is tested on operations and types that no C# reaches.
/// </summary>
internal sealed class OperationKernel
{
    private static int _number;

    private readonly Block _entry = new();
    private readonly List<Parameter> _parameters = [];
    private readonly Instruction _index;

    public OperationKernel() => _index = Add(new Instruction(Opcode.Special, IrType.I32) { Kind = (byte)SpecialNumber.GroupIdX });

    /// <summary>The number of the thread.</summary>
    public Value Index => _index;

    /// <summary>Memory takes truth values as bytes.</summary>
    public static IrType Stored(IrType type) => type == IrType.I1 ? IrType.I8 : type;

    /// <summary>Appends an instruction.</summary>
    public Instruction Add(Instruction instruction)
    {
        _entry.Instructions.Add(instruction);
        return instruction;
    }

    /// <summary>The thread's element of the next operand.</summary>
    public Value Operand(IrType type)
    {
        IrType stored = Stored(type);
        Value loaded = Add(Instruction.Load(Add(Instruction.PtrAdd(Pointer(), _index, stored.SizeInBytes)), stored, 0, stored.SizeInBytes));
        return type == IrType.I1 ? Add(Instruction.Compare(CompareKind.Ne, loaded, new Constant(IrType.I8, 0))) : loaded;
    }

    /// <summary>Writes results next to each other for each thread, in an array that is the next argument.</summary>
    public void Results(params Value[] values)
    {
        IrType stored = Stored(values[0].Type);
        Value start = Add(Instruction.PtrAdd(Pointer(), _index, stored.SizeInBytes * values.Length));
        for (int i = 0; i < values.Length; i++)
        {
            Value value = values[i].Type == IrType.I1 ? Add(Instruction.Convert(ConvertKind.ZeroExtend, values[i], stored)) : values[i];
            Add(Instruction.Store(start, value, i * stored.SizeInBytes, stored.SizeInBytes));
        }
    }

    /// <summary>The finished kernel.</summary>
    public IrKernel Finish()
    {
        var kernel = new IrKernel($"operation_{Interlocked.Increment(ref _number)}", "operation")
        {
            WarpSize = 32,
            Parameters = _parameters,
            Entry = _entry,
            Blocks = [_entry],
        };
        IrVerifier.Verify(kernel, finished: true);
        return kernel;
    }

    /// <summary>Runs a kernel on the bits of its operands, and returns the bits of its results.</summary>
    public static long[] Run(
        Accelerator accelerator, IrKernel kernel, IrType[] operandTypes, long[][] operands, IrType resultType, int resultsPerThread)
    {
        int threads = operands.Length == 0 ? 32 : operands[0].Length;
        var arguments = new List<KernelArgument>();
        var buffers = new List<MemoryBuffer1D<byte, Stride1D.Dense>>();
        for (int i = 0; i < operands.Length; i++)
        {
            int size = Stored(operandTypes[i]).SizeInBytes;
            byte[] bytes = new byte[threads * size];
            for (int thread = 0; thread < threads; thread++)
                BitConverter.GetBytes(operands[i][thread]).AsSpan(0, size).CopyTo(bytes.AsSpan(thread * size));
            buffers.Add(accelerator.Allocate1D(bytes));
        }
        int resultSize = Stored(resultType).SizeInBytes;
        buffers.Add(accelerator.Allocate1D<byte>(threads * resultsPerThread * resultSize));
        foreach (MemoryBuffer1D<byte, Stride1D.Dense> buffer in buffers)
            arguments.Add(new KernelArgument(buffer.Buffer, 0));
        using KernelModule module = accelerator.LoadModule(kernel);
        module.Launch(accelerator.DefaultStream, new KernelConfig(1, threads), arguments.ToArray());
        byte[] written = buffers[^1].GetAsArray1D();
        buffers.ForEach(buffer => buffer.Dispose());
        long[] results = new long[threads * resultsPerThread];
        Span<byte> number = stackalloc byte[8];
        for (int i = 0; i < results.Length; i++)
        {
            number.Clear();
            written.AsSpan(i * resultSize, resultSize).CopyTo(number);
            results[i] = new Constant(resultType, BitConverter.ToInt64(number)).Bits;
        }
        return results;
    }

    private Parameter Pointer()
    {
        var pointer = new Parameter(
            IrType.PointerTo(AddressSpace.Global), $"p{_parameters.Count}", ParameterRole.ViewPointer, _parameters.Count);
        _parameters.Add(pointer);
        return pointer;
    }
}
