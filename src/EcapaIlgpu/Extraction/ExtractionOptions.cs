using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Extraction;

/// <summary>How many files are read and embedded.</summary>
public sealed record ExtractionOptions
{
    /// <summary>Which channel and how to read audio.</summary>
    public AudioOptions Audio { get; init; } = new();

    /// <summary>Threads that read audio, and compute features where the engine does not; 0 for one per processor.</summary>
    public int Readers { get; init; }

    /// <summary>
    /// Frames that go to an engine at once (100 a second); 0 for what suits it: what keeps a device's multiprocessors busy and fits its
    /// memory, or a processor's caches. Embeddings do not depend on it. A longer utterance goes alone; a batch is also closed when the next
    /// file is not read yet, so nobody waits for a batch to fill.
    /// </summary>
    public int BatchRows { get; init; }

    /// <summary>
    /// Memory for audio and features of files read ahead of the engine, in bytes; 0 for 32 MiB for each reader. A file of more than half of
    /// it is read all the same, two such at a time.
    /// </summary>
    public long LookAheadBytes { get; init; }

    /// <summary>Whether embeddings are scaled to unit length (wespeaker's are not).</summary>
    public bool Normalize { get; init; }

    /// <summary>Called, on a thread of the extraction, when an engine fails.</summary>
    public Action<EngineLoss>? EngineLost { get; init; }
}
