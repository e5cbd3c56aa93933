namespace ILGPU.Runtime.CPU;

/// <summary>Contexts with the host's processor.</summary>
public static class CPUContextExtensions
{
    /// <summary>Adds the host's processor.</summary>
    public static Context.Builder CPU(this Context.Builder builder) => builder.Add(CPUDevice.Find(builder));

    /// <summary>Adds those of the host's processor that the predicate chooses.</summary>
    public static Context.Builder CPU(this Context.Builder builder, Predicate<CPUDevice> predicate) =>
        builder.Add(CPUDevice.Find(builder).Where(device => predicate(device)));

    /// <summary>The context's devices of this kind.</summary>
    public static Context.DeviceCollection<CPUDevice> GetCPUDevices(this Context context) => context.GetDevices<CPUDevice>();

    /// <summary>The context's device of this kind with a number.</summary>
    public static CPUDevice GetCPUDevice(this Context context, int cpuDeviceIndex) => context.GetDevice<CPUDevice>(cpuDeviceIndex);
}
