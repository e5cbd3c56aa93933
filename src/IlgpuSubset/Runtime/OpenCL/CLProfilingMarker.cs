namespace ILGPU.Runtime.OpenCL;

/// <summary>An event between the commands of a queue; the device records when it is passed.</summary>
internal sealed class CLProfilingMarker : ProfilingMarker
{
    private readonly CLAccelerator _accelerator;
    private readonly CLLibrary _library;
    private readonly nint _event;

    public CLProfilingMarker(CLAccelerator accelerator, CLStream stream)
        : base(accelerator)
    {
        _accelerator = accelerator;
        _library = accelerator.Library;
        _event = _library.EnqueueMarker(stream.Queue);
        accelerator.Enter();
        stream.Flush();
    }

    /// <inheritdoc/>
    public override void Synchronize()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        _library.WaitForEvent(_event);
    }

    /// <inheritdoc/>
    public override TimeSpan MeasureFrom(ProfilingMarker marker)
    {
        if (marker is not CLProfilingMarker earlier || earlier.Accelerator != Accelerator)
            throw new ArgumentException("The marker belongs to another accelerator.", nameof(marker));
        earlier.Synchronize();
        Synchronize();
        long nanoseconds = (long)(_library.GetEventEnd(_event) - _library.GetEventEnd(earlier._event));
        return TimeSpan.FromTicks(nanoseconds / TimeSpan.NanosecondsPerTick);
    }

    private protected override void Release()
    {
        _library.ReleaseEvent(_event);
        _accelerator.Leave();
    }
}
