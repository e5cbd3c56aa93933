using System.Buffers;
using System.Globalization;
using System.Numerics.Tensors;

namespace EcapaIlgpu.Audio;

/// <summary>
/// Collects the wanted channel of a file while it is decoded, so that only that channel is ever in memory, and holds the checks that every
/// reader shares: the channel exists, the rate can be resampled, the samples are finite, the sound is not longer than allowed.
/// </summary>
internal sealed class WaveformBuilder
{
    private readonly string _source;
    private readonly int _sampleRate;
    private readonly SampleEncoding _encoding;
    private readonly int _channels;
    private readonly ChannelChoice _choice;
    private readonly long _maximumLength;
    private readonly ArrayBufferWriter<float> _samples;

    /// <param name="source">The file, for messages.</param>
    /// <param name="sampleRate">The file's own rate.</param>
    /// <param name="channels">Samples per frame.</param>
    /// <param name="encoding">How the frames are written that <see cref="Append"/> takes.</param>
    /// <param name="options">Channel and limits.</param>
    /// <param name="expectedFrames">
    /// Memory to take at once, 0 where unknown. Never a header's claim: what the caller knows to be there.
    /// </param>
    /// <exception cref="InputException">No channel or rate, or not the channel asked for, or a rate out of range, or too long.</exception>
    public WaveformBuilder(
        string source, long sampleRate, int channels, SampleEncoding encoding, AudioOptions options, long expectedFrames = 0)
    {
        if (channels < 1)
            throw new InputException(source, "has no channels (0 in its header): the file is damaged.");
        if (sampleRate is < Resampler.MinimumRate or > Resampler.MaximumRate)
        {
            throw new InputException(source, string.Create(CultureInfo.InvariantCulture,
                $"has a sample rate of {sampleRate} Hz: expected {Resampler.MinimumRate} to {Resampler.MaximumRate} Hz."));
        }
        if (options.Channel.Number >= channels)
        {
            throw new InputException(source, string.Create(CultureInfo.InvariantCulture,
                $"has {channels} channel(s), numbered from 0: channel {options.Channel} was asked for and is not there."));
        }
        _source = source;
        _sampleRate = (int)sampleRate;
        _encoding = encoding;
        _channels = channels;
        _choice = options.Channel;
        // The result may be at a higher rate than the file, and has to fit in one array too.
        double longest = (double)Array.MaxLength * Math.Min(1, (double)sampleRate / options.SampleRate) - 1;
        _maximumLength = (long)Math.Min(longest, options.MaximumDuration.TotalSeconds * sampleRate);
        CheckLength(expectedFrames);
        _samples = options.Buffer ?? (expectedFrames > 0 ? new((int)expectedFrames) : new());
        if (options.Buffer is null)
            return;
        _samples.ResetWrittenCount();
        if (expectedFrames > 0)
            _samples.GetSpan((int)expectedFrames);
    }

    /// <summary>Bytes of one frame.</summary>
    public int BytesPerFrame => _channels * SampleDecoder.BytesPerSample(_encoding);

    /// <summary>Frames so far.</summary>
    public int Length => _samples.WrittenCount;

    /// <summary>Adds whole frames.</summary>
    /// <exception cref="InputException">A sample is not finite, or the sound is longer than allowed.</exception>
    public void Append(ReadOnlySpan<byte> frames)
    {
        int count = frames.Length / BytesPerFrame;
        if (count == 0)
            return;
        CheckLength((long)Length + count);
        Span<float> mono = _samples.GetSpan(count)[..count];
        SampleDecoder.ToMono(frames, _encoding, _channels, _choice, mono);
        if (!TensorPrimitives.IsFiniteAll<float>(mono))
            throw NotFinite(mono);
        _samples.Advance(count);
    }

    /// <summary>What was collected, at the file's own rate.</summary>
    public Waveform Build(IReadOnlyList<string> warnings) => new(_samples.WrittenMemory, _sampleRate) { Warnings = warnings };

    private InputException NotFinite(ReadOnlySpan<float> mono)
    {
        int at = 0;
        while (float.IsFinite(mono[at]))
            at++;
        string found = float.IsNaN(mono[at]) ? "NaN" : "infinite or beyond what a float holds";
        double seconds = ((double)Length + at) / _sampleRate;
        return new InputException(_source, string.Create(CultureInfo.InvariantCulture,
            $"the sample at {seconds:0.0000} s (number {(long)Length + at} of channel {_choice}) is {found}: expected finite numbers."));
    }

    private void CheckLength(long frames)
    {
        if (frames > _maximumLength)
        {
            TimeSpan longest = TimeSpan.FromSeconds((double)_maximumLength / _sampleRate);
            throw new InputException(_source, string.Create(CultureInfo.InvariantCulture,
                $"is longer than {longest}, the most that is read at {_sampleRate} Hz: split it."));
        }
    }
}
