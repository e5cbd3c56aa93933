using EcapaIlgpu.Audio;
using EcapaIlgpu.Features;

namespace EcapaIlgpu.Tests.Features;

public class FeatureExtractorTests
{
    [Fact]
    public void Gives_filterbank_rows_without_their_mean()
    {
        float[] samples = FbankTests.Noise(4000, 1000, 0);
        float[] expected = new Fbank().Compute(samples);
        MeanNormalization.Apply(expected, Fbank.MelBins);
        Assert.Equal(expected, new FeatureExtractor().Compute(new Waveform(samples, 16000), "noise.wav"));
    }

    [Theory]
    [InlineData(0, "0 ms")]
    [InlineData(399, "24.938 ms")]
    public void Too_short_a_sound_names_the_file_what_it_has_and_what_it_needs(int samples, string found)
    {
        Waveform waveform = new(new float[samples], 16000);
        InputException error = Assert.Throws<InputException>(() => new FeatureExtractor().Compute(waveform, "a/b.wav"));
        Assert.Equal("a/b.wav", error.InputName);
        Assert.Contains("too short", error.Problem);
        Assert.Contains(found, error.Problem);
        Assert.Contains("25 ms (400 samples)", error.Problem);
    }

    [Fact]
    public void Another_rate_is_refused() =>
        Assert.Throws<ArgumentException>(() => new FeatureExtractor().Compute(new Waveform(new float[8000], 8000), "a.wav"));
}
