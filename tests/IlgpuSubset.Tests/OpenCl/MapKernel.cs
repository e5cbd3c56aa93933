using ILGPU.Compiler.IR;
using ILGPU.Runtime;

namespace ILGPU.Tests.OpenCl;

/// <summary>
/// A kernel built by hand, each thread of whose one group reads one element of each input and writes the results of many
/// operations on them: one compilation for all operations of a type.
/// </summary>
internal sealed class MapKernel
{
    private readonly List<Parameter> _inputs = [];
    private readonly Parameter _output;
    private readonly Value _thread;
    private readonly List<Value> _results = [];

    public MapKernel(string name, params IrType[] inputs)
    {
        Kernel = new IrKernel(name, "MapKernel." + name) { WarpSize = 32 };
        for (int i = 0; i < inputs.Length; i++)
            _inputs.Add(new Parameter(IrType.PointerTo(AddressSpace.Global), $"input{i}", ParameterRole.ViewPointer, i));
        _output = new Parameter(IrType.PointerTo(AddressSpace.Global), "output", ParameterRole.ViewPointer, inputs.Length);
        Kernel.Parameters = [.. _inputs, _output];
        _thread = Add(new Instruction(Opcode.Special, IrType.I32) { Kind = (byte)SpecialNumber.GroupIdX });
        Inputs = [.. inputs.Select((type, i) =>
            Add(Instruction.Load(Add(Instruction.PtrAdd(_inputs[i], _thread, type.SizeInBytes)), type, 0, type.SizeInBytes)))];
    }

    public IrKernel Kernel { get; }

    /// <summary>The thread's elements.</summary>
    public Value[] Inputs { get; }

    /// <summary>What gives the results.</summary>
    public IReadOnlyList<Value> Results => _results;

    public Instruction Add(Instruction instruction)
    {
        Kernel.Entry.Instructions.Add(instruction);
        return instruction;
    }

    /// <summary>Makes a number a result; each takes 8 bytes of the output.</summary>
    public void Result(Value value)
    {
        _results.Add(value);
        Value stored = value.Type == IrType.I1 ? Add(Instruction.Convert(ConvertKind.ZeroExtend, value, IrType.I8)) : value;
        // Results of one operation for all threads lie together; 64 threads at most.
        Value place = Add(Instruction.PtrAdd(_output, _thread, 8));
        Add(Instruction.Store(place, stored, (_results.Count - 1) * 64 * 8, stored.Type.SizeInBytes));
    }

    /// <summary>Runs the kernel on inputs as bits; gives results as bits, by result and then thread.</summary>
    public long[][] Run(Accelerator accelerator, params Array[] inputs)
    {
        Kernel.Blocks = [Kernel.Entry];
        IrVerifier.Verify(Kernel, finished: true);
        int threads = inputs[0].Length;
        Assert.InRange(threads, 1, 64);
        using KernelModule module = accelerator.LoadModule(Kernel);
        using MemoryBuffer1D<long, Stride1D.Dense> output = accelerator.Allocate1D<long>(_results.Count * 64);
        output.View.MemSetToZero();
        var buffers = new List<MemoryBuffer1D<byte, Stride1D.Dense>>();
        try
        {
            foreach (Array input in inputs)
            {
                byte[] bytes = new byte[Buffer.ByteLength(input)];
                Buffer.BlockCopy(input, 0, bytes, 0, bytes.Length);
                buffers.Add(accelerator.Allocate1D(bytes));
            }
            KernelArgument[] arguments =
                [.. buffers.Select(buffer => new KernelArgument(buffer.Buffer, 0)), new KernelArgument(output.Buffer, 0)];
            module.Launch(accelerator.DefaultStream, new KernelConfig(1, threads), arguments);
            long[] all = output.GetAsArray1D();
            return [.. _results.Select((result, i) => all.AsSpan(i * 64, threads).ToArray()
                .Select(bits => result.Type == IrType.I1 ? bits : new Constant(result.Type, bits).Bits).ToArray())];
        }
        finally
        {
            buffers.ForEach(buffer => buffer.Dispose());
        }
    }
}
