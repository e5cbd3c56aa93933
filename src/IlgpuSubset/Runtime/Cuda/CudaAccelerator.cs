using ILGPU.Compiler;
using ILGPU.Compiler.IR;

namespace ILGPU.Runtime.Cuda;

/// <summary>An opened NVIDIA GPU.</summary>
/// <remarks>
/// It uses the device's primary context, as CUDA's runtime library does, so that other libraries of the process share memory with
/// it. The driver keeps a current context per thread; every operation sets it, which costs some tens of nanoseconds.
/// </remarks>
public sealed class CudaAccelerator : Accelerator
{
    private readonly nint _context;
    private volatile bool _released;

    internal CudaAccelerator(Context context, CudaDevice device)
        : base(context, device)
    {
        CudaDriver = device.Driver;
        Target = device;
        _context = CudaDriver.RetainContext(device.Index);
        CompilerOptions = new CompilerOptions { WarpSize = device.WarpSize, RoundsToBFloat16 = device.Target.RoundsToBFloat16 };
    }

    /// <summary>The driver with this accelerator's context current on the calling thread.</summary>
    /// <exception cref="ObjectDisposedException">The accelerator was disposed.</exception>
    internal ICudaDriver Driver
    {
        get
        {
            ObjectDisposedException.ThrowIf(_released, this);
            CudaDriver.SetCurrentContext(_context);
            return CudaDriver;
        }
    }

    /// <inheritdoc/>
    internal override CompilerOptions CompilerOptions { get; }

    private ICudaDriver CudaDriver { get; }

    private CudaDevice Target { get; }

    /// <inheritdoc/>
    public override void Synchronize() => Driver.SynchronizeContext();

    /// <inheritdoc/>
    internal override KernelModule LoadModule(IrKernel kernel) => new CudaModule(this, kernel, Target.Target);

    /// <inheritdoc/>
    internal override nint AllocatePageLocked(long lengthInBytes) => Driver.AllocateHost(lengthInBytes);

    /// <inheritdoc/>
    internal override void FreePageLocked(nint address) => Free(driver => driver.FreeHost(address));

    /// <summary>
    /// Gives something back to the driver. Failure is not reported: after a kernel's fault the driver answers every call with that
    /// fault, which whoever waited for the kernel has seen, and with the context all it owns is freed.
    /// </summary>
    internal void Free(Action<ICudaDriver> release)
    {
        if (_released)
            return;
        try
        {
            release(Driver);
        }
        catch (CudaException)
        {
        }
    }

    private protected override MemoryBuffer AllocateCore(long length, int elementSize) => new CudaMemoryBuffer(this, length, elementSize);

    private protected override AcceleratorStream CreateStreamCore() => new CudaStream(this);

    private protected override void Release()
    {
        _released = true;
        try
        {
            CudaDriver.ReleaseContext(Target.Index);
        }
        catch (CudaException)
        {
            // As in Free.
        }
    }
}
