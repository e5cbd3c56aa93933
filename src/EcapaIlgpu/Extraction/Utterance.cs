namespace EcapaIlgpu.Extraction;

/// <summary>
/// A file that has been read, ready for the engine: either <see cref="Features"/>, or, for an engine with a filterbank of its own, <see
/// cref="Pcm"/> or <see cref="Samples"/>. Disposing gives its memory back to be used for another file.
/// </summary>
/// <param name="Rows">Frames.</param>
/// <param name="Duration">Length of the audio.</param>
/// <param name="Warnings">What was odd about the audio.</param>
internal sealed record Utterance(int Rows, TimeSpan Duration, IReadOnlyList<string> Warnings) : IDisposable
{
    /// <summary>Mean-normalised filterbank rows, <c>[Rows, bins]</c>.</summary>
    public ReadOnlyMemory<float> Features { get; init; }

    /// <summary>Samples at 16 kHz that 16 bits hold exactly.</summary>
    public ReadOnlyMemory<short> Pcm { get; init; }

    /// <summary>Samples at 16 kHz, full scale ±32768, that 16 bits would not hold exactly.</summary>
    public ReadOnlyMemory<float> Samples { get; init; }

    /// <summary>What <see cref="Features"/>, <see cref="Pcm"/> or <see cref="Samples"/> lie in; null where nobody wants it back.</summary>
    public IDisposable? Memory { get; init; }

    /// <summary>How much of the time that reading took was spent on features.</summary>
    public TimeSpan FeatureTime { get; init; }

    /// <summary>Memory held.</summary>
    public long Bytes => ((long)(Features.Length + Samples.Length) * sizeof(float)) + ((long)Pcm.Length * sizeof(short));

    public void Dispose() => Memory?.Dispose();
}

/// <summary>Reads a file as the engine wants it; called on several threads at once.</summary>
/// <exception cref="InputException">The file cannot be used.</exception>
internal delegate Utterance UtteranceReader(AudioInput input, CancellationToken cancellation);
