using System.Numerics;
using ILGPU.Algorithms;

namespace ILGPU;

/// <summary>The mathematics that needs no ILGPU.Algorithms.</summary>
public static class IntrinsicMath
{
    /// <inheritdoc cref="XMath.Abs(float)"/>
    public static float Abs(float value) => XMath.Abs(value);

    /// <inheritdoc cref="XMath.Abs(float)"/>
    public static int Abs(int value) => XMath.Abs(value);

    /// <inheritdoc cref="XMath.Min(int, int)"/>
    public static float Min(float first, float second) => XMath.Min(first, second);

    /// <inheritdoc cref="XMath.Min(int, int)"/>
    public static int Min(int first, int second) => XMath.Min(first, second);

    /// <inheritdoc cref="XMath.Max(int, int)"/>
    public static float Max(float first, float second) => XMath.Max(first, second);

    /// <inheritdoc cref="XMath.Max(int, int)"/>
    public static int Max(int first, int second) => XMath.Max(first, second);

    /// <inheritdoc cref="XMath.Clamp(int, int, int)"/>
    public static int Clamp(int value, int min, int max) => XMath.Clamp(value, min, max);

    /// <inheritdoc cref="XMath.Clamp(int, int, int)"/>
    public static float Clamp(float value, float min, float max) => XMath.Clamp(value, min, max);

    /// <summary>The number of bits that are set.</summary>
    public static int PopCount(int value) => BitOperations.PopCount((uint)value);

    /// <inheritdoc cref="PopCount(int)"/>
    public static int PopCount(uint value) => BitOperations.PopCount(value);

    /// <inheritdoc cref="XMath.DivRoundUp(int, int)"/>
    public static int DivRoundUp(int numerator, int denominator) => XMath.DivRoundUp(numerator, denominator);
}
