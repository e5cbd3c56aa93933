using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Reference;

/// <summary>
/// The network in plain float64, as slow as it is readable: what the other engines are compared with, operation by operation
/// (<see cref="Conv1d"/>, <see cref="BatchNorm"/>, ...), layer by layer (<see cref="ReferenceNetwork"/>) and as a whole.
/// </summary>
/// <remarks>Safe to use from several threads at once: it holds nothing but the weights.</remarks>
internal sealed class ReferenceEngine(EcapaWeights weights) : IEmbeddingEngine
{
    /// <inheritdoc/>
    public string Description => "reference (float64)";

    /// <inheritdoc/>
    public EcapaConfig Config => weights.Config;

    /// <inheritdoc/>
    public void Embed(PackedBatch batch, Span<float> embeddings, CancellationToken cancellation = default)
    {
        int size = Config.EmbeddingSize;
        if (embeddings.Length != batch.Count * size)
            throw new ArgumentException($"{batch.Count} embeddings of {size} do not fit {embeddings.Length} numbers.", nameof(embeddings));
        double[][] exact = EmbedExactly(batch, cancellation);
        for (int u = 0; u < exact.Length; u++)
        {
            for (int i = 0; i < size; i++)
                embeddings[(u * size) + i] = (float)exact[u][i];
        }
    }

    /// <summary>The embeddings before rounding to float32, one array per utterance.</summary>
    /// <exception cref="ArgumentException">The batch's feature dimension does not fit.</exception>
    public double[][] EmbedExactly(PackedBatch batch, CancellationToken cancellation = default)
    {
        if (batch.FeatureDim != Config.FeatureDim)
            throw new ArgumentException($"Frames of {batch.FeatureDim} numbers go into a network of {Config.FeatureDim}.", nameof(batch));
        ReferenceNetwork network = new(weights);
        double[][] embeddings = new double[batch.Count][];
        for (int u = 0; u < batch.Count; u++)
        {
            ReadOnlySpan<float> rows = batch.Frames.Span[(batch.Offsets[u] * batch.FeatureDim)..(batch.Offsets[u + 1] * batch.FeatureDim)];
            embeddings[u] = network.Forward(FrameMatrix.FromRows(rows, batch.FeatureDim), cancellation).Values;
        }
        return embeddings;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
