namespace EcapaIlgpu.Extraction;

/// <summary>A file that has been read: its features, ready for the engine.</summary>
/// <param name="Frames">Mean-normalised filterbank rows, <c>[frames, bins]</c>.</param>
/// <param name="Duration">Length of the audio.</param>
/// <param name="Warnings">What was odd about the audio.</param>
internal sealed record Utterance(ReadOnlyMemory<float> Frames, TimeSpan Duration, IReadOnlyList<string> Warnings);

/// <summary>Reads a file and computes its features; called on several threads at once.</summary>
/// <exception cref="InputException">The file cannot be used.</exception>
internal delegate Utterance UtteranceReader(AudioInput input, CancellationToken cancellation);
