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
    [
        .. Enumerable.Range(0, Points).Select(k => 2 * Math.PI * k / Points)
            .SelectMany(angle => new[] { (float)Math.Cos(angle), (float)Math.Sin(angle) }),
    ];

    /// <summary>
    /// Four times the power at bins 1 to 255 (the separation's factor of one half, squared, is left to the caller's weights).
    /// Bin 0 is not computed: no mel filter looks at it.
    /// </summary>
    /// <param name="signals">The points. From <paramref name="length"/> on they count as zero and are not asked for.</param>
    /// <param name="length">Points given, even, more than 384.</param>
    /// <param name="workspace"><c>[512][lanes]</c>; overwritten.</param>
    /// <param name="power"><c>[256][lanes]</c>.</param>
    public static void QuadruplePower<TLanes, TSignals>(TSignals signals, int length, float* workspace, float* power)
        where TLanes : struct, ILanes<TLanes>
        where TSignals : struct, ISignals<TLanes>, allows ref struct
    {
        fixed (float* circle = UnitCircle)
        {
            FirstPass<TLanes, TSignals>(signals, length / 2, workspace, circle);
            // The four quarters are now transforms of their own: each goes through all its passes while it is in the nearest cache.
            for (int quarter = 0; quarter < ComplexPoints; quarter += ComplexPoints / 4)
            {
                float* z = At<TLanes>(workspace, quarter);
                Pass<TLanes>(z, 64, circle);
                Pass<TLanes>(z, 16, circle);
                LastPass<TLanes>(z);
            }
            Separate<TLanes>(workspace, circle, power);
        }
    }

    /// <summary>The pass over the whole length, straight from the signals and without their zero padding.</summary>
    private static void FirstPass<TLanes, TSignals>(TSignals signals, int given, float* z, float* circle)
        where TLanes : struct, ILanes<TLanes>
        where TSignals : struct, ISignals<TLanes>, allows ref struct
    {
        const int Quarter = ComplexPoints / 4;
        for (int j = 0; j < Quarter; j++)
        {
            TLanes r3 = TLanes.Broadcast(0), i3 = r3;
            if (j + (3 * Quarter) < given)
                (r3, i3) = (signals.Load(2 * (j + (3 * Quarter))), signals.Load((2 * (j + (3 * Quarter))) + 1));
            Butterfly(
                signals.Load(2 * j), signals.Load((2 * j) + 1),
                signals.Load(2 * (j + Quarter)), signals.Load((2 * (j + Quarter)) + 1),
                signals.Load(2 * (j + (2 * Quarter))), signals.Load((2 * (j + (2 * Quarter))) + 1),
                r3, i3,
                At<TLanes>(z, j), 2 * Quarter * TLanes.Count, new Twiddles<TLanes>(circle, j * (Points / ComplexPoints)));
        }
    }

    /// <summary>A pass over 64 points in spans of <paramref name="span"/>, in place.</summary>
    private static void Pass<TLanes>(float* z, int span, float* circle)
        where TLanes : struct, ILanes<TLanes>
    {
        int w = TLanes.Count, quarter = span / 4 * 2 * w;
        for (int j = 0; j < span / 4; j++)
        {
            Twiddles<TLanes> twiddles = new(circle, j * (Points / span));
            for (int start = j; start < ComplexPoints / 4; start += span)
            {
                float* p = At<TLanes>(z, start), p1 = p + quarter, p2 = p1 + quarter, p3 = p2 + quarter;
                Butterfly(
                    TLanes.Load(p), TLanes.Load(p + w), TLanes.Load(p1), TLanes.Load(p1 + w),
                    TLanes.Load(p2), TLanes.Load(p2 + w), TLanes.Load(p3), TLanes.Load(p3 + w),
                    p, quarter, twiddles);
            }
        }
    }

    /// <summary>The pass over spans of four, whose twiddles are all one.</summary>
    private static void LastPass<TLanes>(float* z)
        where TLanes : struct, ILanes<TLanes>
    {
        int w = TLanes.Count;
        for (int start = 0; start < ComplexPoints / 4; start += 4)
        {
            float* p = At<TLanes>(z, start);
            TLanes r0 = TLanes.Load(p), i0 = TLanes.Load(p + w), r1 = TLanes.Load(p + (2 * w)), i1 = TLanes.Load(p + (3 * w));
            TLanes r2 = TLanes.Load(p + (4 * w)), i2 = TLanes.Load(p + (5 * w));
            TLanes r3 = TLanes.Load(p + (6 * w)), i3 = TLanes.Load(p + (7 * w));
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

    /// <summary>Four points, to be stored <paramref name="quarter"/> floats apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Butterfly<TLanes>(
        TLanes r0, TLanes i0, TLanes r1, TLanes i1, TLanes r2, TLanes i2, TLanes r3, TLanes i3,
        float* target, int quarter, in Twiddles<TLanes> twiddles)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes sumR = r0 + r2, sumI = i0 + i2, differenceR = r0 - r2, differenceI = i0 - i2;
        TLanes oddR = r1 + r3, oddI = i1 + i3, turnR = r1 - r3, turnI = i1 - i3;
        TLanes.Store(sumR + oddR, target);
        TLanes.Store(sumI + oddI, target + TLanes.Count);
        StoreTurned(differenceR + turnI, differenceI - turnR, twiddles.Cos1, twiddles.Sin1, target + quarter);
        StoreTurned(sumR - oddR, sumI - oddI, twiddles.Cos2, twiddles.Sin2, target + (2 * quarter));
        StoreTurned(differenceR - turnI, differenceI + turnR, twiddles.Cos3, twiddles.Sin3, target + (3 * quarter));
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

/// <summary>Real signals, one in each lane, that can be read point by point.</summary>
internal interface ISignals<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Point <paramref name="index"/> of every signal.</summary>
    TLanes Load(int index);
}
