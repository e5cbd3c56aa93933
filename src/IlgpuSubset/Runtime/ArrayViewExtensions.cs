namespace ILGPU.Runtime;

/// <summary>
/// Copies between host and device, and between views. Those without a stream use the default stream and return when it is done;
/// those with one queue the work, and return when host memory that is not page-locked may be reused.
/// </summary>
public static class ArrayViewExtensions
{
    /// <summary>A buffer with these elements.</summary>
    public static MemoryBuffer1D<T, Stride1D.Dense> Allocate1D<T>(this Accelerator accelerator, T[] data)
        where T : unmanaged
    {
        var buffer = accelerator.Allocate1D(accelerator.DefaultStream, data);
        // Other streams may read the buffer as soon as the caller has it.
        accelerator.DefaultStream.Synchronize();
        return buffer;
    }

    /// <inheritdoc cref="Allocate1D{T}(Accelerator, T[])"/>
    public static MemoryBuffer1D<T, Stride1D.Dense> Allocate1D<T>(this Accelerator accelerator, AcceleratorStream stream, T[] data)
        where T : unmanaged
    {
        var buffer = accelerator.Allocate1D<T>(data.Length);
        buffer.View.CopyFromCPU(stream, data);
        return buffer;
    }

    /// <summary>The same memory as elements of another type.</summary>
    public static ArrayView1D<TOther, Stride1D.Dense> Cast<T, TOther>(this ArrayView1D<T, Stride1D.Dense> view)
        where T : unmanaged
        where TOther : unmanaged =>
        view.BaseView.Cast<TOther>();

    /// <summary>Sets all bytes to zero.</summary>
    public static void MemSetToZero<TView>(this TView view)
        where TView : IContiguousArrayView =>
        view.MemSet(0);

    /// <summary>Queues setting all bytes to zero.</summary>
    public static void MemSetToZero<TView>(this TView view, AcceleratorStream stream)
        where TView : IContiguousArrayView =>
        view.MemSet(stream, 0);

    /// <summary>Sets all bytes to a value.</summary>
    public static void MemSet<TView>(this TView view, byte value)
        where TView : IContiguousArrayView
    {
        if (view.DefaultStream() is not { } stream)
            return;
        view.MemSet(stream, value);
        stream.Synchronize();
    }

    /// <summary>Queues setting all bytes to a value.</summary>
    public static void MemSet<TView>(this TView view, AcceleratorStream stream, byte value)
        where TView : IContiguousArrayView
    {
        ArrayView<byte> raw = view.RawView;
        if (raw.Length > 0)
            raw.Source!.MemSet(stream, value, raw.OffsetInBytes, raw.Length);
    }

    /// <summary>Copies to another view of the same accelerator.</summary>
    public static void CopyTo<TView>(this TView source, in TView target)
        where TView : IContiguousArrayView
    {
        if (source.DefaultStream() is not { } stream)
            return;
        source.CopyTo(stream, target);
        stream.Synchronize();
    }

    /// <summary>Queues a copy to another view of the same accelerator.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The target is shorter than the source.</exception>
    public static void CopyTo<TView>(this TView source, AcceleratorStream stream, in TView target)
        where TView : IContiguousArrayView
    {
        ArrayView<byte> from = source.RawView;
        if (from.Length > 0)
            from.Source!.CopyTo(stream, from.OffsetInBytes, target.RawView.SubView(0, from.Length));
    }

    /// <summary>Copies from another view of the same accelerator.</summary>
    public static void CopyFrom<TView>(this TView target, in TView source)
        where TView : IContiguousArrayView =>
        source.CopyTo(target);

    /// <summary>Queues a copy from another view of the same accelerator.</summary>
    public static void CopyFrom<TView>(this TView target, AcceleratorStream stream, in TView source)
        where TView : IContiguousArrayView =>
        source.CopyTo(stream, target);

    /// <summary>Copies <paramref name="length"/> elements to the host.</summary>
    public static void CopyToCPU<T, TView>(this TView source, ref T cpuData, long length)
        where T : unmanaged
        where TView : IContiguousArrayView
    {
        if (source.DefaultStream() is { } stream)
            source.CopyToCPU(stream, ref cpuData, length);
    }

    /// <inheritdoc cref="CopyToCPU{T, TView}(TView, ref T, long)"/>
    public static unsafe void CopyToCPU<T, TView>(this TView source, AcceleratorStream stream, ref T cpuData, long length)
        where T : unmanaged
        where TView : IContiguousArrayView
    {
        ArrayView<byte> from = source.RawView.SubView(0, checked(length * sizeof(T)));
        if (from.Length == 0)
            return;
        fixed (T* target = &cpuData)
            from.Source!.CopyToHost(stream, (nint)target, from.OffsetInBytes, from.Length, pageLocked: false);
    }

    /// <summary>Copies <paramref name="length"/> elements from the host.</summary>
    public static void CopyFromCPU<T, TView>(this TView target, ref T cpuData, long length)
        where T : unmanaged
        where TView : IContiguousArrayView
    {
        if (target.DefaultStream() is { } stream)
            target.CopyFromCPU(stream, ref cpuData, length);
    }

    /// <inheritdoc cref="CopyFromCPU{T, TView}(TView, ref T, long)"/>
    public static unsafe void CopyFromCPU<T, TView>(this TView target, AcceleratorStream stream, ref T cpuData, long length)
        where T : unmanaged
        where TView : IContiguousArrayView
    {
        ArrayView<byte> to = target.RawView.SubView(0, checked(length * sizeof(T)));
        if (to.Length == 0)
            return;
        fixed (T* source = &cpuData)
            to.Source!.CopyFromHost(stream, (nint)source, to.OffsetInBytes, to.Length, pageLocked: false);
    }

    /// <summary>Copies as many elements as the span holds to the host.</summary>
    public static void CopyToCPU<T, TView>(this TView source, AcceleratorStream stream, in Span<T> span)
        where T : unmanaged
        where TView : IContiguousArrayView =>
        source.CopyToCPU(stream, ref System.Runtime.InteropServices.MemoryMarshal.GetReference(span), span.Length);

    /// <summary>Copies as many elements as the span holds from the host.</summary>
    public static void CopyFromCPU<T, TView>(this TView target, AcceleratorStream stream, in ReadOnlySpan<T> span)
        where T : unmanaged
        where TView : IContiguousArrayView =>
        target.CopyFromCPU(stream, ref System.Runtime.InteropServices.MemoryMarshal.GetReference(span), span.Length);

    /// <summary>Copies the view to the start of an array.</summary>
    public static void CopyToCPU<T>(this ArrayView<T> view, T[] data)
        where T : unmanaged
    {
        if (view.DefaultStream() is { } stream)
            view.CopyToCPU(stream, data);
    }

    /// <inheritdoc cref="CopyToCPU{T}(ArrayView{T}, T[])"/>
    public static void CopyToCPU<T>(this ArrayView<T> view, AcceleratorStream stream, T[] data)
        where T : unmanaged =>
        view.CopyToCPU(stream, data.AsSpan(0, checked((int)view.Length)));

    /// <summary>Copies an array to the start of the view.</summary>
    public static void CopyFromCPU<T>(this ArrayView<T> view, T[] data)
        where T : unmanaged
    {
        if (view.DefaultStream() is { } stream)
            view.CopyFromCPU(stream, data);
    }

    /// <inheritdoc cref="CopyFromCPU{T}(ArrayView{T}, T[])"/>
    public static void CopyFromCPU<T>(this ArrayView<T> view, AcceleratorStream stream, T[] data)
        where T : unmanaged =>
        view.CopyFromCPU(stream, new ReadOnlySpan<T>(data));

    /// <inheritdoc cref="CopyToCPU{T}(ArrayView{T}, T[])"/>
    public static void CopyToCPU<T>(this ArrayView1D<T, Stride1D.Dense> view, T[] data)
        where T : unmanaged =>
        view.BaseView.CopyToCPU(data);

    /// <inheritdoc cref="CopyToCPU{T}(ArrayView{T}, T[])"/>
    public static void CopyToCPU<T>(this ArrayView1D<T, Stride1D.Dense> view, AcceleratorStream stream, T[] data)
        where T : unmanaged =>
        view.BaseView.CopyToCPU(stream, data);

    /// <inheritdoc cref="CopyFromCPU{T}(ArrayView{T}, T[])"/>
    public static void CopyFromCPU<T>(this ArrayView1D<T, Stride1D.Dense> view, T[] data)
        where T : unmanaged =>
        view.BaseView.CopyFromCPU(data);

    /// <inheritdoc cref="CopyFromCPU{T}(ArrayView{T}, T[])"/>
    public static void CopyFromCPU<T>(this ArrayView1D<T, Stride1D.Dense> view, AcceleratorStream stream, T[] data)
        where T : unmanaged =>
        view.BaseView.CopyFromCPU(stream, data);

    /// <inheritdoc cref="CopyToCPU{T}(ArrayView{T}, T[])"/>
    public static void CopyToCPU<T>(this MemoryBuffer<ArrayView1D<T, Stride1D.Dense>> buffer, T[] data)
        where T : unmanaged =>
        buffer.View.CopyToCPU(data);

    /// <inheritdoc cref="CopyToCPU{T}(ArrayView{T}, T[])"/>
    public static void CopyToCPU<T>(this MemoryBuffer<ArrayView1D<T, Stride1D.Dense>> buffer, AcceleratorStream stream, T[] data)
        where T : unmanaged =>
        buffer.View.CopyToCPU(stream, data);

    /// <inheritdoc cref="CopyFromCPU{T}(ArrayView{T}, T[])"/>
    public static void CopyFromCPU<T>(this MemoryBuffer<ArrayView1D<T, Stride1D.Dense>> buffer, T[] data)
        where T : unmanaged =>
        buffer.View.CopyFromCPU(data);

    /// <inheritdoc cref="CopyFromCPU{T}(ArrayView{T}, T[])"/>
    public static void CopyFromCPU<T>(this MemoryBuffer<ArrayView1D<T, Stride1D.Dense>> buffer, AcceleratorStream stream, T[] data)
        where T : unmanaged =>
        buffer.View.CopyFromCPU(stream, data);

    /// <summary>The elements in a new array.</summary>
    public static T[] GetAsArray1D<T>(this ArrayView1D<T, Stride1D.Dense> view)
        where T : unmanaged
    {
        var data = new T[view.Length];
        view.CopyToCPU(data);
        return data;
    }

    /// <inheritdoc cref="GetAsArray1D{T}(ArrayView1D{T, Stride1D.Dense})"/>
    public static T[] GetAsArray1D<T>(this ArrayView1D<T, Stride1D.Dense> view, AcceleratorStream stream)
        where T : unmanaged
    {
        var data = new T[view.Length];
        view.CopyToCPU(stream, data);
        return data;
    }

    /// <inheritdoc cref="GetAsArray1D{T}(ArrayView1D{T, Stride1D.Dense})"/>
    public static T[] GetAsArray1D<T>(this MemoryBuffer<ArrayView1D<T, Stride1D.Dense>> buffer)
        where T : unmanaged =>
        buffer.View.GetAsArray1D();

    /// <inheritdoc cref="GetAsArray1D{T}(ArrayView1D{T, Stride1D.Dense})"/>
    public static T[] GetAsArray1D<T>(this MemoryBuffer<ArrayView1D<T, Stride1D.Dense>> buffer, AcceleratorStream stream)
        where T : unmanaged =>
        buffer.View.GetAsArray1D(stream);

    /// <summary>Queues a copy of a page-locked array, which must stay untouched until the stream has passed it.</summary>
    public static void CopyFromPageLockedAsync<T>(this ArrayView1D<T, Stride1D.Dense> target, PageLockedArray1D<T> pageLockedArray)
        where T : unmanaged =>
        target.CopyFromPageLockedAsync(pageLockedArray.Accelerator.DefaultStream, pageLockedArray);

    /// <inheritdoc cref="CopyFromPageLockedAsync{T}(ArrayView1D{T, Stride1D.Dense}, PageLockedArray1D{T})"/>
    public static void CopyFromPageLockedAsync<T>(
        this ArrayView1D<T, Stride1D.Dense> target, AcceleratorStream stream, PageLockedArray1D<T> pageLockedArray)
        where T : unmanaged
    {
        ArrayView<byte> to = target.BaseView.SubView(0, pageLockedArray.Length).Cast<byte>();
        if (to.Length > 0)
            to.Source!.CopyFromHost(stream, pageLockedArray.Address, to.OffsetInBytes, to.Length, pageLocked: true);
    }

    /// <summary>Queues a copy into a page-locked array, which holds the elements once the stream has passed it.</summary>
    public static void CopyToPageLockedAsync<T>(this ArrayView1D<T, Stride1D.Dense> source, PageLockedArray1D<T> pageLockedArray)
        where T : unmanaged =>
        source.CopyToPageLockedAsync(pageLockedArray.Accelerator.DefaultStream, pageLockedArray);

    /// <inheritdoc cref="CopyToPageLockedAsync{T}(ArrayView1D{T, Stride1D.Dense}, PageLockedArray1D{T})"/>
    public static void CopyToPageLockedAsync<T>(
        this ArrayView1D<T, Stride1D.Dense> source, AcceleratorStream stream, PageLockedArray1D<T> pageLockedArray)
        where T : unmanaged
    {
        ArrayView<byte> from = source.BaseView.SubView(0, pageLockedArray.Length).Cast<byte>();
        if (from.Length > 0)
            from.Source!.CopyToHost(stream, pageLockedArray.Address, from.OffsetInBytes, from.Length, pageLocked: true);
    }

    /// <summary>The default stream of the accelerator that holds the view; null for an empty view.</summary>
    private static AcceleratorStream? DefaultStream<TView>(this TView view)
        where TView : IContiguousArrayView =>
        view.Length == 0 ? null : view.RawView.Source!.Accelerator.DefaultStream;
}
