namespace ILGPU.Runtime.Cuda;

/// <summary>Which CUDA driver contexts use.</summary>
internal static class CudaDriver
{
    private static readonly NvidiaDriver Nvidia = new();
    private static readonly AsyncLocal<ICudaDriver?> Replacement = new();

    /// <summary>NVIDIA's, unless the caller's flow of control runs under <see cref="Replace"/>.</summary>
    public static ICudaDriver Current => Replacement.Value ?? Nvidia;

    /// <summary>Makes contexts that are built from here on, until the result is disposed, find another driver's devices.</summary>
    public static IDisposable Replace(ICudaDriver driver)
    {
        ICudaDriver? before = Replacement.Value;
        Replacement.Value = driver;
        return new Restoration(before);
    }

    private sealed class Restoration(ICudaDriver? before) : IDisposable
    {
        public void Dispose() => Replacement.Value = before;
    }
}
