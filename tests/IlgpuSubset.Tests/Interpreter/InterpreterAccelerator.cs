using System.Runtime.InteropServices;
using ILGPU.Compiler;
using ILGPU.Compiler.IR;
using ILGPU.Runtime;

namespace ILGPU.Tests.Interpreter;

/// <summary>A device on which kernels are interpreted: everything of a back end but speed.</summary>
internal sealed class InterpreterDevice : Device
{
    public InterpreterDevice(int warpSize, bool structured = false)
    {
        Structured = structured;
        Name = "IR interpreter";
        MemorySize = int.MaxValue;
        MaxGridSize = new Index3D(int.MaxValue, 65535, 65535);
        MaxGroupSize = new Index3D(1024, 1024, 64);
        MaxNumThreadsPerGroup = 1024;
        MaxSharedMemoryPerGroup = 48 * 1024;
        WarpSize = warpSize;
        NumMultiprocessors = 1;
        MaxNumThreadsPerMultiprocessor = 1024;
    }

    /// <summary>Whether kernels run by their regions instead of their blocks.</summary>
    public bool Structured { get; }

    public override AcceleratorType AcceleratorType => AcceleratorType.CPU;

    public override Accelerator CreateAccelerator(Context context) => new InterpreterAccelerator(context, this);
}

/// <summary>The opened interpreter. Everything happens at once, so streams have nothing to do.</summary>
internal sealed class InterpreterAccelerator(Context context, InterpreterDevice device) : Accelerator(context, device)
{
    /// <summary>One of the two interpreters has the optional instructions, the other what stands for them.</summary>
    internal override CompilerOptions CompilerOptions { get; } =
        new() { WarpSize = device.WarpSize, BoundsChecks = context.BoundsChecked, RoundsToBFloat16 = device.Structured };

    /// <summary>The kernel loaded last, for tests that look at it.</summary>
    public IrKernel? LastKernel { get; private set; }

    public override void Synchronize()
    {
    }

    internal override KernelModule LoadModule(IrKernel kernel)
    {
        LastKernel = kernel;
        return new Module(kernel, device.Structured);
    }

    private protected override MemoryBuffer AllocateCore(long length, int elementSize) => new InterpreterBuffer(this, length, elementSize);

    private protected override AcceleratorStream CreateStreamCore() => new Stream(this);

    private protected override void Release()
    {
    }

    private sealed class Module(IrKernel kernel, bool structured) : KernelModule(kernel)
    {
        public override void Launch(AcceleratorStream stream, in KernelConfig config, ReadOnlySpan<KernelArgument> arguments) =>
            IrInterpreter.Run(Kernel, config, arguments, structured);

        public override void Dispose()
        {
        }
    }

    private sealed class Stream(Accelerator accelerator) : AcceleratorStream(accelerator)
    {
        public override void Synchronize()
        {
        }

        private protected override ProfilingMarker CreateProfilingMarker() => throw new NotSupportedException();

        private protected override void Release()
        {
        }
    }
}

/// <summary>Memory of the interpreter.</summary>
internal sealed class InterpreterBuffer(Accelerator accelerator, long length, int elementSize)
    : MemoryBuffer(accelerator, length, elementSize)
{
    public byte[] Bytes { get; } = new byte[length * elementSize];

    public override void MemSet(AcceleratorStream stream, byte value, long targetOffsetInBytes, long length) =>
        Bytes.AsSpan((int)targetOffsetInBytes, (int)length).Fill(value);

    public override void CopyTo(AcceleratorStream stream, long sourceOffsetInBytes, in ArrayView<byte> targetView) =>
        Bytes.AsSpan((int)sourceOffsetInBytes, targetView.IntLength)
            .CopyTo(((InterpreterBuffer)targetView.Source!).Bytes.AsSpan((int)targetView.OffsetInBytes));

    internal override void CopyFromHost(
        AcceleratorStream stream, nint source, long targetOffsetInBytes, long lengthInBytes, bool pageLocked) =>
        Marshal.Copy(source, Bytes, (int)targetOffsetInBytes, (int)lengthInBytes);

    internal override void CopyToHost(
        AcceleratorStream stream, nint target, long sourceOffsetInBytes, long lengthInBytes, bool pageLocked) =>
        Marshal.Copy(Bytes, (int)sourceOffsetInBytes, target, (int)lengthInBytes);

    private protected override void Release()
    {
    }
}
