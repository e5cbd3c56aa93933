using System.Runtime.CompilerServices;
using ILGPU.Runtime;

namespace ILGPU;

/// <summary>
/// A stretch of elements of type <typeparamref name="T"/> in a device's memory: the argument type through which kernels read and
/// write. On the host it is a handle that can be sliced and copied from and to; elements are reached only inside kernels.
/// </summary>
/// <remarks>
/// In a kernel the compiler represents it as a pointer and a 64-bit length; a 32-bit index is assumed not to overflow in the
/// additions and multiplications that compute it, and an index outside the view is undefined unless the accelerator checks bounds.
/// </remarks>
/// <typeparam name="T">The element type: a number or a structure of numbers.</typeparam>
public readonly struct ArrayView<T> : IContiguousArrayView, IKernelArgument
    where T : unmanaged
{
    private readonly MemoryBuffer? _source;
    private readonly long _index;
    private readonly long _length;

    /// <summary>A view of <paramref name="length"/> elements of a buffer, from element <paramref name="index"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The stretch does not lie within the buffer.</exception>
    public ArrayView(MemoryBuffer source, long index, long length)
    {
        ArgumentNullException.ThrowIfNull(source);
        long capacity = source.LengthInBytes / Unsafe.SizeOf<T>();
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, capacity);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, capacity - index);
        _source = source;
        _index = index;
        _length = length;
    }

    /// <summary>Whether the view refers to memory: the default value does not.</summary>
    public bool IsValid => _source is not null && _length > 0;

    /// <summary>The number of elements.</summary>
    public long Length => _length;

    /// <summary>The number of elements, for views of fewer than 2^31.</summary>
    public int IntLength => (int)Length;

    /// <summary>The number of elements.</summary>
    public LongIndex1D Extent => new(Length);

    /// <summary>The number of elements, for views of fewer than 2^31.</summary>
    public Index1D IntExtent => new(IntLength);

    /// <summary>Elements lie next to each other.</summary>
    public Stride1D.Dense Stride => default;

    /// <summary>The number of bytes.</summary>
    public long LengthInBytes => Length * Interop.SizeOf<T>();

    /// <inheritdoc/>
    ArrayView<byte> IContiguousArrayView.RawView =>
        _source is null ? default : new ArrayView<byte>(_source, _index * Unsafe.SizeOf<T>(), _length * Unsafe.SizeOf<T>());

    internal MemoryBuffer? Source => _source;

    void IKernelArgument.AppendTo(KernelArguments arguments)
    {
        arguments.AddPointer(_source, OffsetInBytes);
        arguments.AddBits(_length);
    }

    /// <summary>Where the view starts in its buffer, in bytes.</summary>
    internal long OffsetInBytes => _index * Unsafe.SizeOf<T>();

    /// <summary>An element; kernels only.</summary>
    public ref T this[Index1D index] => ref this[(int)index];

    /// <inheritdoc cref="this[Index1D]"/>
    public ref T this[LongIndex1D index] => ref this[(long)index];

    /// <inheritdoc cref="this[Index1D]"/>
    public ref T this[int index] => throw DeviceOnly.Exception();

    /// <inheritdoc cref="this[Index1D]"/>
    public ref T this[long index] => throw DeviceOnly.Exception();

    /// <summary>The elements from <paramref name="index"/> to the end.</summary>
    public ArrayView<T> SubView(long index) => SubView(index, Length - index);

    /// <summary><paramref name="subViewLength"/> elements from <paramref name="index"/>.</summary>
    public ArrayView<T> SubView(int index, int subViewLength) => SubView((long)index, subViewLength);

    /// <inheritdoc cref="SubView(int, int)"/>
    public ArrayView<T> SubView(long index, long subViewLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, _length);
        ArgumentOutOfRangeException.ThrowIfNegative(subViewLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(subViewLength, _length - index);
        return _source is null ? default : new ArrayView<T>(_source, _index + index, subViewLength);
    }

    /// <summary>The same memory as elements of another type; the length is rounded down.</summary>
    /// <remarks>The view must start at a multiple of the other type's size: 16-byte elements are moved as one access.</remarks>
    /// <exception cref="InvalidOperationException">On the host, the view does not start at a multiple of the other size.</exception>
    public ArrayView<TOther> Cast<TOther>()
        where TOther : unmanaged
    {
        if (_source is null)
            return default;
        int size = Unsafe.SizeOf<TOther>();
        if (OffsetInBytes % size != 0)
            throw new InvalidOperationException(
                $"A view that starts at byte {OffsetInBytes} of its buffer cannot be seen as {typeof(TOther).Name} of {size} bytes: " +
                "it must start at a multiple of that size.");
        return new ArrayView<TOther>(_source, OffsetInBytes / size, _length * Unsafe.SizeOf<T>() / size);
    }

    /// <summary>The same elements as a one-dimensional view.</summary>
    public static implicit operator ArrayView1D<T, Stride1D.Dense>(ArrayView<T> view) => new(view, view.Extent, default);

    /// <summary>The elements of a dense one-dimensional view.</summary>
    public static implicit operator ArrayView<T>(ArrayView1D<T, Stride1D.Dense> view) => view.BaseView;

    /// <inheritdoc/>
    public override string ToString() => $"ArrayView<{typeof(T).Name}>[{_length}]";
}
