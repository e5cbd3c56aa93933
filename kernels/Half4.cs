using Half = ILGPU.Half;

namespace EcapaIlgpu.Kernels;

/// <summary>Four neighbouring channels in IEEE 754's 16 bits: 11 significant bits, magnitudes up to 65504; one 8-byte access.</summary>
/// <remarks>
/// What lies beyond 65504 is stored as 65504. An infinity would turn into NaN where the next layer's weights have both signs, and the whole
/// embedding with it; a cut-off peak is an error of its own size. NaN stays NaN, which a minimum or maximum would make a number.
/// </remarks>
public struct Half4 : IQuad<Half4>
{
    /// <summary>The largest number that can be stored.</summary>
    public const float Largest = 65504f;

    /// <summary>The first channel.</summary>
    public Half X;

    /// <summary>The second channel.</summary>
    public Half Y;

    /// <summary>The third channel.</summary>
    public Half Z;

    /// <summary>The fourth channel.</summary>
    public Half W;

    /// <inheritdoc/>
    public static Float4 Widen(Half4 stored) => new(stored.X, stored.Y, stored.Z, stored.W);

    /// <inheritdoc/>
    public static Half4 Narrow(Float4 value) =>
        new() { X = Narrow(value.X), Y = Narrow(value.Y), Z = Narrow(value.Z), W = Narrow(value.W) };

    private static Half Narrow(float value) => (Half)(value > Largest ? Largest : value < -Largest ? -Largest : value);
}
