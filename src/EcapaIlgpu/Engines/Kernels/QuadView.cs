using EcapaIlgpu.Kernels;
using ILGPU;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>Quads of channels on a device, stored in 32 or 16 bits each channel; places and lengths are in quads either way.</summary>
/// <param name="Bytes">The memory.</param>
/// <param name="QuadBytes">Bytes of a quad: 16 or 8.</param>
internal readonly record struct QuadView(ArrayView<byte> Bytes, int QuadBytes)
{
    /// <summary>Number of quads.</summary>
    public long Length => Bytes.Length / QuadBytes;

    /// <summary>Float32 quads.</summary>
    public static implicit operator QuadView(ArrayView<Float4> quads) => new(quads.Cast<byte>(), 4 * sizeof(float));

    /// <summary>Some neighbouring quads.</summary>
    public QuadView SubView(long start, long length) => this with { Bytes = Bytes.SubView(start * QuadBytes, length * QuadBytes) };

    /// <summary>The quads as kernels see them.</summary>
    /// <exception cref="InvalidOperationException">They are stored otherwise.</exception>
    public ArrayView<TStored> As<TStored>()
        where TStored : unmanaged, IQuad<TStored> =>
        Interop.SizeOf<TStored>() == QuadBytes
            ? Bytes.Cast<TStored>()
            : throw new InvalidOperationException($"Quads of {QuadBytes} bytes are not {typeof(TStored).Name}.");
}
