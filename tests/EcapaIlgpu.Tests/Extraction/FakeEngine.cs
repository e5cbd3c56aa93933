using EcapaIlgpu.Engines;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Extraction;

/// <summary>An engine whose embedding says what it was given: first value of the utterance, its frames, their sum.</summary>
internal sealed class FakeEngine(string description = "fake", int featureDim = 2) : IEmbeddingEngine
{
    public List<int[]> Batches { get; } = [];

    public Action<PackedBatch, CancellationToken>? OnEmbed { get; init; }

    public string Description => description;

    public EcapaConfig Config { get; } = new() { FeatureDim = featureDim, EmbeddingSize = 3 };

    public void Embed(PackedBatch batch, Span<float> embeddings, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        OnEmbed?.Invoke(batch, cancellation);
        int[] lengths = new int[batch.Count];
        for (int u = 0; u < batch.Count; u++)
        {
            ReadOnlySpan<float> rows = batch.Frames.Span[(batch.Offsets[u] * featureDim)..(batch.Offsets[u + 1] * featureDim)];
            lengths[u] = rows.Length / featureDim;
            float sum = 0;
            foreach (float value in rows)
                sum += value;
            embeddings[u * 3] = rows[0];
            embeddings[(u * 3) + 1] = lengths[u];
            embeddings[(u * 3) + 2] = sum;
        }
        lock (Batches)
            Batches.Add(lengths);
    }

    public void Dispose()
    {
    }
}
