namespace ILGPU.Runtime.OpenCL;

/// <summary>One of devices under OpenCL.</summary>
public abstract class CLDevice : Device
{
    private protected CLDevice()
    {
    }

    /// <inheritdoc/>
    public sealed override AcceleratorType AcceleratorType => AcceleratorType.OpenCL;

    /// <summary>Looks for devices; what is found but unusable goes to <paramref name="builder"/> with the reason.</summary>
    internal static IReadOnlyList<CLDevice> Find(Context.Builder builder)
    {
        // Filled in by the back end.
        ArgumentNullException.ThrowIfNull(builder);
        return [];
    }
}
