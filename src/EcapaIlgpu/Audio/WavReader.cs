using System.Buffers;
using System.Globalization;

namespace EcapaIlgpu.Audio;

/// <summary>The samples of a WAV file, from any stream, once <see cref="WavHeader"/> has been read.</summary>
internal static class WavReader
{
    private const int ReadBytes = 1 << 16;

    /// <summary>Reads the wanted channel.</summary>
    /// <param name="stream">At the first sample, where <see cref="WavHeader.TryRead"/> left it.</param>
    /// <param name="header">A header whose format is linear.</param>
    /// <param name="source">The file, for messages.</param>
    /// <param name="options">Channel and limits.</param>
    /// <param name="cancellation">Looked at between blocks.</param>
    public static Waveform Read(Stream stream, WavHeader header, string source, AudioOptions options, CancellationToken cancellation)
    {
        WavFormat format = header.Format ?? throw new ArgumentException("The header has no format.", nameof(header));
        long? left = stream.CanSeek ? Math.Max(0, stream.Length - stream.Position) : null;
        // What is there bounds what is taken; what the header claims only says where the sound ends.
        long toRead = Math.Min(header.ClaimedBytes ?? long.MaxValue, left ?? long.MaxValue);
        SampleEncoding encoding = format.Encoding(source);
        int bytesPerFrame = Math.Max(1, format.Channels) * SampleDecoder.BytesPerSample(encoding);
        long framesThere = left is null ? 0 : toRead / bytesPerFrame;
        WaveformBuilder builder = new(source, format.SampleRate, format.Channels, encoding, options, framesThere);

        long read = 0;
        byte[] block = ArrayPool<byte>.Shared.Rent(Math.Max(ReadBytes, bytesPerFrame));
        try
        {
            int blockBytes = block.Length / bytesPerFrame * bytesPerFrame;
            while (read < toRead)
            {
                cancellation.ThrowIfCancellationRequested();
                int wanted = (int)Math.Min(blockBytes, toRead - read);
                int got = stream.ReadAtLeast(block.AsSpan(0, wanted), wanted, throwOnEndOfStream: false);
                read += got;
                builder.Append(block.AsSpan(0, got));
                if (got < wanted)
                    break;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
        return builder.Build(header.ClaimedBytes is { } claimed && claimed > read
            ? [TruncationWarning(builder.Length, claimed / bytesPerFrame, format.SampleRate)]
            : []);
    }

    /// <summary>What is said when a file holds less than its header claims.</summary>
    public static string TruncationWarning(long frames, long claimedFrames, double sampleRate) => string.Create(
        CultureInfo.InvariantCulture,
        $"cut off: its header claims {claimedFrames / sampleRate:0.000} s and {frames / sampleRate:0.000} s are there, which were used.");
}
