namespace EcapaIlgpu.Extraction;

/// <summary>How far an extraction is.</summary>
/// <param name="Done">Files with a result, embeddings and errors together.</param>
/// <param name="Failed">Files among them without an embedding.</param>
/// <param name="Total">Number of files; null where the list's length is not known beforehand.</param>
/// <param name="Audio">Length of the audio embedded.</param>
/// <param name="Elapsed">Time since the start.</param>
public readonly record struct ExtractionProgress(int Done, int Failed, int? Total, TimeSpan Audio, TimeSpan Elapsed)
{
    /// <summary>Seconds of audio embedded per second.</summary>
    public double Speed => Elapsed > TimeSpan.Zero ? Audio / Elapsed : 0;

    /// <summary>Time left if files go on as until now; null where that cannot be said.</summary>
    public TimeSpan? Remaining => Total is { } total && Done > 0 ? Elapsed * ((double)(total - Done) / Done) : null;
}
