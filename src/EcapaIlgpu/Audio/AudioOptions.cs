using System.Buffers;

namespace EcapaIlgpu.Audio;

/// <summary>How <see cref="AudioFile"/> turns a file into a <see cref="Waveform"/>.</summary>
public sealed record AudioOptions
{
    /// <summary>Which channel is read. Default: the first, as wespeaker.</summary>
    public ChannelChoice Channel { get; init; } = ChannelChoice.First;

    /// <summary>
    /// Samples per second of the result, <see cref="Resampler.MinimumRate"/> to <see cref="Resampler.MaximumRate"/>. Default: 16000, what
    /// the models are trained on.
    /// </summary>
    public int SampleRate { get; init; } = 16000;

    /// <summary>
    /// How long an <c>ffmpeg</c> process may work on one file before it is killed. Default: ten minutes;
    /// <see cref="Timeout.InfiniteTimeSpan"/> for no limit.
    /// </summary>
    public TimeSpan DecoderTimeLimit { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// The longest sound that is read. A compressed file of a few kilobytes can hold days of silence, so that no limit on memory follows
    /// from a file's size alone. Default: 24 hours. (The decoded samples must fit in one array as well: 2,147,483,591 of them.)
    /// </summary>
    public TimeSpan MaximumDuration { get; init; } = TimeSpan.FromHours(24);

    /// <summary>
    /// Memory to decode into, for whoever reads one file after another on one thread and is done with a waveform before the next: its
    /// samples then lie here. Null for memory of its own.
    /// </summary>
    internal ArrayBufferWriter<float>? Buffer { get; init; }
}
