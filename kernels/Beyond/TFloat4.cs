using ILGPU.Algorithms;

namespace EcapaIlgpu.Kernels;

/// <summary>
/// Four neighbouring channels as tf32: float32 numbers of 11 significant bits. Rounded where they are written, they need no rounding where
/// tensor cores, which look at no more bits, read them many times.
/// </summary>
public struct TFloat4 : IQuad<TFloat4>
{
    /// <summary>The channels.</summary>
    public Float4 Quad;

    /// <inheritdoc/>
    public static Float4 Widen(TFloat4 stored) => stored.Quad;

    /// <summary>The nearest numbers that can be stored, ties away from zero.</summary>
    public static TFloat4 Narrow(Float4 value) => new() { Quad = Rounded(value) };

    /// <summary>The same as float32.</summary>
    public static Float4 Rounded(Float4 value) => new(Rounded(value.X), Rounded(value.Y), Rounded(value.Z), Rounded(value.W));

    /// <summary>
    /// To the nearest, in the bits. What is not finite stays what it is: the NaN of a GPU is all ones and would become zero.
    /// </summary>
    public static float Rounded(float value)
    {
        float rounded = BitConverter.Int32BitsToSingle((BitConverter.SingleToInt32Bits(value) + 0x1000) & ~0x1FFF);
        return XMath.Abs(value) < float.PositiveInfinity ? rounded : value;
    }
}
