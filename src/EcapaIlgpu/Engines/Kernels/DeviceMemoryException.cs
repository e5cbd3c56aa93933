using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>A device has no room for a buffer or for what a launch needs besides, or the host none that the device can reach.</summary>
/// <param name="device">Its name.</param>
/// <param name="bytes">What was asked for; 0 where the driver took it for itself.</param>
/// <param name="inner">How it said so.</param>
internal sealed partial class DeviceMemoryException(string device, long bytes, Exception inner)
    : Exception(
        bytes > 0 ? $"{device} has no room for another {bytes / 1e6:f1} MB." : $"{device} has no room for its kernels' work.", inner)
{
    /// <summary>
    /// Whether a driver's fault is that memory ran out; null where it cannot be told, as under the package ILGPU. Drivers may take memory
    /// when it is first used, so that this is not a matter of allocations only.
    /// </summary>
    public static bool? IsReportedBy(Exception fault)
    {
        bool? memory = null;
        if (fault is AcceleratorException reported)
            Recognize(reported, ref memory);
        return memory;
    }

    /// <summary>Takes memory.</summary>
    /// <exception cref="DeviceMemoryException">There is none; a device that failed before throws what that gave.</exception>
    public static T Allocate<T>(Accelerator accelerator, long bytes, Func<T> allocate)
    {
        try
        {
            return allocate();
        }
        catch (Exception e) when (e is not ObjectDisposedException && IsReportedBy(e) != false)
        {
            // Where a back end does not say, what else goes wrong in an allocation of a checked length is a fault of earlier work, which
            // comes out of every call. (Not of the whole device's streams: another thread may be capturing one.)
            accelerator.DefaultStream.Synchronize();
            throw new DeviceMemoryException(accelerator.Name, bytes, e);
        }
    }

    static partial void Recognize(AcceleratorException fault, ref bool? memory);
}
