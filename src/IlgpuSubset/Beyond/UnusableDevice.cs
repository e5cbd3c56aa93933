using System.Collections.Immutable;
using ILGPU.Runtime;

namespace ILGPU.Beyond;

/// <summary>A device, driver or library that was looked for and cannot be used.</summary>
/// <param name="AcceleratorType">Through what it would be reached.</param>
/// <param name="Name">The device's name, or the library's where no device was reached.</param>
/// <param name="Reason">Why it cannot be used, and what would help.</param>
public sealed record UnusableDevice(AcceleratorType AcceleratorType, string Name, string Reason);

/// <summary>What a context knows beyond ILGPU's.</summary>
public static class UnusableDevices
{
    /// <summary>The devices that were looked for and cannot be used, or turned out so since, each with its reason.</summary>
    public static ImmutableArray<UnusableDevice> GetUnusableDevices(this Context context) =>
    [
        .. context.UnusableDevices,
        .. context.Devices.Where(device => device.Fault is not null)
            .Select(device => new UnusableDevice(device.AcceleratorType, device.Name, device.Fault!)),
    ];
}
