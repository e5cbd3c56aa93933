using System.Numerics;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Extraction;

/// <summary>
/// An engine that takes samples, whose embedding says what it was given: the utterance's first sample, how many there are, their sum.
/// </summary>
internal sealed class FakeWaveformEngine(string description = "fake device") : IWaveformEngine
{
    /// <summary>Samples of each utterance of each batch, and whether they were 16-bit ones.</summary>
    public List<(int[] Lengths, bool IsPcm)> Batches { get; } = [];

    /// <summary>Called with the lengths of a batch's utterances before it is embedded.</summary>
    public Action<int[], CancellationToken>? OnEmbed { get; init; }

    public string Description => description;

    public EcapaConfig Config { get; } = new() { EmbeddingSize = 3 };

    public int Concurrency { get; init; } = 2;

    public int RowsThatFit { get; init; } = 1000;

    public void Embed(PackedBatch batch, Span<float> embeddings, CancellationToken cancellation = default) =>
        throw new NotSupportedException("This engine is to be given samples.");

    public void EmbedSamples(
        ReadOnlyMemory<short> samples, ReadOnlyMemory<int> sampleOffsets, Span<float> embeddings,
        CancellationToken cancellation = default) =>
        EmbedAny(samples.Span, sampleOffsets.Span, embeddings, isPcm: true, cancellation);

    public void EmbedSamples(
        ReadOnlyMemory<float> samples, ReadOnlyMemory<int> sampleOffsets, Span<float> embeddings,
        CancellationToken cancellation = default) =>
        EmbedAny(samples.Span, sampleOffsets.Span, embeddings, isPcm: false, cancellation);

    public void Dispose()
    {
    }

    private void EmbedAny<T>(
        ReadOnlySpan<T> samples, ReadOnlySpan<int> offsets, Span<float> embeddings, bool isPcm, CancellationToken cancellation)
        where T : INumberBase<T>
    {
        cancellation.ThrowIfCancellationRequested();
        Assert.Equal(samples.Length, offsets[^1]);
        int[] lengths = new int[offsets.Length - 1];
        for (int u = 0; u < lengths.Length; u++)
            lengths[u] = offsets[u + 1] - offsets[u];
        OnEmbed?.Invoke(lengths, cancellation);
        for (int u = 0; u < lengths.Length; u++)
        {
            float sum = 0;
            foreach (T sample in samples.Slice(offsets[u], lengths[u]))
                sum += float.CreateChecked(sample);
            embeddings[3 * u] = float.CreateChecked(samples[offsets[u]]);
            embeddings[(3 * u) + 1] = lengths[u];
            embeddings[(3 * u) + 2] = sum;
        }
        lock (Batches)
            Batches.Add((lengths, isPcm));
    }
}
