namespace ILGPU.Runtime.Cuda;

/// <summary>Contexts with NVIDIA GPUs.</summary>
public static class CudaContextExtensions
{
    /// <summary>Adds NVIDIA GPUs.</summary>
    public static Context.Builder Cuda(this Context.Builder builder) => builder.Add(CudaDevice.Find(builder));

    /// <summary>Adds those of NVIDIA GPUs that the predicate chooses.</summary>
    public static Context.Builder Cuda(this Context.Builder builder, Predicate<CudaDevice> predicate) =>
        builder.Add(CudaDevice.Find(builder).Where(device => predicate(device)));

    /// <summary>The context's devices of this kind.</summary>
    public static Context.DeviceCollection<CudaDevice> GetCudaDevices(this Context context) => context.GetDevices<CudaDevice>();

    /// <summary>The context's device of this kind with a number.</summary>
    public static CudaDevice GetCudaDevice(this Context context, int cudaDeviceIndex) => context.GetDevice<CudaDevice>(cudaDeviceIndex);
}
