using ILGPU.Beyond;

namespace EcapaIlgpu.Kernels;

/// <summary>Four neighbouring channels as the upper halves of float32: 8 significant bits and float32's range; one 8-byte access.</summary>
public struct BFloat4 : IQuad<BFloat4>
{
    /// <summary>The first channel in the lower half, the second in the upper.</summary>
    public int XY;

    /// <summary>The third and the fourth.</summary>
    public int ZW;

    /// <inheritdoc/>
    public static Float4 Widen(BFloat4 stored) => new(Lower(stored.XY), Upper(stored.XY), Lower(stored.ZW), Upper(stored.ZW));

    /// <inheritdoc/>
    public static BFloat4 Narrow(Float4 value) => new() { XY = NarrowFloat.PackBf16(value.X, value.Y), ZW = NarrowFloat.PackBf16(value.Z, value.W) };

    private static float Lower(int pair) => BitConverter.Int32BitsToSingle(pair << 16);

    private static float Upper(int pair) => BitConverter.Int32BitsToSingle(pair & ~0xFFFF);
}
