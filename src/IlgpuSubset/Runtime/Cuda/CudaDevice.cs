namespace ILGPU.Runtime.Cuda;

/// <summary>One of NVIDIA GPUs.</summary>
public abstract class CudaDevice : Device
{
    private protected CudaDevice()
    {
    }

    /// <inheritdoc/>
    public sealed override AcceleratorType AcceleratorType => AcceleratorType.Cuda;

    /// <summary>Looks for devices; what is found but unusable goes to <paramref name="builder"/> with the reason.</summary>
    internal static IReadOnlyList<CudaDevice> Find(Context.Builder builder)
    {
        // Filled in by the back end.
        ArgumentNullException.ThrowIfNull(builder);
        return [];
    }
}
