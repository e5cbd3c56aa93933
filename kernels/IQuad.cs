namespace EcapaIlgpu.Kernels;

/// <summary>
/// Four neighbouring channels as they are stored: in 32 bits (<see cref="Float4"/>, TFloat4) or in 16 (<see cref="Half4"/>, BFloat4).
/// Arithmetic is always on <see cref="Float4"/>; a kernel over rows of <typeparamref name="TSelf"/> is one source for every way to store
/// them.
/// </summary>
/// <typeparam name="TSelf">The type itself.</typeparam>
public interface IQuad<TSelf>
    where TSelf : unmanaged, IQuad<TSelf>
{
    /// <summary>The numbers as they are, exactly.</summary>
    static abstract Float4 Widen(TSelf stored);

    /// <summary>The nearest numbers that can be stored, ties to even where a type does not say otherwise; NaN stays NaN.</summary>
    static abstract TSelf Narrow(Float4 value);
}
