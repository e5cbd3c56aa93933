using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Extraction;

/// <summary>How many files are read and embedded.</summary>
public sealed record ExtractionOptions
{
    /// <summary>Which channel and how to read audio.</summary>
    public AudioOptions Audio { get; init; } = new();

    /// <summary>Threads that read audio and compute features; 0 for one per processor.</summary>
    public int Readers { get; init; }

    /// <summary>
    /// Frames that go to the engine at once (100 a second). Embeddings do not depend on it. A longer utterance goes alone; a batch is also
    /// closed when the next file is not read yet, so nobody waits for a batch to fill.
    /// </summary>
    public int BatchRows { get; init; } = 4096;

    /// <summary>
    /// Memory for audio and features of files read ahead of the engine, in bytes. A file that needs more is read when no other is held.
    /// </summary>
    public long LookAheadBytes { get; init; } = 256L << 20;

    /// <summary>Whether embeddings are scaled to unit length (wespeaker's are not).</summary>
    public bool Normalize { get; init; }
}
