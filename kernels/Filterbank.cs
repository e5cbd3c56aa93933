using ILGPU;
using ILGPU.Algorithms;

namespace EcapaIlgpu.Kernels;

/// <summary>Two neighbouring numbers, one 8-byte access: a complex number, or a cosine and its sine.</summary>
/// <param name="x">The first number.</param>
/// <param name="y">The second number.</param>
public struct Float2(float x, float y)
{
    /// <summary>The first number.</summary>
    public float X = x;

    /// <summary>The second number.</summary>
    public float Y = y;
}

/// <summary>
/// Kaldi's log-mel filterbank as wespeaker uses it, from 16 kHz samples at the scale of int16: frames of 400 samples every 160; mean
/// removed, pre-emphasis 0.97, Hamming window, 512-point transform, power, mel triangles, natural logarithm floored at 2^-23.
/// </summary>
/// <remarks>
/// <para>
/// A frame has <see cref="FrameThreads"/> threads and 2 KB of shared memory, a group <see cref="FramesPerGroup"/> frames. The 512 real
/// points are 256 complex ones (even points real, odd points imaginary), transformed in place by four radix-4 passes with decimation in
/// frequency, one butterfly for each thread and pass, and separated into the spectrum of the real signal; the passes leave the points in
/// digit-reversed order, in which the separation reads them. The mel triangles are sparse: each bin of power is in at most two. What the
/// pre-emphasis leaves of the mean, 0.03 of it, is subtracted after it: both are linear.
/// </para>
/// <para>
/// Tables, from the host: the window's 400 numbers; cosine and sine of <c>2 pi k / 512</c>; for each mel bin the first power bin and the
/// first of its weights, with an end after the last, and the weights, which hold a quarter for the separation's factor.
/// </para>
/// <para>
/// Cost. About 14 000 operations a frame and 640 bytes read (320 from 16-bit samples, each sample once from memory and the overlaps from
/// the cache), 320 written.
/// </para>
/// </remarks>
public static class Filterbank
{
    /// <summary>Samples of a frame.</summary>
    public const int FrameLength = 400;

    /// <summary>Samples from frame to frame.</summary>
    public const int FrameShift = 160;

    /// <summary>Threads of a frame: one for each butterfly of a pass.</summary>
    public const int FrameThreads = 64;

    /// <summary>Frames of a group.</summary>
    public const int FramesPerGroup = 4;

    /// <summary>Threads of a group.</summary>
    public const int Threads = FrameThreads * FramesPerGroup;

    private const int Points = 512;
    private const int ComplexPoints = Points / 2;
    private const int ThreadSamples = Points / FrameThreads;
    private const float PreEmphasis = 0.97f;
    private const float EnergyFloor = 1.1920929e-7f;

    /// <summary>The filterbank of float32 samples. <c>ceil(rows / FramesPerGroup)</c> groups in a line.</summary>
    /// <param name="samples">All utterances' samples, full scale ±32768.</param>
    /// <param name="sampleOffsets">First sample of each utterance.</param>
    /// <param name="offsets">First row of each utterance.</param>
    /// <param name="utterances">The utterance of each row.</param>
    /// <param name="window">The window.</param>
    /// <param name="circle">Cosine and sine of <c>2 pi k / 512</c>.</param>
    /// <param name="filters">For each mel bin, and once more at the end: first power bin, first weight.</param>
    /// <param name="weights">Weights of the power bins.</param>
    /// <param name="frames">Receives <c>[rows, bins]</c>.</param>
    /// <param name="rows">Frames of the batch.</param>
    /// <param name="bins">Mel bins.</param>
    public static void FromFloat(
        ArrayView<float> samples, ArrayView<int> sampleOffsets, ArrayView<int> offsets, ArrayView<int> utterances, ArrayView<float> window,
        ArrayView<Float2> circle, ArrayView<int> filters, ArrayView<float> weights, ArrayView<float> frames, int rows, int bins)
    {
        ArrayView<Float2> shared = SharedMemory.Allocate<Float2>(FramesPerGroup * ComplexPoints);
        ArrayView<Float2> points = shared.SubView(Group.IdxX / FrameThreads * ComplexPoints, ComplexPoints);
        ArrayView<float> signal = points.Cast<float>();
        int thread = Group.IdxX % FrameThreads, row = (Grid.IdxX * FramesPerGroup) + (Group.IdxX / FrameThreads);
        int first = row < rows ? FirstSample(row, sampleOffsets, offsets, utterances) : -1;
        for (int i = thread; i < FrameLength; i += FrameThreads)
            signal[i] = first < 0 ? 0f : samples[first + i];
        LogMel(points, window, circle, filters, weights, frames, row, rows, bins);
    }

    /// <summary>The filterbank of 16-bit samples; else as <see cref="FromFloat"/>.</summary>
    /// <param name="samples">All utterances' samples.</param>
    /// <param name="sampleOffsets">First sample of each utterance.</param>
    /// <param name="offsets">First row of each utterance.</param>
    /// <param name="utterances">The utterance of each row.</param>
    /// <param name="window">The window.</param>
    /// <param name="circle">Cosine and sine of <c>2 pi k / 512</c>.</param>
    /// <param name="filters">For each mel bin, and once more at the end: first power bin, first weight.</param>
    /// <param name="weights">Weights of the power bins.</param>
    /// <param name="frames">Receives <c>[rows, bins]</c>.</param>
    /// <param name="rows">Frames of the batch.</param>
    /// <param name="bins">Mel bins.</param>
    public static void FromInt16(
        ArrayView<short> samples, ArrayView<int> sampleOffsets, ArrayView<int> offsets, ArrayView<int> utterances, ArrayView<float> window,
        ArrayView<Float2> circle, ArrayView<int> filters, ArrayView<float> weights, ArrayView<float> frames, int rows, int bins)
    {
        ArrayView<Float2> shared = SharedMemory.Allocate<Float2>(FramesPerGroup * ComplexPoints);
        ArrayView<Float2> points = shared.SubView(Group.IdxX / FrameThreads * ComplexPoints, ComplexPoints);
        ArrayView<float> signal = points.Cast<float>();
        int thread = Group.IdxX % FrameThreads, row = (Grid.IdxX * FramesPerGroup) + (Group.IdxX / FrameThreads);
        int first = row < rows ? FirstSample(row, sampleOffsets, offsets, utterances) : -1;
        for (int i = thread; i < FrameLength; i += FrameThreads)
            signal[i] = first < 0 ? 0f : samples[first + i];
        LogMel(points, window, circle, filters, weights, frames, row, rows, bins);
    }

    private static int FirstSample(int row, ArrayView<int> sampleOffsets, ArrayView<int> offsets, ArrayView<int> utterances)
    {
        int utterance = utterances[row];
        return sampleOffsets[utterance] + ((row - offsets[utterance]) * FrameShift);
    }

    /// <summary>From samples in shared memory, just written, to a row of log-mel energies.</summary>
    private static void LogMel(
        ArrayView<Float2> points, ArrayView<float> window, ArrayView<Float2> circle, ArrayView<int> filters, ArrayView<float> weights,
        ArrayView<float> frames, int row, int rows, int bins)
    {
        ArrayView<float> sharedPower = SharedMemory.Allocate<float>(FramesPerGroup * ComplexPoints);
        ArrayView<float> power = sharedPower.SubView(Group.IdxX / FrameThreads * ComplexPoints, ComplexPoints);
        ArrayView<float> signal = points.Cast<float>();
        int thread = Group.IdxX % FrameThreads;
        Group.Barrier();
        Window(signal, power, window, thread);
        for (int span = ComplexPoints; span > 1; span /= 4)
        {
            Butterfly(points, circle, thread, span);
            Group.Barrier();
        }
        for (int k = thread + 1; k < ComplexPoints / 2; k += FrameThreads)
            Separate(points, circle, power, k);
        if (thread == 0)
        {
            // The middle bin is its own partner, and so comes without the separation's factor of two.
            Float2 middle = points[DigitReversed(ComplexPoints / 2)];
            power[ComplexPoints / 2] = 4f * ((middle.X * middle.X) + (middle.Y * middle.Y));
        }
        Group.Barrier();
        for (int bin = thread; bin < bins; bin += FrameThreads)
        {
            int firstPower = filters[2 * bin], firstWeight = filters[(2 * bin) + 1], count = filters[(2 * bin) + 3] - firstWeight;
            float energy = 0f;
            for (int i = 0; i < count; i++)
                energy = (power[firstPower + i] * weights[firstWeight + i]) + energy;
            if (row < rows)
                frames[(row * bins) + bin] = XMath.Log(XMath.Max(energy, EnergyFloor));
        }
    }

    /// <summary>Mean, pre-emphasis and window, in place; zeros after the last sample.</summary>
    private static void Window(ArrayView<float> signal, ArrayView<float> partial, ArrayView<float> window, int thread)
    {
        ArrayView<float> own = LocalMemory.Allocate<float>(ThreadSamples);
        float sum = 0f;
        for (int i = 0; i < ThreadSamples; i++)
        {
            int sample = thread + (i * FrameThreads);
            own[i] = 0f;
            if (sample < FrameLength)
            {
                float value = signal[sample];
                sum += value;
                own[i] = (-PreEmphasis * signal[sample == 0 ? 0 : sample - 1]) + value;
            }
        }
        partial[thread] = sum;
        Group.Barrier();
        sum = 0f;
        for (int i = 0; i < FrameThreads; i++)
            sum += partial[i];
        // What float32 holds of 1 - 0.97: rounding 0.03 instead would leave a remainder of a large offset in the lowest bins.
        float left = sum * ((1f - PreEmphasis) / FrameLength);
        for (int i = 0; i < ThreadSamples; i++)
        {
            int sample = thread + (i * FrameThreads);
            signal[sample] = sample < FrameLength ? (own[i] - left) * window[sample] : 0f;
        }
        Group.Barrier();
    }

    /// <summary>Four points of a pass over spans of <paramref name="span"/> points.</summary>
    private static void Butterfly(ArrayView<Float2> points, ArrayView<Float2> circle, int thread, int span)
    {
        int quarter = span / 4, j = thread % quarter, at = (thread / quarter * span) + j, step = j * (Points / span);
        Float2 p0 = points[at], p1 = points[at + quarter], p2 = points[at + (2 * quarter)], p3 = points[at + (3 * quarter)];
        float sumR = p0.X + p2.X, sumI = p0.Y + p2.Y, differenceR = p0.X - p2.X, differenceI = p0.Y - p2.Y;
        float oddR = p1.X + p3.X, oddI = p1.Y + p3.Y, turnR = p1.X - p3.X, turnI = p1.Y - p3.Y;
        points[at] = new Float2(sumR + oddR, sumI + oddI);
        points[at + quarter] = Turned(differenceR + turnI, differenceI - turnR, circle[step]);
        points[at + (2 * quarter)] = Turned(sumR - oddR, sumI - oddI, circle[2 * step]);
        points[at + (3 * quarter)] = Turned(differenceR - turnI, differenceI + turnR, circle[3 * step]);
    }

    /// <summary><c>(r + i sqrt(-1)) * (cos - sin sqrt(-1))</c>.</summary>
    private static Float2 Turned(float r, float i, Float2 turn) => new((r * turn.X) + (i * turn.Y), (i * turn.X) - (r * turn.Y));

    /// <summary>Four times the power of the real signal at bins k and 256 - k, from the transform of the complex points.</summary>
    private static void Separate(ArrayView<Float2> points, ArrayView<Float2> circle, ArrayView<float> power, int k)
    {
        Float2 low = points[DigitReversed(k)], high = points[DigitReversed(ComplexPoints - k)], turn = circle[k];
        float evenR = low.X + high.X, evenI = low.Y - high.Y, oddR = low.X - high.X, oddI = low.Y + high.Y;
        float u = (turn.X * oddR) + (turn.Y * oddI), v = (turn.X * oddI) - (turn.Y * oddR);
        float lowR = evenR + v, lowI = evenI - u, highR = evenR - v, highI = evenI + u;
        power[k] = (lowR * lowR) + (lowI * lowI);
        power[ComplexPoints - k] = (highR * highR) + (highI * highI);
    }

    /// <summary>Where four radix-4 passes leave point <paramref name="k"/>: its four base-4 digits in reverse.</summary>
    private static int DigitReversed(int k) => ((k & 3) << 6) | ((k & 12) << 2) | ((k & 48) >> 2) | (k >> 6);
}
