namespace EcapaIlgpu;

/// <summary>
/// A device failed in the middle of its work: its driver reported a fault, or vanished, or could not compile a kernel. What was computed
/// before is sound; an engine on the device computes nothing any more and can still be disposed.
/// </summary>
public sealed class DeviceException : Exception
{
    /// <summary>A device that failed.</summary>
    /// <param name="device">Its name.</param>
    /// <param name="fault">What its driver reported.</param>
    public DeviceException(string device, Exception fault)
        : base($"{device}: the device failed: {fault?.Message}", fault) => Device = device;

    /// <summary>The device's name.</summary>
    public string Device { get; }
}
