using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Tests.Audio;

public class ResamplerTests
{
    /// <summary>1e-5 of full scale, at int16 scale: float32 sums of a few hundred products differ by less in any order.</summary>
    private const double Tolerance = 0.32768;

    [Theory]
    [InlineData(8000)]
    [InlineData(22050)]
    [InlineData(44100)]
    [InlineData(48000)]
    public void Goldens_of_torchaudio(int rate) => AssertGolden(
        TestFiles.InTestdata($"audio/male_us_1_{rate}.wav"), TestFiles.InTestdata($"goldens/resample_{rate}_to_16000.npy"), 16000);

    [NeedsTheory(typeof(ReferenceSet))]
    [InlineData(8000)]
    [InlineData(11025)]
    [InlineData(22050)]
    [InlineData(32000)]
    [InlineData(44100)]
    [InlineData(48000)]
    public void Reference_goldens_of_torchaudio(int rate) => AssertGolden(
        TestFiles.InReference($"goldens/resample/in_{rate}.wav"), TestFiles.InReference($"goldens/resample/out_{rate}_to_16000.npy"),
        16000);

    /// <summary>
    /// torchaudio's formula word for word, all of its taps, in float64: what has no golden because torchaudio would take gigabytes for it,
    /// and the rates at the ends of the range.
    /// </summary>
    [Theory]
    [InlineData(44101, 16000)]
    [InlineData(15999, 16000)]
    [InlineData(16001, 16000)]
    [InlineData(4000, 16000)]
    [InlineData(4001, 16000)]
    [InlineData(384000, 16000)]
    [InlineData(383999, 16000)]
    [InlineData(96000, 16000)]
    [InlineData(11025, 16000)]
    [InlineData(16000, 8000)]
    [InlineData(16000, 384000)]
    public void Any_rates_follow_the_formula(int from, int to)
    {
        float[] input = Noise(from, from / 40);
        float[] output = new Resampler(from, to).Resample(input);
        Random random = new(from);
        for (int trial = 0; trial < 200; trial++)
        {
            int n = trial switch { 0 => 0, 1 => output.Length - 1, _ => random.Next(output.Length) };
            Assert.InRange(output[n] - Formula(input, from, to, n), -Tolerance, Tolerance);
        }
    }

    [Theory]
    [InlineData(44100)]
    [InlineData(8000)]
    [InlineData(44101)]
    public void A_long_input_continues_as_a_short_one_begins(int rate)
    {
        // Every phase comes round more than once, and the bank of the short call is replaced by a larger one.
        Resampler resampler = new(rate, 16000);
        float[] input = Noise(3, 3 * rate + 17);
        float[] start = resampler.Resample(input.AsSpan(0, rate / 4));
        float[] all = resampler.Resample(input);
        Assert.Equal(resampler.OutputLength(input.Length), all.Length);
        Assert.Equal(start.AsSpan(0, 3900).ToArray(), all.AsSpan(0, 3900).ToArray());
        float[] later = resampler.Resample(input.AsSpan(rate));
        Assert.Equal(later.AsSpan(100, 20000).ToArray(), all.AsSpan(16100, 20000).ToArray());
    }

    [Fact]
    public void A_sine_in_the_pass_band_stays_and_one_above_the_new_half_rate_goes()
    {
        static double Rms(float[] x) => Math.Sqrt(x.Skip(1000).SkipLast(1000).Average(v => (double)v * v));
        float[] Sine(double hertz) =>
            [.. Enumerable.Range(0, 48000).Select(i => (float)(10000 * Math.Sin(2 * Math.PI * hertz * i / 48000)))];
        Resampler resampler = new(48000, 16000);
        Assert.InRange(Rms(resampler.Resample(Sine(1000))), 10000 / Math.Sqrt(2) * 0.999, 10000 / Math.Sqrt(2) * 1.001);
        Assert.InRange(Rms(resampler.Resample(Sine(12000))), 0, 10000 / Math.Sqrt(2) * 0.002);
    }

    [Theory]
    [InlineData(44100, 16000, 0, 0)]
    [InlineData(44100, 16000, 1, 1)]
    [InlineData(44100, 16000, 441, 160)]
    [InlineData(44100, 16000, 442, 161)]
    [InlineData(16000, 16000, 12345, 12345)]
    [InlineData(8000, 16000, 3, 6)]
    [InlineData(4000, 384000, 4_000_000_000_000, 384_000_000_000_000)]
    public void Length_is_rounded_up(int from, int to, long input, long expected) =>
        Assert.Equal(expected, new Resampler(from, to).OutputLength(input));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    public void Inputs_shorter_than_the_filter(int length)
    {
        float[] input = Noise(1, length);
        float[] output = new Resampler(44100, 16000).Resample(input);
        for (int n = 0; n < output.Length; n++)
            Assert.InRange(output[n] - Formula(input, 44100, 16000, n), -Tolerance, Tolerance);
    }

    [Fact]
    public void The_same_rate_is_a_copy()
    {
        float[] input = Noise(1, 1000);
        Assert.Equal(input, new Resampler(16000, 16000).Resample(input));
    }

    [Theory]
    [InlineData(3999, 16000)]
    [InlineData(384001, 16000)]
    [InlineData(16000, 0)]
    [InlineData(-16000, 16000)]
    public void Rates_out_of_range_are_refused(int from, int to) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new Resampler(from, to));

    [Fact]
    public void Output_of_the_wrong_length_or_over_the_input_is_refused()
    {
        Resampler resampler = new(32000, 16000);
        float[] samples = new float[100];
        Assert.Throws<ArgumentException>(() => resampler.Resample(samples, new float[49]));
        Assert.Throws<ArgumentException>(() => resampler.Resample(samples, samples.AsSpan(50)));
    }

    [Fact]
    public void Rates_without_a_common_divisor_take_little_memory()
    {
        float[] input = Noise(1, 383_999 / 2);
        long before = GC.GetAllocatedBytesForCurrentThread();
        _ = new Resampler(383_999, 16000).Resample(input.AsSpan(0, 48));
        long shortFile = GC.GetAllocatedBytesForCurrentThread() - before;
        _ = new Resampler(383_999, 16000).Resample(input);
        long longFile = GC.GetAllocatedBytesForCurrentThread() - before - shortFile;
        Assert.InRange(shortFile, 0, 10_000);
        Assert.InRange(longFile, 0, 12_000_000);
    }

    private static void AssertGolden(string wav, string npy, int rate)
    {
        (double[] expected, _) = TestFiles.ReadNpy(npy);
        Waveform found = AudioFile.Read(wav, new() { SampleRate = rate });
        Assert.Equal(rate, found.SampleRate);
        Assert.InRange(Closeness.MaxAbs(expected, found.Samples.Span), 0, Tolerance);
        Assert.InRange(Closeness.RelativeL2(expected, found.Samples.Span), 0, 1e-6);
    }

    private static float[] Noise(int seed, int length)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (float)(random.NextDouble() * 40000 - 20000))];
    }

    private static double Formula(float[] input, int from, int to, int n)
    {
        int divisor = (int)System.Numerics.BigInteger.GreatestCommonDivisor(from, to);
        int orig = from / divisor, @new = to / divisor;
        double baseRate = Math.Min(orig, @new) * 0.99;
        int width = (int)Math.Ceiling(6 * orig / baseRate);
        int phase = n % @new;
        long block = (long)(n / @new) * orig;
        double sum = 0;
        for (int k = -width; k < width + orig; k++)
        {
            long at = block + k;
            if (at < 0 || at >= input.Length)
                continue;
            double t = Math.Clamp((-(float)phase / @new + (double)k / orig) * baseRate, -6, 6);
            double window = Math.Pow(Math.Cos(t * Math.PI / 6 / 2), 2);
            double kernel = (t == 0 ? 1 : Math.Sin(Math.PI * t) / (Math.PI * t)) * window * baseRate / orig;
            sum += (float)kernel * (double)input[at];
        }
        return sum;
    }
}
