using System.Diagnostics;

namespace ILGPU.Runtime.CPU;

/// <summary>A stream of the processor: everything is done at once, so there is never anything to wait for.</summary>
public sealed class CPUStream : AcceleratorStream
{
    internal CPUStream(CPUAccelerator accelerator)
        : base(accelerator)
    {
    }

    /// <inheritdoc/>
    public override void Synchronize()
    {
    }

    private protected override ProfilingMarker CreateProfilingMarker() => new CPUProfilingMarker(Accelerator);

    private protected override void Release()
    {
    }
}

/// <summary>The time at which a marker was added.</summary>
internal sealed class CPUProfilingMarker(Accelerator accelerator) : ProfilingMarker(accelerator)
{
    private readonly long _timestamp = Stopwatch.GetTimestamp();

    /// <inheritdoc/>
    public override void Synchronize()
    {
    }

    /// <inheritdoc/>
    public override TimeSpan MeasureFrom(ProfilingMarker marker) => marker is CPUProfilingMarker earlier
        ? Stopwatch.GetElapsedTime(earlier._timestamp, _timestamp)
        : throw new ArgumentException("The marker belongs to another kind of accelerator.", nameof(marker));

    private protected override void Release()
    {
    }
}
