namespace ILGPU.Runtime;

/// <summary>Markers on the default stream.</summary>
public static class ProfilingMarkers
{
    /// <summary>Marks the present end of the default stream.</summary>
    public static ProfilingMarker AddProfilingMarker(this Accelerator accelerator) => accelerator.DefaultStream.AddProfilingMarker();
}
