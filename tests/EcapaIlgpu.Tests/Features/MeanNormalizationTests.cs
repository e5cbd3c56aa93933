using EcapaIlgpu.Features;

namespace EcapaIlgpu.Tests.Features;

public class MeanNormalizationTests
{
    [Theory]
    [InlineData(1, 80)]
    [InlineData(7, 5)]
    [InlineData(300, 80)]
    public void Leaves_every_bin_with_mean_zero_and_differences_untouched(int frames, int bins)
    {
        float[] rows = FbankTests.Noise(frames * bins, 3, 9);
        float[] original = [.. rows];
        MeanNormalization.Apply(rows, bins);
        for (int bin = 0; bin < bins; bin++)
        {
            double mean = Enumerable.Range(0, frames).Average(f => (double)original[(f * bins) + bin]);
            for (int frame = 0; frame < frames; frame++)
                Assert.Equal(original[(frame * bins) + bin] - mean, rows[(frame * bins) + bin], 2e-6);
        }
    }

    [Fact]
    public void Is_exact_over_an_hour_of_frames()
    {
        // In float32 a sum of 360,000 values near 16 is off in the third digit after the point.
        float[] rows = new float[360_000];
        for (int i = 0; i < rows.Length; i++)
            rows[i] = i % 2 == 0 ? 15.9f : 16.1f;
        MeanNormalization.Apply(rows, 1);
        Assert.Equal(-0.1, rows[0], 2e-6);
        Assert.Equal(0.1, rows[^1], 2e-6);
    }

    [Fact]
    public void No_rows_are_left_alone_and_broken_rows_refused()
    {
        MeanNormalization.Apply([], 80);
        Assert.Throws<ArgumentException>(() => MeanNormalization.Apply(new float[81], 80));
    }
}
