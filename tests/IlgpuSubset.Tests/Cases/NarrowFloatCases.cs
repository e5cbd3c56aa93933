using ILGPU.Runtime;

namespace ILGPU.Tests.Cases;

/// <summary>Storage in 16 bits: every way from float32 and back, and kernels that are one source for all ways to store.</summary>
internal static class NarrowFloatCases
{
    public static IReadOnlyList<CompilerCase> All { get; } =
    [
        CompilerCase.Map("rounding to half", RoundToHalf, Edges(13, 0x3880_0000, 0x477F_E000),
            x => BitConverter.HalfToUInt16Bits((System.Half)x)),
        CompilerCase.Map("widening half", WidenHalf, Patterns(NotHalfNaN), bits => Bits((float)BitConverter.UInt16BitsToHalf(bits))),
        CompilerCase.Map("rounding to bfloat16", RoundToBFloat16, Edges(16, 0x0080_0000, 0x7F7F_0000), NearestBFloat16),
        CompilerCase.Map("widening bfloat16", WidenBFloat16, Patterns(static _ => true), bits => (uint)bits << 16),
        new("halves that are no numbers", NotNumbers),
        new("kernel over a storage, four halves", accelerator => OverStorage<HalfQuad>(accelerator, x => (float)(System.Half)x)),
        new("kernel over a storage, four bfloat16", accelerator => OverStorage<BFloatQuad>(accelerator,
        x => BitConverter.UInt32BitsToSingle((uint)NearestBFloat16(x) << 16))),
    ];

    /// <summary>Four numbers as they are stored.</summary>
    /// <typeparam name="TSelf">The type itself.</typeparam>
    private interface IQuad<TSelf>
        where TSelf : unmanaged, IQuad<TSelf>
    {
        static abstract Wide Widen(TSelf stored);

        static abstract TSelf Narrow(Wide wide);
    }

    private static void RoundToHalf(ArrayView<float> x, ArrayView<ushort> y) => y[Group.IdxX] = Interop.FloatAsInt((Half)x[Group.IdxX]);

    private static void WidenHalf(ArrayView<ushort> x,
        ArrayView<uint> y) => y[Group.IdxX] = Interop.FloatAsInt((float)Interop.IntAsFloat(x[Group.IdxX]));

    private static void RoundToBFloat16(ArrayView<float> x,
        ArrayView<ushort> y) => y[Group.IdxX] = BFloat16.ToBits((BFloat16)x[Group.IdxX]);

    private static void WidenBFloat16(ArrayView<ushort> x,
        ArrayView<uint> y) => y[Group.IdxX] = Interop.FloatAsInt(BFloat16.FromBits(x[Group.IdxX]));

    /// <summary>All elements of a row of threads, one place after the one they are read from: no load is aligned by chance.</summary>
    private static void Shift<TQuad>(ArrayView<TQuad> x, ArrayView<TQuad> y, ArrayView<Wide> wide)
        where TQuad : unmanaged, IQuad<TQuad>
    {
        int i = Group.IdxX;
        ArrayView<TQuad> kept = LocalMemory.Allocate<TQuad>(2);
        for (int k = 0; k < 2; k++)
        {
            TQuad value = default;
            if (i + k > 0)
                value = x[i + k - 1];
            kept[k] = value;
        }
        Wide a = TQuad.Widen(kept[0]), b = TQuad.Widen(kept[1]);
        Wide sum = new() { X = a.X + b.X, Y = a.Y - b.Y, Z = a.Z * b.Z, W = b.W };
        wide[i] = sum;
        y[i] = TQuad.Narrow(sum);
    }

    private static void OverStorage<TQuad>(Accelerator accelerator, Func<float, float> rounded)
        where TQuad : unmanaged, IQuad<TQuad>
    {
        const int Count = 40;
        TQuad[] quads = [.. Enumerable.Range(1, Count).Select(i => TQuad.Narrow(new Wide { X = i * 1.37f, Y = -i / 7f, Z = i * 0.011f,
            W = i * i }))];
        using var source = accelerator.Allocate1D(quads);
        using var target = accelerator.Allocate1D<TQuad>(Count);
        using var wide = accelerator.Allocate1D<Wide>(Count);
        accelerator.LoadStreamKernel<ArrayView<TQuad>, ArrayView<TQuad>, ArrayView<Wide>>(Shift)((1, Count), source.View, target.View,
            wide.View);
        Wide[] sums = wide.GetAsArray1D(), stored = [.. target.GetAsArray1D().Select(TQuad.Widen)];
        for (int i = 0; i < Count; i++)
        {
            Wide a = i == 0 ? default : TQuad.Widen(quads[i - 1]), b = TQuad.Widen(quads[i]);
            float[] expected = [a.X + b.X, a.Y - b.Y, a.Z * b.Z, b.W];
            CompilerCase.Equal(expected, [sums[i].X, sums[i].Y, sums[i].Z, sums[i].W]);
            CompilerCase.Equal([.. expected.Select(rounded)], [stored[i].X, stored[i].Y, stored[i].Z, stored[i].W]);
        }
    }

    private static void NotNumbers(Accelerator accelerator)
    {
        float[] input = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 65520, 65519.99f, -1e30f];
        using var source = accelerator.Allocate1D(input);
        using var target = accelerator.Allocate1D<Half>(input.Length);
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<Half>>((x, y) => y[Group.IdxX] = (Half)x[Group.IdxX])(
            (1, input.Length), source.View, target.View);
        float[] found = [.. target.GetAsArray1D().Select(half => (float)half)];
        CompilerCase.Equal([float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.PositiveInfinity, 65504,
            float.NegativeInfinity], found);
    }

    /// <summary>
    /// Of the two 16-bit numbers around x the nearer, by distances that float64 has exactly; ties go to the even one, and NaN to 0x7FFF.
    /// </summary>
    private static ushort NearestBFloat16(float x)
    {
        if (float.IsNaN(x))
            return 0x7FFF;
        ushort down = (ushort)(BitConverter.SingleToUInt32Bits(x) >> 16);
        if (float.IsInfinity(x))
            return down;
        ushort up = (ushort)(down + 1);
        double Value(ushort bits) => (bits & 0x7FFF) == 0x7F80 ? Math.CopySign(Math.Pow(2, 128),
            x) : BitConverter.UInt32BitsToSingle((uint)bits << 16);
        double below = Math.Abs(x - Value(down)), above = Math.Abs(Value(up) - x);
        return below < above || (below == above && down % 2 == 0) ? down : up;
    }

    /// <summary>Floats on, just below and just above the ties of a 16-bit type, from its smallest numbers to beyond its largest.</summary>
    /// <param name="discarded">Bits of float32's fraction that the type lacks.</param>
    /// <param name="leastNormal">Its least normal number, as a float's bits.</param>
    /// <param name="largest">Its largest number, as a float's bits.</param>
    private static float[] Edges(int discarded, uint leastNormal, uint largest)
    {
        Random random = new(5);
        uint tie = 1u << (discarded - 1);
        uint[] starts = [0, leastNormal - (1u << discarded), leastNormal, 0x3F80_0000, 0x3F80_0000 + (1u << discarded),
            0x4000_0000 - (1u << discarded), largest];
        List<uint> bits = [1, 0x7F80_0000, 0x7F7F_FFFF, 0x7FC0_0000];
        foreach (uint start in starts)
            bits.AddRange([start, start + 1, start + tie - 1, start + tie, start + tie + 1, start + (2 * tie) - 1]);
        // Subnormal numbers and all others, ties among them.
        for (int i = 0; i < 200; i++)
            bits.Add((uint)random.NextInt64(leastNormal - 0x0080_0000, largest) & (i % 3 == 0 ? ~(tie - 1) : uint.MaxValue));
        for (int i = 0; i < 100; i++)
            bits.Add((uint)random.NextInt64(0x3280_0000, 0x3900_0000) & (i % 3 == 0 ? 0xFFF0_0000 : uint.MaxValue));
        return [.. bits.SelectMany(b => (float[])[BitConverter.UInt32BitsToSingle(b), BitConverter.UInt32BitsToSingle(b | 0x8000_0000)])
            .Where(x => discarded == 16 || !float.IsNaN(x))];
    }

    /// <summary>Bit patterns of 16 bits, as many as a group has threads.</summary>
    private static ushort[] Patterns(Predicate<ushort> wanted) =>
        [.. Enumerable.Range(0, 1021).Select(i => (ushort)(i < 64 ? i : i < 128 ? 0x7C00 - 128 + i : i * 65)).Where(bits => wanted(bits))];

    private static bool NotHalfNaN(ushort bits) => !System.Half.IsNaN(BitConverter.UInt16BitsToHalf(bits));

    private static uint Bits(float x) => BitConverter.SingleToUInt32Bits(x);

    private struct Wide
    {
        public float X;
        public float Y;
        public float Z;
        public float W;
    }

    private struct HalfQuad : IQuad<HalfQuad>
    {
        public Half X;
        public Half Y;
        public Half Z;
        public Half W;

        public static Wide Widen(HalfQuad stored) => new() { X = stored.X, Y = stored.Y, Z = stored.Z, W = stored.W };

        public static HalfQuad Narrow(Wide wide) => new() { X = (Half)wide.X, Y = (Half)wide.Y, Z = (Half)wide.Z, W = (Half)wide.W };
    }

    private struct BFloatQuad : IQuad<BFloatQuad>
    {
        public BFloat16 X;
        public BFloat16 Y;
        public BFloat16 Z;
        public BFloat16 W;

        public static Wide Widen(BFloatQuad stored) => new() { X = stored.X, Y = stored.Y, Z = stored.Z, W = stored.W };

        public static BFloatQuad Narrow(Wide wide) =>
            new() { X = (BFloat16)wide.X, Y = (BFloat16)wide.Y, Z = (BFloat16)wide.Z, W = (BFloat16)wide.W };
    }
}
