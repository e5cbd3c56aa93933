using ILGPU.Runtime;

namespace ILGPU;

/// <summary>Memory of a single thread. Kernels only; contents are undefined until written.</summary>
public static class LocalMemory
{
    /// <summary>
    /// Space for <paramref name="extent"/> elements, which must be a constant once the kernel is specialised. Where all indices
    /// are constants after loops of constant bounds are unrolled, the elements live in registers.
    /// </summary>
    public static ArrayView<T> Allocate<T>(int extent)
        where T : unmanaged =>
        throw DeviceOnly.Exception();

    /// <inheritdoc cref="Allocate{T}(int)"/>
    public static ArrayView1D<T, Stride1D.Dense> Allocate1D<T>(Index1D extent)
        where T : unmanaged =>
        Allocate<T>(extent.X);
}
