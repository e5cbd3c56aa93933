using System.Numerics.Tensors;

namespace EcapaIlgpu.Audio;

/// <summary>
/// Changes the sample rate by a polyphase windowed sinc: the numbers of <c>torchaudio.transforms.Resample</c> with its defaults
/// (<c>sinc_interp_hann</c>, <c>lowpass_filter_width</c> 6, <c>rolloff</c> 0.99).
/// </summary>
/// <remarks>
/// With the rates divided by their greatest common divisor to <c>orig</c> and <c>new</c>, and <c>base = 0.99 min(orig, new)</c>, output
/// <c>b*new + i</c> is <c>sum_j x[b*orig + j] h((j/orig - i/new) * base) * base/orig</c> with <c>h(t) = sinc(t) cos^2(pi t / 12)</c> for
/// |t| &lt; 6 and 0 beyond. torchaudio convolves with all <c>orig + 2 * width</c> taps of every phase; only the 12 orig/base that are not
/// zero are kept here, so that a pair of rates without a common divisor (44101 to 16000) costs 2 MB and not 2 GB. Instances may be used
/// from several threads at once.
/// </remarks>
public sealed class Resampler
{
    /// <summary>The lowest sample rate, on either side.</summary>
    public const int MinimumRate = 4_000;

    /// <summary>The highest sample rate, on either side.</summary>
    public const int MaximumRate = 384_000;

    private const double LowpassFilterWidth = 6;
    private const double Rolloff = 0.99;

    private readonly int _orig;
    private readonly int _new;
    private readonly double _base;
    private readonly int _taps;

    // Grows with the longest output asked for, up to one row per phase; replaced whole, so that readers need no lock.
    private volatile FilterBank _bank = new([], []);

    /// <summary>A resampler for one pair of rates.</summary>
    /// <param name="fromRate">Samples per second of the input.</param>
    /// <param name="toRate">Samples per second of the output.</param>
    /// <exception cref="ArgumentOutOfRangeException">A rate is outside <see cref="MinimumRate"/> to <see cref="MaximumRate"/>.</exception>
    public Resampler(int fromRate, int toRate)
    {
        CheckRate(fromRate, nameof(fromRate));
        CheckRate(toRate, nameof(toRate));
        FromRate = fromRate;
        ToRate = toRate;
        int divisor = GreatestCommonDivisor(fromRate, toRate);
        _orig = fromRate / divisor;
        _new = toRate / divisor;
        _base = Math.Min(_orig, _new) * Rolloff;
        _taps = (int)Math.Floor(2 * LowpassFilterWidth * _orig / _base) + 1;
    }

    /// <summary>Samples per second of the input.</summary>
    public int FromRate { get; }

    /// <summary>Samples per second of the output.</summary>
    public int ToRate { get; }

    /// <summary>Whether <see cref="Resampler"/> takes this rate.</summary>
    public static bool Supports(int rate) => rate is >= MinimumRate and <= MaximumRate;

    /// <summary>
    /// The number of samples that <paramref name="inputLength"/> samples become: <c>ceil(inputLength * toRate / fromRate)</c>.
    /// </summary>
    public long OutputLength(long inputLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(inputLength);
        return (long)(((UInt128)inputLength * (uint)_new + (uint)(_orig - 1)) / (uint)_orig);
    }

    /// <summary>Resamples into a new array.</summary>
    /// <param name="input">The samples, at any scale.</param>
    /// <param name="cancellation">Looked at every few thousand samples.</param>
    public float[] Resample(ReadOnlySpan<float> input, CancellationToken cancellation = default)
    {
        float[] output = new float[OutputLength(input.Length)];
        Resample(input, output, cancellation);
        return output;
    }

    /// <summary>Resamples into memory of the caller's. The input counts as zero before its start and after its end.</summary>
    /// <param name="input">The samples, at any scale.</param>
    /// <param name="output">
    /// Exactly <see cref="OutputLength"/> samples at the same scale; must not overlap <paramref name="input"/>.
    /// </param>
    /// <param name="cancellation">Looked at every few thousand samples.</param>
    public void Resample(ReadOnlySpan<float> input, Span<float> output, CancellationToken cancellation = default)
    {
        if (output.Length != OutputLength(input.Length))
        {
            throw new ArgumentException(
                $"{output.Length} samples of output for {input.Length} of input: expected {OutputLength(input.Length)}.", nameof(output));
        }
        if (input.Overlaps(output))
            throw new ArgumentException("Input and output overlap.", nameof(output));
        if (_orig == _new)
        {
            input.CopyTo(output);
            return;
        }

        FilterBank bank = BankFor(output.Length, cancellation);
        Span<float> edge = _taps <= 512 ? stackalloc float[_taps] : new float[_taps];
        long blockStart = 0;
        int phase = 0;
        for (int n = 0; n < output.Length; n++)
        {
            if ((n & 0x3FFF) == 0)
                cancellation.ThrowIfCancellationRequested();
            long start = blockStart + bank.FirstTaps[phase];
            ReadOnlySpan<float> under = start >= 0 && start + _taps <= input.Length
                ? input.Slice((int)start, _taps)
                : ZeroExtended(input, start, edge);
            output[n] = TensorPrimitives.Dot(bank.Coefficients.AsSpan(phase * _taps, _taps), under);
            if (++phase == _new)
            {
                phase = 0;
                blockStart += _orig;
            }
        }
    }

    /// <exception cref="ArgumentOutOfRangeException">Not a rate that <see cref="Resampler"/> takes.</exception>
    internal static void CheckRate(int rate, string parameter)
    {
        if (!Supports(rate))
            throw new ArgumentOutOfRangeException(parameter, rate, $"A sample rate must lie between {MinimumRate} and {MaximumRate} Hz.");
    }

    private static ReadOnlySpan<float> ZeroExtended(ReadOnlySpan<float> input, long start, Span<float> edge)
    {
        edge.Clear();
        int from = (int)Math.Clamp(start, 0, input.Length);
        int to = (int)Math.Clamp(start + edge.Length, 0, input.Length);
        input[from..to].CopyTo(edge[(int)(from - start)..]);
        return edge;
    }

    private FilterBank BankFor(int outputLength, CancellationToken cancellation)
    {
        // A short file must not pay for phases that it never reaches: 384000 / gcd rows at the most extreme.
        int rows = Math.Min(_new, outputLength);
        FilterBank bank = _bank;
        if (bank.FirstTaps.Length >= rows)
            return bank;
        bank = Build(rows, cancellation);
        _bank = bank;
        return bank;
    }

    private FilterBank Build(int rows, CancellationToken cancellation)
    {
        float[] coefficients = new float[rows * _taps];
        int[] firstTaps = new int[rows];
        double scale = _base / _orig;
        for (int phase = 0; phase < rows; phase++)
        {
            if ((phase & 0xFF) == 0)
                cancellation.ThrowIfCancellationRequested();
            // torchaudio divides integers here, which PyTorch rounds to float32 although all that follows is float64. Without the same
            // rounding the results differ by up to 3e-5 of full scale at 11025 Hz, and by far more for rates without a common divisor.
            double delay = -(float)phase / _new;
            int first = (int)Math.Ceiling((-LowpassFilterWidth / _base - delay) * _orig);
            firstTaps[phase] = first;
            Span<float> row = coefficients.AsSpan(phase * _taps, _taps);
            for (int k = 0; k < row.Length; k++)
            {
                double t = Math.Clamp((delay + (double)(first + k) / _orig) * _base, -LowpassFilterWidth, LowpassFilterWidth);
                double hann = Math.Cos(t * Math.PI / LowpassFilterWidth / 2);
                double sinc = t == 0 ? 1 : Math.Sin(t * Math.PI) / (t * Math.PI);
                row[k] = (float)(sinc * (hann * hann * scale));
            }
        }
        return new(coefficients, firstTaps);
    }

    private static int GreatestCommonDivisor(int a, int b)
    {
        while (b != 0)
            (a, b) = (b, a % b);
        return a;
    }

    /// <param name="Coefficients">One row of taps per phase.</param>
    /// <param name="FirstTaps">
    /// Where each row's first tap lies, in input samples from the start of the block; below 0 for the first phases.
    /// </param>
    private sealed record FilterBank(float[] Coefficients, int[] FirstTaps);
}
