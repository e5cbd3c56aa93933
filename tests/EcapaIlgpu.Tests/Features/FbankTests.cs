using EcapaIlgpu.Features;

namespace EcapaIlgpu.Tests.Features;

public class FbankTests
{
    // Two right float32 implementations differ from float64 by up to 2e-3 where a bin holds little energy (spec, section 9).
    private const double MaxAbs = 3e-3;
    private const double MeanAbs = 2e-5;

    [Fact]
    public void Matches_the_golden_of_synthetic_speech()
    {
        float[] samples = Pcm16(TestFiles.InTestdata("audio/male_us_1.wav"));
        AssertMatches(TestFiles.InTestdata("goldens/fbank_male_us_1.npy"), new Fbank().Compute(samples));
    }

    [Fact]
    public void Matches_the_golden_after_mean_normalization()
    {
        float[] rows = new Fbank().Compute(Pcm16(TestFiles.InTestdata("audio/male_us_1.wav")));
        MeanNormalization.Apply(rows, Fbank.MelBins);
        AssertMatches(TestFiles.InTestdata("goldens/fbank_cmn_male_us_1.npy"), rows);
    }

    [NeedsTheory(typeof(ReferenceSet))]
    [InlineData("1447-130550-0000")]
    [InlineData("3331-159605-0004")]
    [InlineData("cut_0p3s")]
    [InlineData("cut_400")]
    public void Matches_the_goldens_of_recorded_speech(string utterance)
    {
        float[] rows = new Fbank().Compute(Pcm16(TestFiles.InReference($"audio/{utterance}.wav")));
        AssertMatches(TestFiles.InReference($"goldens/fbank/{utterance}.fbank.npy"), rows);
        MeanNormalization.Apply(rows, Fbank.MelBins);
        AssertMatches(TestFiles.InReference($"goldens/fbank/{utterance}.cmn.npy"), rows);
    }

    [NeedsFact(typeof(ReferenceSet))]
    public void Window_and_mel_filters_match_torchaudio()
    {
        (double[] window, _) = TestFiles.ReadNpy(TestFiles.InReference("goldens/fbank/hamming400.npy"));
        Assert.True(Closeness.MaxAbs(window, FbankTables.Window) < 1e-6);

        (double[] filters, int[] shape) = TestFiles.ReadNpy(TestFiles.InReference("goldens/fbank/mel_banks_80x256.npy"));
        Assert.Equal([Fbank.MelBins, FbankTables.PowerBins], shape);
        float[] dense = new float[filters.Length];
        foreach ((int index, MelFilter filter) in FbankTables.MelFilters.Index())
        {
            for (int i = 0; i < filter.QuarterWeights.Length; i++)
                dense[(index * FbankTables.PowerBins) + filter.FirstBin + i] = 4 * filter.QuarterWeights[i];
        }
        // torchaudio computes its filters in float32, ours are rounded once.
        Assert.True(Closeness.MaxAbs(filters, dense) < 1e-4);
    }

    [Theory]
    [InlineData(400, 8000.0, 0.0)]
    [InlineData(7777, 20000.0, 0.0)]
    [InlineData(16000, 1.0, 0.0)]
    [InlineData(5000, 300.0, 12000.0)]
    public void Matches_float64_on_noise(int length, double amplitude, double offset)
    {
        float[] samples = Noise(length, amplitude, offset);
        double[] expected = FbankInDoubles.Compute(samples);
        float[] found = new Fbank().Compute(samples);
        Assert.True(Closeness.MaxAbs(expected, found) < 1e-3, $"max abs {Closeness.MaxAbs(expected, found)}");
        Assert.True(Closeness.MeanAbs(expected, found) < 2e-6, $"mean abs {Closeness.MeanAbs(expected, found)}");
    }

    [Theory]
    [InlineData(31.25)]
    [InlineData(440.0)]
    [InlineData(3000.0)]
    [InlineData(7990.0)]
    public void A_tone_is_loudest_in_the_filter_nearest_to_it(double hertz)
    {
        float[] samples = [.. Enumerable.Range(0, 400).Select(i => (float)(10000 * Math.Cos(2 * Math.PI * hertz * i / 16000)))];
        float[] row = new Fbank().Compute(samples);
        int expected = Array.IndexOf(FbankInDoubles.Compute(samples), FbankInDoubles.Compute(samples).Max());
        Assert.Equal(expected, Array.IndexOf(row, row.Max()));
    }

    [Fact]
    public void Silence_gives_the_floor_everywhere()
    {
        float[] rows = new Fbank().Compute(new float[16000]);
        Assert.All(rows, v => Assert.Equal(-15.942385f, v, 1e-6f));
        Assert.All(new Fbank().Compute(Enumerable.Repeat(1000f, 16000).ToArray()), v => Assert.True(v < -5));
    }

    [Theory]
    [InlineData(128)]
    [InlineData(256)]
    [InlineData(512)]
    public void Every_vector_width_gives_the_same_bits(int vectorBits)
    {
        float[] samples = Noise(160 * 131, 5000, 17);
        Assert.Equal(new Fbank().Compute(samples), new Fbank(vectorBits).Compute(samples));
    }

    [Fact]
    public void A_frame_depends_on_its_own_samples_alone()
    {
        float[] samples = Noise(160 * 150, 5000, -40);
        Fbank fbank = new();
        float[] whole = fbank.Compute(samples);
        for (int frame = 0; frame < Fbank.FrameCount(samples.Length); frame++)
        {
            float[] alone = fbank.Compute(samples.AsSpan(frame * Fbank.FrameShift, Fbank.FrameLength));
            Assert.Equal(whole.AsSpan(frame * Fbank.MelBins, Fbank.MelBins), alone.AsSpan());
        }
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(3, 64)]
    [InlineData(97, 51)]
    [InlineData(148, 0)]
    public void A_range_of_frames_is_that_part_of_the_whole(int first, int count)
    {
        float[] samples = Noise(160 * 150, 5000, 0);
        Fbank fbank = new();
        float[] whole = fbank.Compute(samples);
        float[] part = new float[count * Fbank.MelBins];
        fbank.Compute(samples, first, count, part);
        Assert.Equal(whole.AsSpan(first * Fbank.MelBins, part.Length), part.AsSpan());
    }

    [Fact]
    public void Threads_share_one_filterbank()
    {
        Fbank fbank = new();
        float[][] signals = [.. Enumerable.Range(0, 16).Select(i => Noise(400 + (i * 1111), 3000, i))];
        float[][] expected = [.. signals.Select(s => fbank.Compute(s))];
        float[][] found = new float[signals.Length][];
        Parallel.For(0, signals.Length, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i => found[i] = fbank.Compute(signals[i]));
        Assert.Equal(expected, found);
    }

    [Fact]
    public void A_call_into_given_rows_allocates_nothing()
    {
        Fbank fbank = new();
        float[] samples = Noise(16000, 1000, 0);
        float[] rows = fbank.Compute(samples);
        long before = GC.GetAllocatedBytesForCurrentThread();
        fbank.Compute(samples, rows);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(399, 0)]
    [InlineData(400, 1)]
    [InlineData(559, 1)]
    [InlineData(560, 2)]
    [InlineData(57_600_000, 359_998)]
    public void Only_whole_frames_count(int samples, int frames) => Assert.Equal(frames, Fbank.FrameCount(samples));

    [Fact]
    public void Wrong_lengths_are_refused()
    {
        Fbank fbank = new();
        Assert.Throws<ArgumentException>(() => fbank.Compute(new float[399], []));
        Assert.Throws<ArgumentException>(() => fbank.Compute(new float[400], new float[79]));
        Assert.Throws<ArgumentException>(() => fbank.Compute(new float[400], new float[160]));
        Assert.Throws<ArgumentException>(() => fbank.Compute(new float[560], 1, 2, new float[160]));
        Assert.Throws<ArgumentException>(() => fbank.Compute(new float[560], int.MaxValue, 1, new float[80]));
        Assert.Throws<ArgumentOutOfRangeException>(() => fbank.Compute(new float[560], -1, 1, new float[80]));
    }

    internal static float[] Noise(int length, double amplitude, double offset)
    {
        Random random = new(length);
        return [.. Enumerable.Range(0, length).Select(_ => (float)((amplitude * ((2 * random.NextDouble()) - 1)) + offset))];
    }

    /// <summary>The samples of a plain 16-bit mono WAV file, as all test files are: no reader stands between golden and test.</summary>
    internal static float[] Pcm16(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int start = bytes.AsSpan().IndexOf("data"u8) + 8;
        return [.. Enumerable.Range(0, (bytes.Length - start) / 2).Select(i => (float)BitConverter.ToInt16(bytes, start + (2 * i)))];
    }

    private static void AssertMatches(string golden, float[] found)
    {
        (double[] expected, int[] shape) = TestFiles.ReadNpy(golden);
        Assert.Equal([found.Length / Fbank.MelBins, Fbank.MelBins], shape);
        double maxAbs = Closeness.MaxAbs(expected, found), meanAbs = Closeness.MeanAbs(expected, found);
        Assert.True(maxAbs <= MaxAbs && meanAbs <= MeanAbs, $"max abs {maxAbs}, mean abs {meanAbs}");
    }
}
