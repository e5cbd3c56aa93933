using System.Runtime.CompilerServices;

namespace EcapaIlgpu.Features;

/// <summary>
/// Power spectra of many real signals of 512 points at once, one signal in each vector lane: every butterfly is the same
/// operation on all lanes, with no shuffle anywhere.
/// </summary>
/// <remarks>
/// The 512 real points are taken as 256 complex ones (even points real, odd points imaginary), transformed by four in-place
/// radix-4 passes with decimation in frequency, and separated into the spectrum of the real signal. The passes leave the
/// result in digit-reversed order; since an element is a whole vector, reading it in that order costs nothing.
/// </remarks>
internal static unsafe class RealFft
{
    /// <summary>Real points of the transform.</summary>
    public const int Points = 512;

    private const int ComplexPoints = Points / 2;

    /// <summary>cos, sin of <c>2 pi k / 512</c> for k = 0..511, interleaved: every pass's twiddles are a stride through this.</summary>
    private static readonly float[] UnitCircle =
        [.. Enumerable.Range(0, Points).SelectMany(k => new[] { (float)Math.Cos(2 * Math.PI * k / Points), (float)Math.Sin(2 * Math.PI * k / Points) })];

    /// <summary>
    /// Four times the power at bins 1 to 255 (the separation's factor of one half, squared, is left to the caller's weights).
    /// Bin 0 is not computed: no mel filter looks at it.
    /// </summary>
    /// <param name="signals">
    /// <c>[512][lanes]</c>, point <c>i</c> of every signal at <c>i * lanes</c>; overwritten. Points from
    /// <paramref name="length"/> on count as zero, whatever is there.
    /// </param>
    /// <param name="length">Points given, even, more than 384.</param>
    /// <param name="power"><c>[256][lanes]</c>.</param>
    public static void QuadruplePower<TLanes>(float* signals, int length, float* power)
        where TLanes : struct, ILanes<TLanes>
    {
        fixed (float* circle = UnitCircle)
        {
            PaddedPass<TLanes>(signals, length / 2, circle);
            Pass<TLanes>(signals, 64, circle);
            Pass<TLanes>(signals, 16, circle);
            LastPass<TLanes>(signals);
            Separate<TLanes>(signals, circle, power);
        }
    }

    /// <summary>The first pass, over the whole length, which does not read the zero padding.</summary>
    private static void PaddedPass<TLanes>(float* z, int given, float* circle)
        where TLanes : struct, ILanes<TLanes>
    {
        const int Quarter = ComplexPoints / 4;
        TLanes zero = TLanes.Broadcast(0);
        for (int j = 0; j < Quarter; j++)
        {
            Twiddles<TLanes> twiddles = new(circle, j * (Points / ComplexPoints));
            float* p = At<TLanes>(z, j);
            bool lastIsGiven = j + (3 * Quarter) < given;
            float* last = At<TLanes>(p, 3 * Quarter);
            Butterfly(p, Quarter, lastIsGiven ? TLanes.Load(last) : zero, lastIsGiven ? TLanes.Load(last + TLanes.Count) : zero, twiddles);
        }
    }

    private static void Pass<TLanes>(float* z, int span, float* circle)
        where TLanes : struct, ILanes<TLanes>
    {
        int quarter = span / 4;
        for (int j = 0; j < quarter; j++)
        {
            Twiddles<TLanes> twiddles = new(circle, j * (Points / span));
            for (int start = j; start < ComplexPoints; start += span)
            {
                float* p = At<TLanes>(z, start);
                float* last = At<TLanes>(p, 3 * quarter);
                Butterfly(p, quarter, TLanes.Load(last), TLanes.Load(last + TLanes.Count), twiddles);
            }
        }
    }

    /// <summary>The pass over spans of four, whose twiddles are all one.</summary>
    private static void LastPass<TLanes>(float* z)
        where TLanes : struct, ILanes<TLanes>
    {
        int w = TLanes.Count;
        for (int start = 0; start < ComplexPoints; start += 4)
        {
            float* p = At<TLanes>(z, start);
            TLanes r0 = TLanes.Load(p), i0 = TLanes.Load(p + w), r1 = TLanes.Load(p + (2 * w)), i1 = TLanes.Load(p + (3 * w));
            TLanes r2 = TLanes.Load(p + (4 * w)), i2 = TLanes.Load(p + (5 * w)), r3 = TLanes.Load(p + (6 * w)), i3 = TLanes.Load(p + (7 * w));
            TLanes sumR = r0 + r2, sumI = i0 + i2, differenceR = r0 - r2, differenceI = i0 - i2;
            TLanes oddR = r1 + r3, oddI = i1 + i3, turnR = r1 - r3, turnI = i1 - i3;
            TLanes.Store(sumR + oddR, p);
            TLanes.Store(sumI + oddI, p + w);
            TLanes.Store(differenceR + turnI, p + (2 * w));
            TLanes.Store(differenceI - turnR, p + (3 * w));
            TLanes.Store(sumR - oddR, p + (4 * w));
            TLanes.Store(sumI - oddI, p + (5 * w));
            TLanes.Store(differenceR - turnI, p + (6 * w));
            TLanes.Store(differenceI + turnR, p + (7 * w));
        }
    }

    /// <summary>From the transform of the 256 complex points to the power of the 512 real ones, bins k and 256 - k together.</summary>
    private static void Separate<TLanes>(float* z, float* circle, float* power)
        where TLanes : struct, ILanes<TLanes>
    {
        int w = TLanes.Count;
        for (int k = 1; k < ComplexPoints / 2; k++)
        {
            float* low = At<TLanes>(z, DigitReversed(k));
            float* high = At<TLanes>(z, DigitReversed(ComplexPoints - k));
            TLanes lowR = TLanes.Load(low), lowI = TLanes.Load(low + w), highR = TLanes.Load(high), highI = TLanes.Load(high + w);
            TLanes evenR = lowR + highR, evenI = lowI - highI, oddR = lowR - highR, oddI = lowI + highI;
            TLanes cos = TLanes.Broadcast(circle[2 * k]), sin = TLanes.Broadcast(circle[(2 * k) + 1]);
            TLanes u = TLanes.MultiplyAdd(cos, oddR, sin * oddI);
            TLanes v = TLanes.NegatedMultiplyAdd(sin, oddR, cos * oddI);
            TLanes.Store(SquaredMagnitude(evenR + v, evenI - u), power + (k * w));
            TLanes.Store(SquaredMagnitude(evenR - v, evenI + u), power + ((ComplexPoints - k) * w));
        }

        // The middle bin is its own partner, and so comes without the factor of two.
        float* middle = At<TLanes>(z, DigitReversed(ComplexPoints / 2));
        TLanes middlePower = SquaredMagnitude(TLanes.Load(middle), TLanes.Load(middle + w));
        TLanes.Store(middlePower * TLanes.Broadcast(4), power + (ComplexPoints / 2 * w));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes SquaredMagnitude<TLanes>(TLanes real, TLanes imaginary)
        where TLanes : struct, ILanes<TLanes> => TLanes.MultiplyAdd(real, real, imaginary * imaginary);

    /// <summary>Four points <paramref name="quarter"/> apart, in place; the fourth is passed in because it may be padding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Butterfly<TLanes>(float* p, int quarter, TLanes r3, TLanes i3, in Twiddles<TLanes> twiddles)
        where TLanes : struct, ILanes<TLanes>
    {
        int w = TLanes.Count;
        float* p1 = At<TLanes>(p, quarter), p2 = At<TLanes>(p, 2 * quarter), p3 = At<TLanes>(p, 3 * quarter);
        TLanes r0 = TLanes.Load(p), i0 = TLanes.Load(p + w), r1 = TLanes.Load(p1), i1 = TLanes.Load(p1 + w);
        TLanes r2 = TLanes.Load(p2), i2 = TLanes.Load(p2 + w);
        TLanes sumR = r0 + r2, sumI = i0 + i2, differenceR = r0 - r2, differenceI = i0 - i2;
        TLanes oddR = r1 + r3, oddI = i1 + i3, turnR = r1 - r3, turnI = i1 - i3;
        TLanes.Store(sumR + oddR, p);
        TLanes.Store(sumI + oddI, p + w);
        StoreTurned(differenceR + turnI, differenceI - turnR, twiddles.Cos1, twiddles.Sin1, p1);
        StoreTurned(sumR - oddR, sumI - oddI, twiddles.Cos2, twiddles.Sin2, p2);
        StoreTurned(differenceR - turnI, differenceI + turnR, twiddles.Cos3, twiddles.Sin3, p3);
    }

    /// <summary>Stores <c>(r + i sqrt(-1)) * (cos - sin sqrt(-1))</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreTurned<TLanes>(TLanes r, TLanes i, TLanes cos, TLanes sin, float* target)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes.Store(TLanes.MultiplyAdd(r, cos, i * sin), target);
        TLanes.Store(TLanes.NegatedMultiplyAdd(r, sin, i * cos), target + TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* At<TLanes>(float* z, int point)
        where TLanes : struct, ILanes<TLanes> => z + (2 * TLanes.Count * point);

    /// <summary>Where four radix-4 passes leave point <paramref name="k"/>: its four base-4 digits in reverse.</summary>
    private static int DigitReversed(int k) => ((k & 3) << 6) | ((k & 12) << 2) | ((k & 48) >> 2) | (k >> 6);

    /// <summary>The first three powers of one root of unity.</summary>
    private readonly ref struct Twiddles<TLanes>
        where TLanes : struct, ILanes<TLanes>
    {
        public readonly TLanes Cos1, Sin1, Cos2, Sin2, Cos3, Sin3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Twiddles(float* circle, int step)
        {
            Cos1 = TLanes.Broadcast(circle[2 * step]);
            Sin1 = TLanes.Broadcast(circle[(2 * step) + 1]);
            Cos2 = TLanes.Broadcast(circle[4 * step]);
            Sin2 = TLanes.Broadcast(circle[(4 * step) + 1]);
            Cos3 = TLanes.Broadcast(circle[6 * step]);
            Sin3 = TLanes.Broadcast(circle[(6 * step) + 1]);
        }
    }
}
