using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace ILGPU.Beyond;

/// <summary>What an accelerator knows of its memory beyond ILGPU's.</summary>
public static class AcceleratorMemory
{
    /// <summary>The device's memory that nobody uses, this process or another, in bytes; null where the driver does not say.</summary>
    public static long? GetFreeMemory(this Accelerator accelerator) => (accelerator as CudaAccelerator)?.Driver.GetFreeMemory();

    /// <summary>
    /// Queues a copy of a whole view to the start of a page-locked array, which holds it once the stream has passed the copy.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The array is shorter than the view.</exception>
    public static void CopyToPageLockedAsync<T>(this ArrayView<T> source, AcceleratorStream stream, PageLockedArray1D<T> target)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(source.Length, target.Length);
        ArrayView<byte> from = source.Cast<byte>();
        if (from.Length > 0)
            from.Source!.CopyToHost(stream, target.Address, from.OffsetInBytes, from.Length, pageLocked: true);
    }
}
