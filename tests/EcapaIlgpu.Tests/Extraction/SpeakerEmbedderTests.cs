using EcapaIlgpu.Audio;
using EcapaIlgpu.Extraction;

namespace EcapaIlgpu.Tests.Extraction;

public sealed class SpeakerEmbedderTests
{
    private static readonly string Tiny = TestFiles.InTestdata("models/wespeaker_tiny_glob.pt");

    private static string[] Samples => [.. Directory.GetFiles(TestFiles.InTestdata("samples"), "*.wav").Order(StringComparer.Ordinal)];

    [Fact]
    public async Task All_ways_to_embed_a_file_give_the_same_bits()
    {
        using SpeakerEmbedder embedder = SpeakerEmbedder.Load(Tiny);
        Dictionary<string, float[]> together = [];
        await foreach (ExtractionResult result in embedder.EmbedAsync(Samples))
            together.Add(result.Name, result.Embedding.ToArray());

        foreach (string path in Samples)
        {
            Assert.Equal(together[path], embedder.Embed(path));
            float[] fromSamples = new float[embedder.EmbeddingSize];
            embedder.Embed(AudioFile.Read(path).Samples.Span, fromSamples);
            Assert.Equal(together[path], fromSamples);
        }
    }

    [Fact]
    public async Task Threads_may_share_one_embedder()
    {
        using SpeakerEmbedder embedder = SpeakerEmbedder.Load(Tiny);
        float[][] alone = [.. Samples.Select(p => embedder.Embed(p))];
        float[][] shared = await Task.WhenAll(Samples.Select(p => Task.Run(() => embedder.Embed(p))));
        Assert.Equal(alone, shared);
    }

    [Fact]
    public void A_file_that_cannot_be_used_is_an_input_error()
    {
        using SpeakerEmbedder embedder = SpeakerEmbedder.Load(Tiny);
        Assert.Equal("no/such.wav", Assert.Throws<InputException>(() => embedder.Embed("no/such.wav")).InputName);
        Assert.Throws<InputException>(() => embedder.Embed(new float[399], new float[embedder.EmbeddingSize]));
        Assert.Throws<ArgumentException>(() => embedder.Embed(new float[16000], new float[7]));
    }

    [Fact]
    public void An_unknown_device_is_refused() =>
        Assert.Contains(
            "is not a device",
            Assert.Throws<InputException>(() => SpeakerEmbedder.Load(Tiny, new EmbedderOptions { Device = "tpu" })).Message);

    [Fact]
    public void Normalized_is_the_same_direction_at_unit_length()
    {
        using SpeakerEmbedder raw = SpeakerEmbedder.Load(Tiny);
        using SpeakerEmbedder unit = SpeakerEmbedder.Load(Tiny, new EmbedderOptions { Normalize = true });
        double[] expected = [.. raw.Embed(Samples[0]).Select(v => (double)v)];
        double norm = Math.Sqrt(expected.Sum(v => v * v));
        Assert.NotEqual(1, norm, 1e-3);
        Assert.True(Closeness.MaxAbs([.. expected.Select(v => v / norm)], unit.Embed(Samples[0])) < 1e-6);
    }
}
