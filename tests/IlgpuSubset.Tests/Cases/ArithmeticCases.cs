namespace ILGPU.Tests.Cases;

/// <summary>Operators and conversions on numbers.</summary>
internal static class ArithmeticCases
{
    private static readonly int[] Integers = [0, 1, -1, 7, -8, 100, int.MaxValue, int.MinValue, 0x12345678, -77777];
    private static readonly long[] Longs = [0, 1, -1, 7, -8, 1L << 40, long.MaxValue, long.MinValue, 0x123456789ABCDEF];
    private static readonly float[] Singles =
        [0f, -0f, 1f, -1.5f, 2.5f, 3.75f, 1e10f, -1e10f, 255.9f, -129f, 4e9f, 1e20f, -1e20f, float.NaN, float.PositiveInfinity];

    public static IReadOnlyList<CompilerCase> All { get; } =
    [
        CompilerCase.Map("int operators", IntOperators, Integers, IntOperators),
        CompilerCase.Map("int division", IntDivision, Integers, IntDivision),
        CompilerCase.Map("uint operators", UIntOperators, [.. Integers.Select(i => (uint)i)], UIntOperators),
        CompilerCase.Map("long operators", LongOperators, Longs, LongOperators),
        CompilerCase.Map("shifts", Shifts, Integers, Shifts),
        CompilerCase.Map("narrow integers", Narrow, Integers, Narrow),
        CompilerCase.Map("byte elements", Bytes, [.. Enumerable.Range(0, 256).Select(i => (byte)i)], Bytes),
        CompilerCase.Map("short elements", Shorts, [.. Integers.Select(i => (short)i)], Shorts),
        CompilerCase.Map("float operators", FloatOperators, Singles[..8], FloatOperators),
        CompilerCase.Map("double operators", DoubleOperators, [0.0, 1.5, -2.25, 1e100, 1e-3], DoubleOperators),
        CompilerCase.Map("float remainder", FloatRemainder, [5.5f, -5.5f, 0.25f, 100f], FloatRemainder),
        CompilerCase.Map("comparisons of integers", CompareIntegers, Integers, CompareIntegers),
        CompilerCase.Map("comparisons of NaN", CompareFloats, Singles, CompareFloats),
        CompilerCase.Map("float to int saturates", FloatToInt, Singles, FloatToInt),
        CompilerCase.Map("float to uint and long", FloatToLong, [0f, 1.9f, 3e9f, 5e9f], FloatToLong),
        CompilerCase.Map("int to float", IntToFloat, Integers, IntToFloat),
        CompilerCase.Map("uint to float", UIntToFloat, [.. Integers.Select(i => (uint)i)], UIntToFloat),
        CompilerCase.Map("bool logic", BoolLogic, Integers, BoolLogic),
        CompilerCase.Map("bool elements", BoolElements, [true, false, true], value => !value),
        CompilerCase.Map("char arithmetic", Chars, ['a', 'Z', '0'], c => (char)(c + 1)),
        CompilerCase.Map("a * b + c is one rounding", MultiplyAdd, [1.1f, 3.3f, 1e-7f, 12345.678f], x => MathF.FusedMultiplyAdd(x, x, -x)),
        CompilerCase.Map("c - a * b is one rounding", SubtractProduct, [1.1f, 3.3f, 12345.678f], x => MathF.FusedMultiplyAdd(-x, x, 1f)),
        CompilerCase.Map("enumeration", Enumerations, Integers, Enumerations),
    ];

    private enum Step : byte
    {
        Up = 3,
        Down = 200,
    }

    private static void IntOperators(ArrayView<int> x, ArrayView<int> y) => y[Grid.GlobalIndex.X] = IntOperators(x[Grid.GlobalIndex.X]);

    private static int IntOperators(int x) => ((x + 3) * 5 - (x & 0xFF)) ^ (x | 0x10) ^ ~x ^ -x;

    private static void IntDivision(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = IntDivision(x[Group.IdxX]);

    private static int IntDivision(int x) => x / 7 + x % 7 * 100 + x / -3 + x / 8 + x % 16 + 1000 / (x == 0 ? 1 : x);

    private static void UIntOperators(ArrayView<uint> x, ArrayView<uint> y) => y[Group.IdxX] = UIntOperators(x[Group.IdxX]);

    private static uint UIntOperators(uint x) => x / 7 + x % 7 * 100 + x / 8 + (x % 16 << 4) + (x > 100 ? 1u : 0u) + (x >> 3);

    private static void LongOperators(ArrayView<long> x, ArrayView<long> y) => y[Group.IdxX] = LongOperators(x[Group.IdxX]);

    private static long LongOperators(long x) => (x * 3 + (x >> 5) - (x / 9)) ^ (x << 7) ^ (long)((ulong)x >> 60) ^ (int)x;

    private static void Shifts(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Shifts(x[Group.IdxX]);

    private static int Shifts(int x) => (x << (x & 31)) ^ (x >> 3) ^ (x >>> 5) ^ (1 << x);

    private static void Narrow(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Narrow(x[Group.IdxX]);

    private static int Narrow(int x) => (sbyte)x + (byte)x * 2 + (short)x * 3 + (ushort)x * 5 + (sbyte)(byte)(x >> 4);

    private static void Bytes(ArrayView<byte> x, ArrayView<byte> y) => y[Group.IdxX] = Bytes(x[Group.IdxX]);

    private static byte Bytes(byte x) => (byte)(x * 3 + 200);

    private static void Shorts(ArrayView<short> x, ArrayView<short> y) => y[Group.IdxX] = Shorts(x[Group.IdxX]);

    private static short Shorts(short x) => (short)(x < 0 ? -x : x * 2);

    private static void FloatOperators(ArrayView<float> x, ArrayView<float> y) => y[Group.IdxX] = FloatOperators(x[Group.IdxX]);

    // Each operation on its own: sums of products would be rounded once in a kernel.
    private static float FloatOperators(float x) => -(x / 3f) - (x > 1 ? x * 0.7f : x + 0.1f);

    private static void DoubleOperators(ArrayView<double> x, ArrayView<double> y) => y[Group.IdxX] = DoubleOperators(x[Group.IdxX]);

    private static double DoubleOperators(double x) => (x + 0.1) / 3 - (float)x;

    private static void FloatRemainder(ArrayView<float> x, ArrayView<float> y) => y[Group.IdxX] = FloatRemainder(x[Group.IdxX]);

    private static float FloatRemainder(float x) => x % 2f;

    private static void CompareIntegers(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = CompareIntegers(x[Group.IdxX]);

    private static int CompareIntegers(int x) =>
        (x < 5 ? 1 : 0) | (x <= 7 ? 2 : 0) | (x > -1 ? 4 : 0) | (x >= 100 ? 8 : 0) | (x == 7 ? 16 : 0) | (x != -8 ? 32 : 0)
        | ((uint)x < 50 ? 64 : 0) | ((uint)x >= 0x80000000 ? 128 : 0) | ((long)x * 2 > int.MaxValue ? 256 : 0);

    private static void CompareFloats(ArrayView<float> x, ArrayView<int> y) => y[Group.IdxX] = CompareFloats(x[Group.IdxX]);

    private static int CompareFloats(float x)
    {
        int result = (x < 1 ? 1 : 0) | (x <= 1 ? 2 : 0) | (x > 1 ? 4 : 0) | (x >= 1 ? 8 : 0) | (x == 1 ? 16 : 0) | (x != 1 ? 32 : 0);
        result |= !(x < 1) ? 64 : 0;
        result |= !(x >= 1) ? 128 : 0;
        if (!(x > 1))
            result |= 256;
        bool stored = x <= 2.5f;
        return result | (stored ? 512 : 0) | (float.IsNaN(x) ? 1024 : 0) | (float.IsFinite(x) ? 2048 : 0);
    }

    private static void FloatToInt(ArrayView<float> x, ArrayView<int> y) => y[Group.IdxX] = FloatToInt(x[Group.IdxX]);

    private static int FloatToInt(float x) => (int)x;

    private static void FloatToLong(ArrayView<float> x, ArrayView<long> y) => y[Group.IdxX] = FloatToLong(x[Group.IdxX]);

    private static long FloatToLong(float x) => (uint)x + (long)(x * 2f);

    private static void IntToFloat(ArrayView<int> x, ArrayView<float> y) => y[Group.IdxX] = IntToFloat(x[Group.IdxX]);

    private static float IntToFloat(int x) => (float)x + (float)((long)x << 3) + (float)(double)x;

    private static void UIntToFloat(ArrayView<uint> x, ArrayView<float> y) => y[Group.IdxX] = UIntToFloat(x[Group.IdxX]);

    private static float UIntToFloat(uint x) => x;

    private static void BoolLogic(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = BoolLogic(x[Group.IdxX]);

    private static int BoolLogic(int x)
    {
        bool small = x is > -10 and < 10;
        bool odd = (x & 1) == 1;
        bool either = small | odd;
        bool both = small & odd;
        return (either ? 1 : 0) + (both ? 2 : 0) + (small ^ odd ? 4 : 0) + (!small ? 8 : 0) + (small && odd || x > 1000 ? 16 : 0)
            + ((small || x < 0) && !odd ? 32 : 0);
    }

    private static void BoolElements(ArrayView<bool> x, ArrayView<bool> y) => y[Group.IdxX] = !x[Group.IdxX];

    private static void Chars(ArrayView<char> x, ArrayView<char> y) => y[Group.IdxX] = (char)(x[Group.IdxX] + 1);

    private static void MultiplyAdd(ArrayView<float> x, ArrayView<float> y)
    {
        float v = x[Group.IdxX];
        y[Group.IdxX] = v * v - v;
    }

    private static void SubtractProduct(ArrayView<float> x, ArrayView<float> y)
    {
        float v = x[Group.IdxX];
        y[Group.IdxX] = 1f - v * v;
    }

    private static void Enumerations(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = Enumerations(x[Group.IdxX]);

    private static int Enumerations(int x)
    {
        Step step = x > 0 ? Step.Up : Step.Down;
        return step == Step.Down ? (int)step : x + (byte)step;
    }
}
