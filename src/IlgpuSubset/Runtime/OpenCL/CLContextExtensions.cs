namespace ILGPU.Runtime.OpenCL;

/// <summary>Contexts with devices under OpenCL.</summary>
public static class CLContextExtensions
{
    /// <summary>Adds devices under OpenCL.</summary>
    public static Context.Builder OpenCL(this Context.Builder builder) => builder.Add(CLDevice.Find(builder));

    /// <summary>Adds those of devices under OpenCL that the predicate chooses.</summary>
    public static Context.Builder OpenCL(this Context.Builder builder, Predicate<CLDevice> predicate) =>
        builder.Add(CLDevice.Find(builder).Where(device => predicate(device)));

    /// <summary>The context's devices of this kind.</summary>
    public static Context.DeviceCollection<CLDevice> GetCLDevices(this Context context) => context.GetDevices<CLDevice>();

    /// <summary>The context's device of this kind with a number.</summary>
    public static CLDevice GetCLDevice(this Context context, int clDeviceIndex) => context.GetDevice<CLDevice>(clDeviceIndex);
}
