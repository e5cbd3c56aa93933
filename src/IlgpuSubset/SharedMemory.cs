using ILGPU.Runtime;

namespace ILGPU;

/// <summary>Memory that the threads of a group share. Kernels only; contents are undefined until written.</summary>
public static class SharedMemory
{
    /// <summary>Space for <paramref name="extent"/> elements, which must be a constant once the kernel is specialised.</summary>
    public static ArrayView<T> Allocate<T>(int extent)
        where T : unmanaged =>
        throw DeviceOnly.Exception();

    /// <summary>Space for one element.</summary>
    public static ref T Allocate<T>()
        where T : unmanaged =>
        ref Allocate<T>(1)[0];

    /// <inheritdoc cref="Allocate{T}(int)"/>
    public static ArrayView1D<T, Stride1D.Dense> Allocate1D<T>(Index1D extent)
        where T : unmanaged =>
        Allocate<T>(extent.X);

    /// <summary>The space that the launch asked for with <see cref="SharedMemoryConfig.RequestDynamic{T}(int)"/>.</summary>
    public static ArrayView<T> GetDynamic<T>()
        where T : unmanaged =>
        throw DeviceOnly.Exception();
}
