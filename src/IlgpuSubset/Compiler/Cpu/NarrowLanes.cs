using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// Four neighbouring 16-bit numbers of each of the 16 lanes, integers or halves, between memory and vectors of 32 bits; and rounding to
/// halves. .NET converts halves one by one and in software; vectors of it do the same by moving the exponent.
/// </summary>
internal static unsafe class NarrowLanes
{
    private const int Lanes = LaneVectors.WarpSize;
    private const int LeastNormal = 0x3880_0000;
    private const int Largest = 0x477F_E000;
    private const int Infinity = 0x7F80_0000;

    /// <summary>Two to the difference of float32's and half's exponent biases, and its reciprocal.</summary>
    private static readonly float Up = MathF.ScaleB(1, 112);

    private static readonly float Down = MathF.ScaleB(1, -112);

    /// <summary>Integers, sign-extended, one component after the other.</summary>
    /// <param name="start">From where lanes count.</param>
    /// <param name="index">The lanes' places.</param>
    /// <param name="scale">Bytes from place to place.</param>
    /// <param name="target">Receives four vectors.</param>
    public static void GatherShorts(byte* start, int* index, long scale, int* target)
    {
        long* fours = stackalloc long[Lanes];
        for (int lane = 0; lane < Lanes; lane++)
            fours[lane] = Unsafe.ReadUnaligned<long>(start + (index[lane] * scale));
        Spread(fours, target);
    }

    /// <summary>The same of places at equal distances.</summary>
    public static void LoadShorts(byte* start, long stride, int* target)
    {
        long* fours = stackalloc long[Lanes];
        for (int lane = 0; lane < Lanes; lane++)
            fours[lane] = Unsafe.ReadUnaligned<long>(start + (lane * stride));
        Spread(fours, target);
    }

    /// <summary>Halves, as f32.</summary>
    public static void GatherHalves(byte* start, int* index, long scale, int* target)
    {
        GatherShorts(start, index, scale, target);
        Widen(target);
    }

    /// <summary>The same of places at equal distances.</summary>
    public static void LoadHalves(byte* start, long stride, int* target)
    {
        LoadShorts(start, stride, target);
        Widen(target);
    }

    /// <summary>Writes the lower halves of integers.</summary>
    public static void ScatterShorts(int* source, byte* start, int* index, long scale)
    {
        long* fours = stackalloc long[Lanes];
        Join(source, fours);
        for (int lane = 0; lane < Lanes; lane++)
            Unsafe.WriteUnaligned(start + (index[lane] * scale), fours[lane]);
    }

    /// <summary>The same to places at equal distances.</summary>
    public static void StoreShorts(int* source, byte* start, long stride)
    {
        long* fours = stackalloc long[Lanes];
        Join(source, fours);
        for (int lane = 0; lane < Lanes; lane++)
            Unsafe.WriteUnaligned(start + (lane * stride), fours[lane]);
    }

    /// <summary>Writes f32 that are halves; <paramref name="source"/> is overwritten.</summary>
    public static void ScatterHalves(int* source, byte* start, int* index, long scale)
    {
        Narrow(source);
        ScatterShorts(source, start, index, scale);
    }

    /// <summary>The same to places at equal distances.</summary>
    public static void StoreHalves(int* source, byte* start, long stride)
    {
        Narrow(source);
        StoreShorts(source, start, stride);
    }

    /// <summary>The nearest halves, ties to even, as f32.</summary>
    public static Vector512<float> RoundToHalf(Vector512<float> value)
    {
        Vector512<int> bits = value.AsInt32(), magnitude = bits & Vector512.Create(int.MaxValue);
        // Of normal numbers 13 bits go; of others what is below the least of them, which is the last place of numbers from 0.5 on.
        Vector512<int> normal =
            (magnitude + Vector512.Create(0xFFF) + ((magnitude >> 13) & Vector512<int>.One)) & Vector512.Create(~0x1FFF);
        normal = Vector512.ConditionalSelect(Vector512.GreaterThan(normal, Vector512.Create(Largest)), Vector512.Create(Infinity), normal);
        Vector512<float> half = Vector512.Create(0.5f);
        Vector512<int> small = ((magnitude.AsSingle() + half) - half).AsInt32();
        Vector512<int> rounded = Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(LeastNormal)), small, normal);
        Vector512<int> notNumber = Vector512.GreaterThan(magnitude, Vector512.Create(Infinity)) & Vector512.Create(0x7FC0_0000);
        Vector512<int> number = Vector512.ConditionalSelect(Vector512.Equals(notNumber, Vector512<int>.Zero), rounded, notNumber);
        return (number | (bits & Vector512.Create(int.MinValue))).AsSingle();
    }

    /// <inheritdoc cref="RoundToHalf(Vector512{float})"/>
    public static Vector256<float> RoundToHalf(Vector256<float> value) => RoundToHalf(value.ToVector512Unsafe()).GetLower();

    /// <inheritdoc cref="RoundToHalf(Vector512{float})"/>
    public static Vector128<float> RoundToHalf(Vector128<float> value) => RoundToHalf(value.ToVector256Unsafe()).GetLower();

    /// <summary>From 16 bits of each lane's four to a vector for each component.</summary>
    private static void Spread(long* fours, int* target)
    {
        Vector512<long> low = Vector512.Load(fours), high = Vector512.Load(fours + 8);
        for (int c = 0; c < 4; c++)
        {
            int above = 48 - (16 * c);
            Vector512.Narrow((low << above) >> 48, (high << above) >> 48).Store(target + (c * Lanes));
        }
    }

    private static void Join(int* source, long* fours)
    {
        Vector512<long> low = default, high = default, mask = Vector512.Create(0xFFFFL);
        for (int c = 0; c < 4; c++)
        {
            (Vector512<long> first, Vector512<long> last) = Vector512.Widen(Vector512.Load(source + (c * Lanes)));
            low |= (first & mask) << (16 * c);
            high |= (last & mask) << (16 * c);
        }
        low.Store(fours);
        high.Store(fours + 8);
    }

    /// <summary>Halves' bits, sign-extended, as f32: the exponent counts from 112 further down.</summary>
    private static void Widen(int* target)
    {
        for (int c = 0; c < 4; c++)
        {
            Vector512<int> bits = Vector512.Load(target + (c * Lanes)), magnitude = bits & Vector512.Create(0x7FFF);
            Vector512<int> number = ((magnitude << 13).AsSingle() * Vector512.Create(Up)).AsInt32();
            Vector512<int> endless = Vector512.GreaterThan(magnitude, Vector512.Create(0x7BFF)) & Vector512.Create(Infinity);
            (number | endless | (bits & Vector512.Create(int.MinValue))).Store(target + (c * Lanes));
        }
    }

    /// <summary>F32 that are halves as their bits.</summary>
    private static void Narrow(int* source)
    {
        for (int c = 0; c < 4; c++)
        {
            Vector512<int> bits = Vector512.Load(source + (c * Lanes)), magnitude = bits & Vector512.Create(int.MaxValue);
            Vector512<int> number = (magnitude.AsSingle() * Vector512.Create(Down)).AsInt32() >> 13;
            Vector512<int> endless = Vector512.Create(0x7C00) | ((magnitude >> 13) & Vector512.Create(0x3FF));
            Vector512<int> isNumber = Vector512.LessThan(magnitude, Vector512.Create(Infinity));
            (Vector512.ConditionalSelect(isNumber, number, endless) | ((bits >> 16) & Vector512.Create(0x8000)))
                .Store(source + (c * Lanes));
        }
    }
}
