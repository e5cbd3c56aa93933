namespace EcapaIlgpu.Extraction;

/// <summary>What became of one file: an embedding, or the reason why there is none.</summary>
/// <param name="Input">The file.</param>
public sealed record ExtractionResult(AudioInput Input)
{
    /// <summary>What the file is called.</summary>
    public string Name => Input.Name;

    /// <summary>The embedding; empty where <see cref="Error"/> says why.</summary>
    public ReadOnlyMemory<float> Embedding { get; init; }

    /// <summary>Why there is no embedding; null where there is one.</summary>
    public InputException? Error { get; init; }

    /// <summary>Length of the audio; zero where it could not be read.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>What was odd about the audio and how it was read all the same.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}
