namespace ILGPU.Runtime.Cuda;

/// <summary>An event of the driver; its clock has a resolution of about half a microsecond.</summary>
internal sealed class CudaProfilingMarker : ProfilingMarker
{
    private readonly CudaAccelerator _accelerator;
    private readonly nint _event;

    public CudaProfilingMarker(CudaAccelerator accelerator, AcceleratorStream stream)
        : base(accelerator)
    {
        _accelerator = accelerator;
        nint handle = CudaStream.HandleOf(stream, accelerator);
        _event = accelerator.Driver.CreateEvent();
        accelerator.Driver.RecordEvent(_event, handle);
    }

    /// <inheritdoc/>
    public override void Synchronize()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        _accelerator.Driver.SynchronizeEvent(_event);
    }

    /// <inheritdoc/>
    public override TimeSpan MeasureFrom(ProfilingMarker marker)
    {
        if (marker is not CudaProfilingMarker start || start.Accelerator != Accelerator)
            throw new ArgumentException("The marker belongs to another accelerator.", nameof(marker));
        start.Synchronize();
        Synchronize();
        return TimeSpan.FromMilliseconds((double)_accelerator.Driver.GetElapsedMilliseconds(start._event, _event));
    }

    private protected override void Release() => _accelerator.Free(driver => driver.DestroyEvent(_event));
}
