using ILGPU;

namespace EcapaIlgpu.Kernels;

/// <summary>Four neighbouring channels as the upper halves of float32: 8 significant bits and float32's range; one 8-byte access.</summary>
public struct BFloat4 : IQuad<BFloat4>
{
    /// <summary>The first channel.</summary>
    public BFloat16 X;

    /// <summary>The second channel.</summary>
    public BFloat16 Y;

    /// <summary>The third channel.</summary>
    public BFloat16 Z;

    /// <summary>The fourth channel.</summary>
    public BFloat16 W;

    /// <inheritdoc/>
    public static Float4 Widen(BFloat4 stored) => new(stored.X, stored.Y, stored.Z, stored.W);

    /// <inheritdoc/>
    public static BFloat4 Narrow(Float4 value) =>
        new() { X = (BFloat16)value.X, Y = (BFloat16)value.Y, Z = (BFloat16)value.Z, W = (BFloat16)value.W };
}
