namespace ILGPU.Algorithms;

/// <summary>
/// Mathematics for kernels and host alike. In a kernel each function is one operation of the device: correctly rounded for
/// absolute value, floor, ceiling, minimum, maximum and square root, within a few units in the last place for the others.
/// </summary>
public static class XMath
{
    /// <summary>The absolute value.</summary>
    public static double Abs(double value) => Math.Abs(value);

    /// <inheritdoc cref="Abs(double)"/>
    public static float Abs(float value) => MathF.Abs(value);

    /// <inheritdoc cref="Abs(double)"/>
    public static sbyte Abs(sbyte value) => Math.Abs(value);

    /// <inheritdoc cref="Abs(double)"/>
    public static short Abs(short value) => Math.Abs(value);

    /// <inheritdoc cref="Abs(double)"/>
    public static int Abs(int value) => Math.Abs(value);

    /// <inheritdoc cref="Abs(double)"/>
    public static long Abs(long value) => Math.Abs(value);

    /// <summary>The largest whole number not above the value.</summary>
    public static double Floor(double value) => Math.Floor(value);

    /// <inheritdoc cref="Floor(double)"/>
    public static float Floor(float value) => MathF.Floor(value);

    /// <summary>The smallest whole number not below the value.</summary>
    public static double Ceiling(double value) => Math.Ceiling(value);

    /// <inheritdoc cref="Ceiling(double)"/>
    public static float Ceiling(float value) => MathF.Ceiling(value);

    /// <summary>The natural logarithm.</summary>
    public static double Log(double value) => Math.Log(value);

    /// <inheritdoc cref="Log(double)"/>
    public static float Log(float value) => MathF.Log(value);

    /// <summary>e to the power of the value.</summary>
    public static double Exp(double value) => Math.Exp(value);

    /// <inheritdoc cref="Exp(double)"/>
    public static float Exp(float value) => MathF.Exp(value);

    /// <summary>The square root.</summary>
    public static double Sqrt(double value) => Math.Sqrt(value);

    /// <inheritdoc cref="Sqrt(double)"/>
    public static float Sqrt(float value) => MathF.Sqrt(value);

    /// <summary>The sine of an angle in radians.</summary>
    public static double Sin(double value) => Math.Sin(value);

    /// <inheritdoc cref="Sin(double)"/>
    public static float Sin(float value) => MathF.Sin(value);

    /// <summary>The cosine of an angle in radians.</summary>
    public static double Cos(double value) => Math.Cos(value);

    /// <inheritdoc cref="Cos(double)"/>
    public static float Cos(float value) => MathF.Cos(value);

    /// <summary>The hyperbolic tangent.</summary>
    public static double Tanh(double value) => Math.Tanh(value);

    /// <inheritdoc cref="Tanh(double)"/>
    public static float Tanh(float value) => MathF.Tanh(value);

    /// <summary>2 to the power of the value.</summary>
    public static double Exp2(double value) => Math.Pow(2, value);

    /// <inheritdoc cref="Exp2(double)"/>
    public static float Exp2(float value) => MathF.Pow(2, value);

    /// <summary>One divided by the value.</summary>
    public static double Rcp(double value) => 1 / value;

    /// <inheritdoc cref="Rcp(double)"/>
    public static float Rcp(float value) => 1 / value;

    /// <summary>One divided by the square root.</summary>
    public static double Rsqrt(double value) => 1 / Math.Sqrt(value);

    /// <inheritdoc cref="Rsqrt(double)"/>
    public static float Rsqrt(float value) => 1 / MathF.Sqrt(value);

    /// <summary><paramref name="base"/> to the power of <paramref name="exp"/>.</summary>
    public static double Pow(double @base, double exp) => Math.Pow(@base, exp);

    /// <inheritdoc cref="Pow(double, double)"/>
    public static float Pow(float @base, float exp) => MathF.Pow(@base, exp);

    /// <summary>The logarithm to a base.</summary>
    public static double Log(double value, double newBase) => Log(value) / Log(newBase);

    /// <inheritdoc cref="Log(double, double)"/>
    public static float Log(float value, float newBase) => Log(value) / Log(newBase);

    /// <summary>The smaller of two values.</summary>
    public static double Min(double first, double second) => Math.Min(first, second);

    /// <inheritdoc cref="Min(double, double)"/>
    public static float Min(float first, float second) => Math.Min(first, second);

    /// <inheritdoc cref="Min(double, double)"/>
    public static sbyte Min(sbyte first, sbyte second) => Math.Min(first, second);

    /// <inheritdoc cref="Min(double, double)"/>
    public static short Min(short first, short second) => Math.Min(first, second);

    /// <inheritdoc cref="Min(double, double)"/>
    public static int Min(int first, int second) => Math.Min(first, second);

    /// <inheritdoc cref="Min(double, double)"/>
    public static long Min(long first, long second) => Math.Min(first, second);

    /// <inheritdoc cref="Min(double, double)"/>
    public static byte Min(byte first, byte second) => Math.Min(first, second);

    /// <inheritdoc cref="Min(double, double)"/>
    public static ushort Min(ushort first, ushort second) => Math.Min(first, second);

    /// <inheritdoc cref="Min(double, double)"/>
    public static uint Min(uint first, uint second) => Math.Min(first, second);

    /// <inheritdoc cref="Min(double, double)"/>
    public static ulong Min(ulong first, ulong second) => Math.Min(first, second);

    /// <summary>The larger of two values.</summary>
    public static double Max(double first, double second) => Math.Max(first, second);

    /// <inheritdoc cref="Max(double, double)"/>
    public static float Max(float first, float second) => Math.Max(first, second);

    /// <inheritdoc cref="Max(double, double)"/>
    public static sbyte Max(sbyte first, sbyte second) => Math.Max(first, second);

    /// <inheritdoc cref="Max(double, double)"/>
    public static short Max(short first, short second) => Math.Max(first, second);

    /// <inheritdoc cref="Max(double, double)"/>
    public static int Max(int first, int second) => Math.Max(first, second);

    /// <inheritdoc cref="Max(double, double)"/>
    public static long Max(long first, long second) => Math.Max(first, second);

    /// <inheritdoc cref="Max(double, double)"/>
    public static byte Max(byte first, byte second) => Math.Max(first, second);

    /// <inheritdoc cref="Max(double, double)"/>
    public static ushort Max(ushort first, ushort second) => Math.Max(first, second);

    /// <inheritdoc cref="Max(double, double)"/>
    public static uint Max(uint first, uint second) => Math.Max(first, second);

    /// <inheritdoc cref="Max(double, double)"/>
    public static ulong Max(ulong first, ulong second) => Math.Max(first, second);

    /// <summary>The value, moved into [min, max].</summary>
    public static double Clamp(double value, double min, double max) => Max(Min(value, max), min);

    /// <inheritdoc cref="Clamp(double, double, double)"/>
    public static float Clamp(float value, float min, float max) => Max(Min(value, max), min);

    /// <inheritdoc cref="Clamp(double, double, double)"/>
    public static sbyte Clamp(sbyte value, sbyte min, sbyte max) => Max(Min(value, max), min);

    /// <inheritdoc cref="Clamp(double, double, double)"/>
    public static short Clamp(short value, short min, short max) => Max(Min(value, max), min);

    /// <inheritdoc cref="Clamp(double, double, double)"/>
    public static int Clamp(int value, int min, int max) => Max(Min(value, max), min);

    /// <inheritdoc cref="Clamp(double, double, double)"/>
    public static long Clamp(long value, long min, long max) => Max(Min(value, max), min);

    /// <inheritdoc cref="Clamp(double, double, double)"/>
    public static byte Clamp(byte value, byte min, byte max) => Max(Min(value, max), min);

    /// <inheritdoc cref="Clamp(double, double, double)"/>
    public static ushort Clamp(ushort value, ushort min, ushort max) => Max(Min(value, max), min);

    /// <inheritdoc cref="Clamp(double, double, double)"/>
    public static uint Clamp(uint value, uint min, uint max) => Max(Min(value, max), min);

    /// <inheritdoc cref="Clamp(double, double, double)"/>
    public static ulong Clamp(ulong value, ulong min, ulong max) => Max(Min(value, max), min);

    /// <summary>The quotient of two positive numbers, rounded up.</summary>
    public static int DivRoundUp(int numerator, int denominator) => (numerator + denominator - 1) / denominator;

    /// <inheritdoc cref="DivRoundUp(int, int)"/>
    public static long DivRoundUp(long numerator, long denominator) => (numerator + denominator - 1) / denominator;
}
