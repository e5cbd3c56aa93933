using EcapaIlgpu.Audio;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Features;
using EcapaIlgpu.Tests.Audio;

namespace EcapaIlgpu.Tests.Extraction;

/// <summary>What engines are given for a file.</summary>
public sealed class UtteranceReaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private Utterance Read(string name, WavBuilder wav, Func<AudioOptions, UtteranceReader> reader)
    {
        string path = _folder.Write(name, wav.Build());
        return reader(new AudioOptions())(new AudioInput(path), CancellationToken.None);
    }

    private static short[] Ramp(int samples) => [.. Enumerable.Range(0, samples).Select(i => (short)((i * 37 % 60_000) - 30_000))];

    [Fact]
    public void Features_are_those_of_the_file()
    {
        WavBuilder wav = WavBuilder.Int16(Ramp(1000));
        using Utterance utterance = Read("a.wav", wav, UtteranceReaders.Features);
        float[] expected = new FeatureExtractor().Compute(new Waveform(Ramp(1000).Select(s => (float)s).ToArray(), Fbank.SampleRate), "a");
        Assert.Equal((4, expected.Length * sizeof(float)), (utterance.Rows, utterance.Bytes));
        Assert.Equal(expected, utterance.Features.ToArray());
        Assert.Equal(TimeSpan.FromSeconds(1000 / 16000.0), utterance.Duration);
    }

    [Fact]
    public void Memory_given_back_serves_the_next_file_and_leaves_it_right()
    {
        UtteranceReader reader = UtteranceReaders.Samples(new AudioOptions());
        AudioInput longer = new(_folder.Write("long.wav", WavBuilder.Int16(Ramp(3000)).Build()));
        AudioInput shorter = new(_folder.Write("short.wav", WavBuilder.Int16(Ramp(2500)[1..]).Build()));
        reader(longer, CancellationToken.None).Dispose();
        using Utterance utterance = reader(shorter, CancellationToken.None);
        Assert.Equal(Ramp(2500)[1..], utterance.Pcm.ToArray());
    }

    [Fact]
    public void Samples_are_16_bit_where_that_is_exact()
    {
        using Utterance whole = Read("16.wav", WavBuilder.Int16(Ramp(800)), UtteranceReaders.Samples);
        Assert.Equal(Ramp(800), whole.Pcm.ToArray());
        Assert.True(whole.Samples.IsEmpty);
        Assert.Equal((3, 1600), (whole.Rows, whole.Bytes));

        double[] fine = [.. Enumerable.Range(0, 800).Select(i => i / 3000.0)];
        using Utterance exact = Read("float.wav", new WavBuilder { Tag = 3, Bits = 32, Samples = fine }, UtteranceReaders.Samples);
        Assert.True(exact.Pcm.IsEmpty);
        Assert.Equal(fine.Select(s => (float)s * 32768f), exact.Samples.ToArray());
    }

    [Fact]
    public void A_file_of_less_than_a_frame_is_refused_by_both()
    {
        Func<AudioOptions, UtteranceReader>[] readers = [UtteranceReaders.Features, UtteranceReaders.Samples];
        foreach (Func<AudioOptions, UtteranceReader> reader in readers)
        {
            Assert.Contains(
                "too short", Assert.Throws<InputException>(() => Read("tiny.wav", WavBuilder.Int16(new short[399]), reader)).Problem,
                StringComparison.Ordinal);
        }
    }
}
