using System.Numerics;
using ILGPU.Algorithms;

namespace ILGPU.Tests.Cases;

/// <summary>Functions of numbers. Those that devices round differently are compared with a tolerance.</summary>
internal static class MathCases
{
    private const double Close = 2e-6;
    private static readonly float[] Inputs = [0f, 0.5f, 1f, -0.75f, 2.5f, -3.5f, 10.25f, -7.5f];
    private static readonly float[] Positive = [0.125f, 0.5f, 1f, 2.5f, 10.25f, 1000f];
    private static readonly int[] Integers = [0, 1, 5, -1, -100, 0x00FF00, int.MaxValue];

    public static IReadOnlyList<CompilerCase> All { get; } =
    [
        CompilerCase.Map(
            "absolute value, floor, ceiling", Rounding, Inputs, x => XMath.Abs(x) + 100 * XMath.Floor(x) + 10000 * XMath.Ceiling(x)),
        CompilerCase.Map("truncate and round", Truncation, Inputs, x => MathF.Truncate(x) + 100 * MathF.Round(x)),
        CompilerCase.Map(
            "minimum, maximum, clamp", Extremes, Inputs, x => MathF.Min(x, 1) + MathF.Max(x, 2) * 10 + Math.Clamp(x, -1f, 1f) * 100),
        CompilerCase.Map("integer minimum, maximum, absolute value", IntExtremes, Integers, IntExtremes),
        CompilerCase.Map(
            "minimum and maximum drop NaN", DropNaN, [float.NaN, 1f, -1f], x => float.IsNaN(x) ? 3 : MathF.Max(x, 0) + MathF.Min(x, 3)),
        CompilerCase.Map("square root", SquareRoot, Positive, MathF.Sqrt),
        CompilerCase.Map("exponential", Exponential, Inputs, x => MathF.Exp(x), Close),
        CompilerCase.Map("power of two", PowerOfTwo, Inputs, x => MathF.Pow(2, x), Close),
        CompilerCase.Map("logarithm", Logarithm, Positive, x => MathF.Log(x), Close),
        CompilerCase.Map("logarithms of base 2 and 10", Logarithms, Positive, x => MathF.Log2(x) + MathF.Log10(x), Close),
        CompilerCase.Map("sine and cosine", SineCosine, Inputs, x => MathF.Sin(x) + 2 * MathF.Cos(x), Close),
        CompilerCase.Map("hyperbolic tangent", HyperbolicTangent, Inputs, MathF.Tanh, Close),
        CompilerCase.Map("power", Power, Positive, x => MathF.Pow(x, 1.7f), 4 * Close),
        CompilerCase.Map("reciprocals", Reciprocals, Positive, x => 1 / x + 1 / MathF.Sqrt(x), Close),
        CompilerCase.Map("sigmoid", Sigmoid, Inputs, x => 1 / (1 + MathF.Exp(-x)), Close),
        CompilerCase.Map("functions of double", Doubles, [0.5, 2.0, 3.25], x => Math.Sqrt(x) + Math.Exp(x) + Math.Tanh(x), 1e-12),
        CompilerCase.Map("fused multiply-add", Fused, Inputs, x => MathF.FusedMultiplyAdd(x, x, 0.1f)),
        CompilerCase.Map("bits of an integer", Bits, Integers, Bits),
        CompilerCase.Map("float as bits", FloatBits, Inputs, x => BitConverter.SingleToInt32Bits(x) ^ 0x40000000),
        CompilerCase.Map("bits as float", BitsFloat, [0x3F800000u, 0xC0000000u], BitConverter.UInt32BitsToSingle),
        CompilerCase.Map("rounded up quotient", RoundedUp, [0, 1, 31, 32, 33], x => (x + 31) / 32),
    ];

    private static void Rounding(ArrayView<float> x, ArrayView<float> y)
    {
        float v = x[Group.IdxX];
        y[Group.IdxX] = XMath.Abs(v) + 100 * XMath.Floor(v) + 10000 * XMath.Ceiling(v);
    }

    private static void Truncation(ArrayView<float> x, ArrayView<float> y) =>
        y[Group.IdxX] = MathF.Truncate(x[Group.IdxX]) + 100 * MathF.Round(x[Group.IdxX]);

    private static void Extremes(ArrayView<float> x, ArrayView<float> y)
    {
        float v = x[Group.IdxX];
        y[Group.IdxX] = XMath.Min(v, 1) + MathF.Max(v, 2) * 10 + XMath.Clamp(v, -1f, 1f) * 100;
    }

    private static void IntExtremes(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = IntExtremes(x[Group.IdxX]);

    private static int IntExtremes(int x) =>
        Math.Min(x, 10) + XMath.Max(x, -20) + IntrinsicMath.Abs(x) + XMath.Clamp(x, 0, 6) + (int)Math.Min((uint)x, 77u);

    private static void DropNaN(ArrayView<float> x, ArrayView<float> y) =>
        y[Group.IdxX] = XMath.Max(x[Group.IdxX], 0f) + XMath.Min(x[Group.IdxX], 3f);

    private static void SquareRoot(ArrayView<float> x, ArrayView<float> y) => y[Group.IdxX] = XMath.Sqrt(x[Group.IdxX]);

    private static void Exponential(ArrayView<float> x, ArrayView<float> y) => y[Group.IdxX] = XMath.Exp(x[Group.IdxX]);

    private static void PowerOfTwo(ArrayView<float> x, ArrayView<float> y) => y[Group.IdxX] = XMath.Exp2(x[Group.IdxX]);

    private static void Logarithm(ArrayView<float> x, ArrayView<float> y) => y[Group.IdxX] = XMath.Log(x[Group.IdxX]);

    private static void Logarithms(ArrayView<float> x, ArrayView<float> y) =>
        y[Group.IdxX] = MathF.Log2(x[Group.IdxX]) + MathF.Log10(x[Group.IdxX]);

    private static void SineCosine(ArrayView<float> x, ArrayView<float> y) =>
        y[Group.IdxX] = XMath.Sin(x[Group.IdxX]) + 2 * XMath.Cos(x[Group.IdxX]);

    private static void HyperbolicTangent(ArrayView<float> x, ArrayView<float> y) => y[Group.IdxX] = XMath.Tanh(x[Group.IdxX]);

    private static void Power(ArrayView<float> x, ArrayView<float> y) => y[Group.IdxX] = XMath.Pow(x[Group.IdxX], 1.7f);

    private static void Reciprocals(ArrayView<float> x, ArrayView<float> y) =>
        y[Group.IdxX] = XMath.Rcp(x[Group.IdxX]) + XMath.Rsqrt(x[Group.IdxX]);

    private static void Sigmoid(ArrayView<float> x, ArrayView<float> y) => y[Group.IdxX] = 1 / (1 + XMath.Exp(-x[Group.IdxX]));

    private static void Doubles(ArrayView<double> x, ArrayView<double> y) =>
        y[Group.IdxX] = XMath.Sqrt(x[Group.IdxX]) + Math.Exp(x[Group.IdxX]) + XMath.Tanh(x[Group.IdxX]);

    private static void Fused(ArrayView<float> x, ArrayView<float> y) =>
        y[Group.IdxX] = MathF.FusedMultiplyAdd(x[Group.IdxX], x[Group.IdxX], 0.1f);

    private static void Bits(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Bits(x[Group.IdxX]);

    private static int Bits(int x) =>
        BitOperations.PopCount((uint)x) + BitOperations.LeadingZeroCount((uint)x) * 100 + BitOperations.TrailingZeroCount(x) * 10000
        + BitOperations.Log2((uint)x) * 1000000 + (int)BitOperations.RotateLeft((uint)x, 3) + IntrinsicMath.PopCount(x);

    private static void FloatBits(ArrayView<float> x, ArrayView<int> y) =>
        y[Group.IdxX] = (int)(Interop.FloatAsInt(x[Group.IdxX]) ^ 0x40000000);

    private static void BitsFloat(ArrayView<uint> x, ArrayView<float> y) => y[Group.IdxX] = Interop.IntAsFloat(x[Group.IdxX]);

    private static void RoundedUp(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = XMath.DivRoundUp(x[Group.IdxX], 32);
}
