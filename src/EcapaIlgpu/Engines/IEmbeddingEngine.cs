using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines;

/// <summary>
/// Computes embeddings of packed feature rows. An utterance's embedding does not depend on what else is in the batch, nor on the
/// number of threads: it is the same to the bit on a given engine and machine.
/// </summary>
/// <remarks>
/// An engine runs one batch at a time: calls from several threads wait for each other unless its docs say otherwise. It belongs to whoever
/// made it, who disposes of it: threads and memory of devices are not given back otherwise.
/// </remarks>
public interface IEmbeddingEngine : IDisposable
{
    /// <summary>What runs, for people: <c>cpu (AVX-512, 2 threads, fp32)</c>, say.</summary>
    string Description { get; }

    /// <summary>With how many bits it computes.</summary>
    Precision Precision => Precision.Fp32;

    /// <summary>The network that is computed.</summary>
    EcapaConfig Config { get; }

    /// <summary>Embeds every utterance of a batch.</summary>
    /// <param name="batch">
    /// Mean-normalised filterbank rows, finite numbers. They are not looked through for others: a NaN among an utterance's features makes
    /// its embedding NaN, and leaves every other of the batch as it is.
    /// </param>
    /// <param name="embeddings">Receives <c>[batch.Count, Config.EmbeddingSize]</c>; empty for an empty batch.</param>
    /// <param name="cancellation">Stops between pieces of work; <paramref name="embeddings"/> is then undefined.</param>
    /// <exception cref="ArgumentException">The batch's feature dimension or the span's length does not fit.</exception>
    void Embed(PackedBatch batch, Span<float> embeddings, CancellationToken cancellation = default);
}
