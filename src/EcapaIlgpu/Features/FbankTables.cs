namespace EcapaIlgpu.Features;

/// <summary>
/// The constants of Kaldi's filterbank at 16 kHz, computed in float64 and rounded once: window and mel filters.
/// Shared by every <see cref="Fbank"/>; never changed after construction.
/// </summary>
internal static class FbankTables
{
    /// <summary>What is subtracted of the sample before.</summary>
    public const float PreEmphasis = 0.97f;

    /// <summary>
    /// What the pre-emphasis leaves of a constant. Exact, as float32 holds 1 - 0.97f: rounding 0.03 instead would leave the remainder of a
    /// large offset in the lowest bins.
    /// </summary>
    public const float ConstantLeft = 1 - PreEmphasis;

    /// <summary>Bins 0..255 of the 512-point transform; Kaldi leaves the Nyquist bin out.</summary>
    public const int PowerBins = RealFft.Points / 2;

    private const double LowFrequency = 20;
    private const double HighFrequency = Fbank.SampleRate / 2.0;

    /// <summary>Symmetric Hamming, <c>0.54 - 0.46 cos(2 pi i / 399)</c>.</summary>
    public static readonly float[] Window =
        [.. Enumerable.Range(0, Fbank.FrameLength).Select(HammingAt)];

    /// <summary>
    /// The triangular filters, lowest first. Triangles stand in mel and not in Hz (slopes linear in mel), at 80 equal steps
    /// between 20 Hz and 8 kHz, unnormalised.
    /// </summary>
    public static readonly MelFilter[] MelFilters = [.. Enumerable.Range(0, Fbank.MelBins).Select(BuildFilter)];

    private static float HammingAt(int i) => (float)(0.54 - (0.46 * Math.Cos(2 * Math.PI * i / (Fbank.FrameLength - 1))));

    private static double Mel(double hertz) => 1127 * Math.Log(1 + (hertz / 700));

    private static MelFilter BuildFilter(int index)
    {
        double low = Mel(LowFrequency);
        double step = (Mel(HighFrequency) - low) / (Fbank.MelBins + 1);
        double left = low + (index * step);
        double[] weights = [.. Enumerable.Range(0, PowerBins).Select(bin =>
        {
            double distance = (Mel((double)bin * Fbank.SampleRate / RealFft.Points) - left) / step;
            return Math.Max(0, Math.Min(distance, 2 - distance));
        })];
        int first = Array.FindIndex(weights, w => w > 0);
        int last = Array.FindLastIndex(weights, w => w > 0);
        return new MelFilter(first, [.. weights[first..(last + 1)].Select(w => (float)(w / 4))]);
    }
}

/// <summary>
/// One triangle: a quarter (exactly) of the weights of power bins <c>FirstBin, FirstBin + 1, ...</c>, as
/// <see cref="RealFft.QuadruplePower"/> wants them; the weights of all other bins are zero.
/// </summary>
internal sealed record MelFilter(int FirstBin, float[] QuarterWeights);
