namespace ILGPU.Runtime.Cuda;

/// <summary>A queue of the driver.</summary>
internal sealed class CudaStream : AcceleratorStream
{
    private readonly CudaAccelerator _accelerator;

    public CudaStream(CudaAccelerator accelerator)
        : base(accelerator)
    {
        _accelerator = accelerator;
        Handle = accelerator.Driver.CreateStream();
    }

    public nint Handle { get; }

    /// <inheritdoc/>
    public override void Synchronize()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        _accelerator.Driver.SynchronizeStream(Handle);
    }

    /// <summary>The driver's stream behind one of this accelerator's.</summary>
    public static nint HandleOf(AcceleratorStream stream, CudaAccelerator accelerator)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ObjectDisposedException.ThrowIf(stream.IsDisposed, stream);
        return stream is CudaStream cuda && cuda.Accelerator == accelerator
            ? cuda.Handle
            : throw new ArgumentException($"The stream belongs to {stream.Accelerator}, not to {accelerator}.", nameof(stream));
    }

    private protected override ProfilingMarker CreateProfilingMarker() => new CudaProfilingMarker(_accelerator, this);

    private protected override void Release() => _accelerator.Free(driver => driver.DestroyStream(Handle));
}
