using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Cpu;

/// <summary>Operations on numbers that compiled kernels call, where .NET's own instructions differ from the IR's or are none.</summary>
internal static unsafe class LaneFunctions
{
    // Division by zero is undefined in a kernel, but inactive lanes divide too and must not fault.
    public static int DivS(int a, int b) => b == 0 ? 0 : b == -1 ? unchecked(-a) : a / b;

    public static long DivS(long a, long b) => b == 0 ? 0 : b == -1 ? unchecked(-a) : a / b;

    public static int RemS(int a, int b) => b is 0 or -1 ? 0 : a % b;

    public static long RemS(long a, long b) => b is 0 or -1 ? 0 : a % b;

    public static int DivU(int a, int b) => b == 0 ? 0 : (int)((uint)a / (uint)b);

    public static long DivU(long a, long b) => b == 0 ? 0 : (long)((ulong)a / (ulong)b);

    public static int RemU(int a, int b) => b == 0 ? 0 : (int)((uint)a % (uint)b);

    public static long RemU(long a, long b) => b == 0 ? 0 : (long)((ulong)a % (ulong)b);

    public static int MinU(int a, int b) => (int)Math.Min((uint)a, (uint)b);

    public static long MinU(long a, long b) => (long)Math.Min((ulong)a, (ulong)b);

    public static int MaxU(int a, int b) => (int)Math.Max((uint)a, (uint)b);

    public static long MaxU(long a, long b) => (long)Math.Max((ulong)a, (ulong)b);

    public static float FMin(float a, float b) => float.MinNumber(a, b);

    public static double FMin(double a, double b) => double.MinNumber(a, b);

    public static float FMax(float a, float b) => float.MaxNumber(a, b);

    public static double FMax(double a, double b) => double.MaxNumber(a, b);

    public static float Fma(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);

    public static double Fma(double a, double b, double c) => Math.FusedMultiplyAdd(a, b, c);

    /// <summary>The product of two f16 is exact in f64, and the sum's rounding there is too fine to be seen in f16.</summary>
    public static float FmaHalf(float a, float b, float c) => (float)(System.Half)Math.FusedMultiplyAdd(a, b, c);

    public static float RoundToHalf(float a) => (float)(System.Half)a;

    public static float RoundToHalf(double a) => (float)(System.Half)a;

    public static float HalfFromBits(int bits) => (float)BitConverter.UInt16BitsToHalf((ushort)bits);

    public static int HalfToBits(float a) => (short)BitConverter.HalfToUInt16Bits((System.Half)a);

    public static float UnsignedToSingle(int a) => (uint)a;

    public static float UnsignedToSingle(long a) => (ulong)a;

    public static double UnsignedToDouble(int a) => (uint)a;

    public static double UnsignedToDouble(long a) => (ulong)a;

    public static int ToSigned32(double a) => (int)a;

    public static long ToSigned64(double a) => (long)a;

    public static int ToUnsigned32(double a) => (int)(uint)a;

    public static long ToUnsigned64(double a) => (long)(ulong)a;

    public static int ToSigned8(double a) => (int)Math.Clamp(double.IsNaN(a) ? 0 : a, sbyte.MinValue, sbyte.MaxValue);

    public static int ToSigned16(double a) => (int)Math.Clamp(double.IsNaN(a) ? 0 : a, short.MinValue, short.MaxValue);

    public static int ToUnsigned8(double a) => (sbyte)(byte)Math.Clamp(double.IsNaN(a) ? 0 : a, 0, byte.MaxValue);

    public static int ToUnsigned16(double a) => (short)(ushort)Math.Clamp(double.IsNaN(a) ? 0 : a, 0, ushort.MaxValue);

    public static int PopCount(int a) => BitOperations.PopCount((uint)a);

    public static long PopCount(long a) => BitOperations.PopCount((ulong)a);

    public static int LeadingZeros(int a) => BitOperations.LeadingZeroCount((uint)a);

    public static long LeadingZeros(long a) => BitOperations.LeadingZeroCount((ulong)a);

    public static int TrailingZeros(int a) => BitOperations.TrailingZeroCount(a);

    public static long TrailingZeros(long a) => BitOperations.TrailingZeroCount(a);

    public static float Exp2(float a) => float.Exp2(a);

    public static double Exp2(double a) => double.Exp2(a);

    public static float Rsqrt(float a) => 1 / MathF.Sqrt(a);

    public static double Rsqrt(double a) => 1 / Math.Sqrt(a);

    /// <summary>The lane that a shuffle reads; its own where that is outside its run of lanes.</summary>
    public static int ShuffleSource(int lane, int change, int kind, int width)
    {
        int start = lane & -width;
        int source = (ShuffleKind)kind switch
        {
            ShuffleKind.Index => start + (change & (width - 1)),
            ShuffleKind.Down => lane + change,
            ShuffleKind.Up => lane - change,
            _ => lane ^ change,
        };
        return source >= start && source < start + width ? source : lane;
    }

    /// <summary>Four or two numbers of 32 bits from each of some places, one component after the other.</summary>
    public static void LoadStructures(byte* start, long stride, int components, int* target, int lanes)
    {
        for (int lane = 0; lane < lanes; lane++)
        {
            int* source = (int*)(start + lane * stride);
            for (int c = 0; c < components; c++)
                target[c * lanes + lane] = source[c];
        }
    }

    /// <summary>The same of pairs that follow each other, as whole vectors of which the even and odd numbers are picked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadPairs(int* start, int* target)
    {
        Vector512<int> even = Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        Vector512<int> odd = Vector512.Create(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        Vector512<int> a = Vector512.Load(start);
        Vector512<int> b = Vector512.Load(start + 16);
        Avx512F.PermuteVar16x32x2(a, even, b).Store(target);
        Avx512F.PermuteVar16x32x2(a, odd, b).Store(target + 16);
    }

    /// <summary>The same of fours that follow each other: pairs of pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadFours(int* start, int* target)
    {
        Vector512<int> even = Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        Vector512<int> odd = Vector512.Create(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        Vector512<int> a = Vector512.Load(start);
        Vector512<int> b = Vector512.Load(start + 16);
        Vector512<int> c = Vector512.Load(start + 32);
        Vector512<int> d = Vector512.Load(start + 48);
        Vector512<int> firstEven = Avx512F.PermuteVar16x32x2(a, even, b);
        Vector512<int> firstOdd = Avx512F.PermuteVar16x32x2(a, odd, b);
        Vector512<int> secondEven = Avx512F.PermuteVar16x32x2(c, even, d);
        Vector512<int> secondOdd = Avx512F.PermuteVar16x32x2(c, odd, d);
        Avx512F.PermuteVar16x32x2(firstEven, even, secondEven).Store(target);
        Avx512F.PermuteVar16x32x2(firstOdd, even, secondOdd).Store(target + 16);
        Avx512F.PermuteVar16x32x2(firstEven, odd, secondEven).Store(target + 32);
        Avx512F.PermuteVar16x32x2(firstOdd, odd, secondOdd).Store(target + 48);
    }

    /// <summary>
    /// The same of fours anywhere: an index for each of 16 lanes. Each 128-bit lane of a vector then holds four of them to turn.
    /// </summary>
    public static void GatherFours(byte* start, int* index, long scale, int* target)
    {
        Vector512<float> a = GatherRow(start, index, scale);
        Vector512<float> b = GatherRow(start, index + 1, scale);
        Vector512<float> c = GatherRow(start, index + 2, scale);
        Vector512<float> d = GatherRow(start, index + 3, scale);
        Vector512<double> lowPairs = Avx512F.UnpackLow(a, b).AsDouble();
        Vector512<double> lowOthers = Avx512F.UnpackLow(c, d).AsDouble();
        Vector512<double> highPairs = Avx512F.UnpackHigh(a, b).AsDouble();
        Vector512<double> highOthers = Avx512F.UnpackHigh(c, d).AsDouble();
        Avx512F.UnpackLow(lowPairs, lowOthers).AsInt32().Store(target);
        Avx512F.UnpackHigh(lowPairs, lowOthers).AsInt32().Store(target + 16);
        Avx512F.UnpackLow(highPairs, highOthers).AsInt32().Store(target + 32);
        Avx512F.UnpackHigh(highPairs, highOthers).AsInt32().Store(target + 48);
    }

    /// <summary>Fours that follow each other, from one vector for each component.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFours(float* source, byte* target)
    {
        Vector512<float> x = Vector512.Load(source);
        Vector512<float> y = Vector512.Load(source + 16);
        Vector512<float> z = Vector512.Load(source + 32);
        Vector512<float> w = Vector512.Load(source + 48);
        Vector512<double> lowStarts = Avx512F.UnpackLow(x, y).AsDouble();
        Vector512<double> lowEnds = Avx512F.UnpackLow(z, w).AsDouble();
        Vector512<double> highStarts = Avx512F.UnpackHigh(x, y).AsDouble();
        Vector512<double> highEnds = Avx512F.UnpackHigh(z, w).AsDouble();
        Put(Avx512F.UnpackLow(lowStarts, lowEnds), 0);
        Put(Avx512F.UnpackHigh(lowStarts, lowEnds), 1);
        Put(Avx512F.UnpackLow(highStarts, highEnds), 2);
        Put(Avx512F.UnpackHigh(highStarts, highEnds), 3);

        void Put(Vector512<double> fours, int lane)
        {
            fours.GetLower().GetLower().Store((double*)(target + (lane * 16)));
            fours.GetLower().GetUpper().Store((double*)(target + ((lane + 4) * 16)));
            fours.GetUpper().GetLower().Store((double*)(target + ((lane + 8) * 16)));
            fours.GetUpper().GetUpper().Store((double*)(target + ((lane + 12) * 16)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> GatherRow(byte* start, int* index, long scale) => Vector512.Create(
        Vector256.Create(Vector128.Load((float*)(start + (index[0] * scale))), Vector128.Load((float*)(start + (index[4] * scale)))),
        Vector256.Create(Vector128.Load((float*)(start + (index[8] * scale))), Vector128.Load((float*)(start + (index[12] * scale)))));

    /// <summary>Combines a truth value of each thread of a group; masks are 0 or -1 in the order of threads.</summary>
    public static int Reduce(int* masks, int threads, int reduction)
    {
        int count = 0;
        for (int i = 0; i < threads; i++)
            count -= masks[i];
        return (BarrierReduction)reduction switch
        {
            BarrierReduction.PopCount => count,
            BarrierReduction.And => count == threads ? 1 : 0,
            _ => count > 0 ? 1 : 0,
        };
    }

    /// <summary>Updates a memory cell as one step and returns what was there.</summary>
    /// <typeparam name="T">The number; unsigned where the update compares so.</typeparam>
    /// <typeparam name="TBits">
    /// The integer of its size: cells are compared by their bits, or one with NaN would never be updated.
    /// </typeparam>
    public static T Atomic<T, TBits>(T* target, T value, T comparand, int kind)
        where T : unmanaged, INumber<T>
        where TBits : unmanaged, IBinaryInteger<TBits>
    {
        ref TBits cell = ref *(TBits*)target;
        while (true)
        {
            TBits before = Interlocked.CompareExchange(ref cell, default, default);
            T old = Unsafe.BitCast<TBits, T>(before);
            T after = (AtomicKind)kind switch
            {
                AtomicKind.Add or AtomicKind.FAdd => unchecked(old + value),
                AtomicKind.MinS or AtomicKind.MinU => T.Min(old, value),
                AtomicKind.MaxS or AtomicKind.MaxU => T.Max(old, value),
                AtomicKind.CompareExchange => old == comparand ? value : old,
                _ => value,
            };
            if (Interlocked.CompareExchange(ref cell, Unsafe.BitCast<T, TBits>(after), before) == before)
                return old;
        }
    }

    /// <summary>Refuses an index of a view.</summary>
    public static void CheckBounds(long index, long length, string kernel, string view, string location)
    {
        if ((ulong)index >= (ulong)length)
            Throw(index, length, kernel, view, location);
    }

    private static void Throw(long index, long length, string kernel, string view, string location) =>
        throw new IndexOutOfRangeException($"{kernel}: index {index} of {view}, which has {length} elements ({location}).");
}
