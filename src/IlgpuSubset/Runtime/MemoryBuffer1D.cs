using System.Runtime.CompilerServices;

namespace ILGPU.Runtime;

/// <summary>A buffer seen through a typed view.</summary>
/// <typeparam name="TView">The type of the view.</typeparam>
public class MemoryBuffer<TView> : AcceleratorObject
    where TView : struct
{
    internal MemoryBuffer(MemoryBuffer buffer, TView view)
        : base(buffer.Accelerator)
    {
        Buffer = buffer;
        View = view;
    }

    /// <summary>The whole buffer.</summary>
    public TView View { get; }

    /// <inheritdoc cref="MemoryBuffer.NativePtr"/>
    public IntPtr NativePtr => Buffer.NativePtr;

    /// <inheritdoc cref="MemoryBuffer.Length"/>
    public long Length => Buffer.Length;

    /// <inheritdoc cref="MemoryBuffer.ElementSize"/>
    public int ElementSize => Buffer.ElementSize;

    /// <inheritdoc cref="MemoryBuffer.LengthInBytes"/>
    public long LengthInBytes => Buffer.LengthInBytes;

    internal MemoryBuffer Buffer { get; }

    private protected override void Release() => Buffer.Dispose();
}

/// <summary>A buffer of elements along a line.</summary>
/// <typeparam name="T">The element type.</typeparam>
/// <typeparam name="TStride">The layout.</typeparam>
public sealed class MemoryBuffer1D<T, TStride> : MemoryBuffer<ArrayView1D<T, TStride>>
    where T : unmanaged
    where TStride : struct, IStride1D
{
    internal MemoryBuffer1D(Accelerator accelerator, long length)
        : this(accelerator.AllocateRaw(length, Unsafe.SizeOf<T>()))
    {
    }

    private MemoryBuffer1D(MemoryBuffer buffer)
        : base(buffer, new ArrayView1D<T, TStride>(new ArrayView<T>(buffer, 0, buffer.Length), buffer.Length, default))
    {
    }

    /// <summary>The number of elements.</summary>
    public LongIndex1D Extent => new(Length);

    /// <summary>The number of elements, for buffers of fewer than 2^31.</summary>
    public Index1D IntExtent => new((int)Length);

    /// <summary>The whole buffer.</summary>
    public ArrayView<T> AsContiguous() => View.BaseView;

    /// <summary>The whole buffer.</summary>
    public static explicit operator ArrayView<T>(MemoryBuffer1D<T, TStride> buffer) => buffer.View.BaseView;
}
