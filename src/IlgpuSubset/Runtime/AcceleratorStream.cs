namespace ILGPU.Runtime;

/// <summary>A queue of copies and launches that a device works off in order. One thread at a time may add to a stream.</summary>
public abstract class AcceleratorStream : AcceleratorObject
{
    private protected AcceleratorStream(Accelerator accelerator)
        : base(accelerator)
    {
    }

    /// <summary>Waits until all that was queued is done; a fault of a queued launch is thrown here.</summary>
    public abstract void Synchronize();

    /// <summary>Waits on a pool thread until all that was queued is done.</summary>
    public Task SynchronizeAsync() => Task.Run(Synchronize);

    /// <summary>Marks the present end of the queue, to measure the device's time between two marks.</summary>
    /// <exception cref="NotSupportedException">The context was built without <see cref="Context.Builder.Profiling"/>.</exception>
    public ProfilingMarker AddProfilingMarker()
    {
        if (!Accelerator.Context.ProfilingEnabled)
            throw new NotSupportedException("Profiling markers need a context built with Profiling().");
        return CreateProfilingMarker();
    }

    private protected abstract ProfilingMarker CreateProfilingMarker();
}
