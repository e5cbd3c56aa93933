namespace EcapaIlgpu.Engines;

/// <summary>
/// An engine that computes the filterbank too: samples go in instead of feature rows. 16-bit samples are as many bytes on a bus as feature
/// rows and half of float samples, and the processor is left to read files.
/// </summary>
/// <remarks>
/// Several calls may run at once. Each call's embeddings have the bits that they would have alone. From one utterance, 16-bit samples and
/// the same numbers as floats give the same bits.
/// </remarks>
public interface IWaveformEngine : IEmbeddingEngine
{
    /// <summary>
    /// Calls of <see cref="EmbedSamples(ReadOnlyMemory{short}, ReadOnlyMemory{int}, Span{float}, CancellationToken)"/> worth having under
    /// way at once, at least 1: with two, one call's samples cross the bus while the other's kernels run. More wait for their turn.
    /// </summary>
    int Concurrency { get; }

    /// <summary>
    /// Frames (100 a second) that a batch had best have: as many as fit the device's memory with <see cref="Concurrency"/> such batches
    /// under way, but no more than does it good; at least 1.
    /// </summary>
    int RowsThatFit { get; }

    /// <summary>Embeds utterances from their samples.</summary>
    /// <param name="samples">16 kHz samples of all utterances, end to end.</param>
    /// <param name="sampleOffsets">First sample of each utterance, then the number of samples; every utterance has at least 400.</param>
    /// <param name="embeddings">Receives <c>[utterances, Config.EmbeddingSize]</c>; empty for no utterance.</param>
    /// <param name="cancellation">Stops between pieces of work; <paramref name="embeddings"/> is then undefined.</param>
    /// <exception cref="ArgumentException">The offsets do not describe the samples, the room does not fit, or the network does not read 80
    /// mel bins.</exception>
    /// <exception cref="InputException">A single utterance does not fit the device's memory.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed.</exception>
    void EmbedSamples(
        ReadOnlyMemory<short> samples, ReadOnlyMemory<int> sampleOffsets, Span<float> embeddings, CancellationToken cancellation = default);

    /// <inheritdoc cref="EmbedSamples(ReadOnlyMemory{short}, ReadOnlyMemory{int}, Span{float}, CancellationToken)"/>
    /// <param name="samples">16 kHz samples of all utterances, end to end, full scale ±32768.</param>
    /// <param name="sampleOffsets">First sample of each utterance, then the number of samples; every utterance has at least 400.</param>
    /// <param name="embeddings">Receives <c>[utterances, Config.EmbeddingSize]</c>; empty for no utterance.</param>
    /// <param name="cancellation">Stops between pieces of work; <paramref name="embeddings"/> is then undefined.</param>
    void EmbedSamples(
        ReadOnlyMemory<float> samples, ReadOnlyMemory<int> sampleOffsets, Span<float> embeddings, CancellationToken cancellation = default);
}
