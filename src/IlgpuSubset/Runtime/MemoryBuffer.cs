namespace ILGPU.Runtime;

/// <summary>A piece of a device's memory.</summary>
/// <remarks>Buffers start at multiples of 256 bytes, so that a view of the start can be cast to any element type.</remarks>
public abstract class MemoryBuffer : AcceleratorObject
{
    private protected MemoryBuffer(Accelerator accelerator, long length, int elementSize)
        : base(accelerator)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(elementSize);
        Length = length;
        ElementSize = elementSize;
        LengthInBytes = checked(length * elementSize);
    }

    /// <summary>The address or handle by which the driver knows the memory.</summary>
    public IntPtr NativePtr { get; private protected set; }

    /// <summary>The number of elements.</summary>
    public long Length { get; }

    /// <summary>The size of an element in bytes.</summary>
    public int ElementSize { get; }

    /// <summary>The number of bytes.</summary>
    public long LengthInBytes { get; }

    /// <summary>Queues setting bytes to a value.</summary>
    public abstract void MemSet(AcceleratorStream stream, byte value, long targetOffsetInBytes, long length);

    /// <summary>Queues a copy from this buffer into a view of the same accelerator.</summary>
    public abstract void CopyTo(AcceleratorStream stream, long sourceOffsetInBytes, in ArrayView<byte> targetView);

    /// <summary>Queues a copy from a view of the same accelerator into this buffer.</summary>
    public void CopyFrom(AcceleratorStream stream, in ArrayView<byte> sourceView, long targetOffsetInBytes)
    {
        if (sourceView.Source is { } source)
            source.CopyTo(stream, sourceView.OffsetInBytes, AsRawArrayView(targetOffsetInBytes, sourceView.Length));
    }

    /// <summary>The whole buffer as bytes.</summary>
    public ArrayView<byte> AsRawArrayView() => AsRawArrayView(0);

    /// <summary>The bytes from an offset to the end.</summary>
    public ArrayView<byte> AsRawArrayView(long offsetInBytes) => AsRawArrayView(offsetInBytes, LengthInBytes - offsetInBytes);

    /// <summary>A stretch of bytes.</summary>
    public ArrayView<byte> AsRawArrayView(long offsetInBytes, long lengthInBytes) => new(this, offsetInBytes, lengthInBytes);

    /// <summary>A stretch of elements of a type.</summary>
    public ArrayView<T> AsArrayView<T>(long offset, long length)
        where T : unmanaged =>
        new(this, offset, length);

    /// <summary>
    /// Queues a copy from host memory. Unless <paramref name="pageLocked"/>, the source may be reused or moved when the call
    /// returns; page-locked sources must stay untouched until the stream has passed the copy.
    /// </summary>
    internal abstract void CopyFromHost(
        AcceleratorStream stream, nint source, long targetOffsetInBytes, long lengthInBytes, bool pageLocked);

    /// <summary>
    /// Queues a copy to host memory. Unless <paramref name="pageLocked"/>, the bytes have arrived when the call returns.
    /// </summary>
    internal abstract void CopyToHost(AcceleratorStream stream, nint target, long sourceOffsetInBytes, long lengthInBytes, bool pageLocked);
}
