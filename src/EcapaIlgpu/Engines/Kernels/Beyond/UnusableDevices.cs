using ILGPU;
using ILGPU.Beyond;

namespace EcapaIlgpu.Engines.Kernels;

public static partial class DeviceSelector
{
    static partial void AddUnusable(Context context, List<DeviceInfo> devices)
    {
        foreach (UnusableDevice device in context.GetUnusableDevices())
            devices.Add(new DeviceInfo("", $"{KindOf(device.AcceleratorType)} {device.Name}".TrimEnd(), 0, 0, device.Reason));
    }
}
