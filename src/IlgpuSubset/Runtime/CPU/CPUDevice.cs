namespace ILGPU.Runtime.CPU;

/// <summary>One of the host's processor.</summary>
public abstract class CPUDevice : Device
{
    private protected CPUDevice()
    {
    }

    /// <inheritdoc/>
    public sealed override AcceleratorType AcceleratorType => AcceleratorType.CPU;

    /// <summary>Looks for devices; what is found but unusable goes to <paramref name="builder"/> with the reason.</summary>
    internal static IReadOnlyList<CPUDevice> Find(Context.Builder builder)
    {
        // Filled in by the back end.
        ArgumentNullException.ThrowIfNull(builder);
        return [];
    }
}
