namespace ILGPU.Runtime;

/// <summary>A point in a stream whose time the device records.</summary>
public abstract class ProfilingMarker : AcceleratorObject
{
    private protected ProfilingMarker(Accelerator accelerator)
        : base(accelerator)
    {
    }

    /// <summary>Waits until the device has passed the marker.</summary>
    public abstract void Synchronize();

    /// <summary>The device's time from an earlier marker to this one; waits for both.</summary>
    public abstract TimeSpan MeasureFrom(ProfilingMarker marker);

    /// <summary>The device's time between two markers; waits for both.</summary>
    public static TimeSpan operator -(ProfilingMarker end, ProfilingMarker start) => end.MeasureFrom(start);
}
