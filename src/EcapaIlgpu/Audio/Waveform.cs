namespace EcapaIlgpu.Audio;

/// <summary>
/// One channel of sound. Samples are at 16-bit scale (full scale is ±32768) whatever the file's own format, because
/// the filterbank's energy floor and wespeaker's training assume that scale.
/// </summary>
/// <param name="Samples">The samples, full scale ±32768.</param>
/// <param name="SampleRate">Samples per second.</param>
public sealed record Waveform(ReadOnlyMemory<float> Samples, int SampleRate)
{
    /// <summary>What was odd about the source and how it was read all the same (a truncated data chunk, say). Empty as a rule.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Length in time.</summary>
    public TimeSpan Duration => TimeSpan.FromSeconds((double)Samples.Length / SampleRate);
}
