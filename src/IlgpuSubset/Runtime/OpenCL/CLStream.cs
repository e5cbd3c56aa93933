namespace ILGPU.Runtime.OpenCL;

/// <summary>A queue of an OpenCL device that works in order.</summary>
internal sealed class CLStream : AcceleratorStream
{
    private readonly CLAccelerator _accelerator;
    private readonly nint _queue;

    public CLStream(CLAccelerator accelerator)
        : base(accelerator)
    {
        _accelerator = accelerator;
        _queue = accelerator.Library.CreateCommandQueue(
            accelerator.ContextHandle, accelerator.CLDevice.Handle, accelerator.Context.ProfilingEnabled);
        accelerator.Enter();
    }

    /// <summary>The driver's queue.</summary>
    public nint Queue
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return _queue;
        }
    }

    /// <inheritdoc/>
    public override void Synchronize() => _accelerator.Library.Finish(Queue);

    /// <summary>Has the driver start what is queued; it may otherwise wait for more.</summary>
    public void Flush() => _accelerator.Library.Flush(Queue);

    private protected override ProfilingMarker CreateProfilingMarker() => new CLProfilingMarker(_accelerator, this);

    private protected override void Release()
    {
        _accelerator.Forget(this);
        _accelerator.Library.ReleaseCommandQueue(_queue);
        _accelerator.Leave();
    }
}
