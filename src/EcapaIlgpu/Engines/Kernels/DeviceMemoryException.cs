using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>A device has no room for a buffer, or for what a launch needs besides.</summary>
internal sealed partial class DeviceMemoryException(string device, long bytes, Exception inner)
    : Exception($"{device} has no room for another {bytes / 1e6:f1} MB.", inner)
{
    /// <summary>
    /// Whether a driver's fault is that memory ran out; null where it cannot be told, as under the package ILGPU. Drivers may take memory when it is first
    /// used, so that this is not a matter of allocations only.
    /// </summary>
    public static bool? IsReportedBy(Exception fault)
    {
        bool? memory = null;
        if (fault is AcceleratorException reported)
            Recognize(reported, ref memory);
        return memory;
    }

    static partial void Recognize(AcceleratorException fault, ref bool? memory);
}
