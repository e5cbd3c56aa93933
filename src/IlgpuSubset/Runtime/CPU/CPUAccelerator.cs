using ILGPU.Compiler;
using ILGPU.Compiler.Cpu;
using ILGPU.Compiler.IR;

namespace ILGPU.Runtime.CPU;

/// <summary>
/// The opened processor. Launches and copies are done when the call returns, and a fault of a kernel is thrown by the launch.
/// </summary>
/// <remarks>
/// With <see cref="Context.Builder.Assertions"/> every index of a view is checked: one that is outside throws
/// <see cref="IndexOutOfRangeException"/> with kernel, view, index, length and line. Without it an index outside corrupts memory, as on a
/// GPU. Thread-safe, with several streams also for launches: each launch has its own workers.
/// </remarks>
public sealed class CPUAccelerator : Accelerator
{
    internal CPUAccelerator(Context context, CPUDevice device, LaneVectors vectors)
        : base(context, device)
    {
        Vectors = vectors;
        CompilerOptions = new CompilerOptions
        {
            WarpSize = LaneVectors.WarpSize,
            BoundsChecks = context.BoundsChecked,
            // The JIT compiler stops optimising methods that are too large.
            UnrolledInstructions = 512,
        };
    }

    internal LaneVectors Vectors { get; }

    internal override CompilerOptions CompilerOptions { get; }

    /// <inheritdoc/>
    public override void Synchronize()
    {
    }

    internal override KernelModule LoadModule(IrKernel kernel) => new CPUKernelModule(kernel, this);

    private protected override MemoryBuffer AllocateCore(long length, int elementSize) => new CPUMemoryBuffer(this, length, elementSize);

    private protected override AcceleratorStream CreateStreamCore() => new CPUStream(this);

    private protected override void Release()
    {
    }
}
