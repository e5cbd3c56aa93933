namespace ILGPU;

/// <summary>A view whose elements lie next to each other, so that it can be copied as bytes.</summary>
public interface IContiguousArrayView
{
    /// <summary>The number of elements.</summary>
    long Length { get; }

    /// <summary>The number of bytes.</summary>
    long LengthInBytes { get; }

    /// <summary>The same memory as bytes.</summary>
    internal ArrayView<byte> RawView { get; }
}
