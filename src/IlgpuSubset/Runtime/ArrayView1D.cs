namespace ILGPU.Runtime;

/// <summary>A view of elements along a line.</summary>
/// <typeparam name="T">The element type.</typeparam>
/// <typeparam name="TStride">The layout.</typeparam>
public readonly struct ArrayView1D<T, TStride> : IContiguousArrayView, IKernelArgument
    where T : unmanaged
    where TStride : struct, IStride1D
{
    private readonly ArrayView<T> _baseView;

    /// <summary>A view of the first <paramref name="extent"/> elements of another.</summary>
    /// <param name="baseView">The elements.</param>
    /// <param name="extent">How many of them.</param>
    /// <param name="stride">The layout.</param>
#pragma warning disable IDE0060 // The layouts there are carry no data; the parameter is ILGPU's.
    public ArrayView1D(ArrayView<T> baseView, LongIndex1D extent, TStride stride)
#pragma warning restore IDE0060
    {
        _baseView = baseView.SubView(0, extent.X);
    }

    /// <summary>The elements without their layout.</summary>
    public ArrayView<T> BaseView => _baseView;

    /// <summary>The number of elements.</summary>
    public LongIndex1D Extent => BaseView.Extent;

    /// <summary>The number of elements, for views of fewer than 2^31.</summary>
    public Index1D IntExtent => BaseView.IntExtent;

    /// <summary>The layout.</summary>
    public TStride Stride => default;

    /// <summary>Whether the view refers to memory.</summary>
    public bool IsValid => BaseView.IsValid;

    /// <summary>The number of elements.</summary>
    public long Length => BaseView.Length;

    /// <summary>The number of elements, for views of fewer than 2^31.</summary>
    public int IntLength => BaseView.IntLength;

    /// <summary>The number of bytes.</summary>
    public long LengthInBytes => BaseView.LengthInBytes;

    /// <inheritdoc/>
    ArrayView<byte> IContiguousArrayView.RawView => ((IContiguousArrayView)_baseView).RawView;

    void IKernelArgument.AppendTo(KernelArguments arguments) => arguments.Add(_baseView);

    /// <summary>An element; kernels only.</summary>
    public ref T this[Index1D index] => ref BaseView[index.X];

    /// <inheritdoc cref="this[Index1D]"/>
    public ref T this[LongIndex1D index] => ref BaseView[index.X];

    /// <summary><paramref name="extent"/> elements from <paramref name="index"/>.</summary>
    public ArrayView1D<T, TStride> SubView(Index1D index, Index1D extent) => new(BaseView.SubView(index.X, extent.X), extent, default);

    /// <inheritdoc cref="SubView(Index1D, Index1D)"/>
    public ArrayView1D<T, TStride> SubView(LongIndex1D index, LongIndex1D extent) =>
        new(BaseView.SubView(index.X, extent.X), extent, default);

    /// <summary>The elements without their layout.</summary>
    public ArrayView<T> AsContiguous() => BaseView;

    /// <inheritdoc/>
    public override string ToString() => $"ArrayView1D<{typeof(T).Name}>[{Length}]";
}
