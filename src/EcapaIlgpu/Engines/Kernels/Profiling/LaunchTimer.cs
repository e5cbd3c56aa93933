using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <summary>A launch and when it ran.</summary>
/// <param name="Cost">The launch.</param>
/// <param name="Start">Since the first launch of its run began.</param>
/// <param name="Duration">How long it took on the device.</param>
internal readonly record struct LaunchTime(LaunchCost Cost, TimeSpan Start, TimeSpan Duration);

/// <summary>
/// Times the launches of an engine by a marker before and one after each: the device's own clock on CUDA and OpenCL. Markers queue like
/// launches, so nothing waits until <see cref="Read"/>.
/// </summary>
/// <remarks>
/// Where a launch takes less time than the host needs to queue the next one, the device idles between the markers too, and the launch seems
/// that much longer.
/// </remarks>
internal sealed class LaunchTimer(AcceleratorStream stream) : ILaunchObserver, IDisposable
{
    private readonly List<(LaunchCost Cost, ProfilingMarker Before, ProfilingMarker After)> _launches = [];
    private ProfilingMarker? _before;

    public void Before(in LaunchCost cost) => _before = stream.AddProfilingMarker();

    public void After(in LaunchCost cost)
    {
        _launches.Add((cost, _before!, stream.AddProfilingMarker()));
        _before = null;
    }

    /// <summary>The times of all launches since the last call, in order; waits for the device.</summary>
    public IReadOnlyList<LaunchTime> Read()
    {
        LaunchTime[] times = [.. _launches.Select(l => new LaunchTime(l.Cost, l.Before - _launches[0].Before, l.After - l.Before))];
        Dispose();
        return times;
    }

    /// <summary>Gives the markers back; the timer can be used again.</summary>
    public void Dispose()
    {
        // One is left over where a launch failed.
        _before?.Dispose();
        _before = null;
        foreach ((_, ProfilingMarker before, ProfilingMarker after) in _launches)
        {
            before.Dispose();
            after.Dispose();
        }
        _launches.Clear();
    }
}
