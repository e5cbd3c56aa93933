using System.Buffers;
using System.Runtime.InteropServices;

namespace EcapaIlgpu.Audio;

/// <summary>
/// FLAC, Ogg Vorbis and Opus, MP3, AIFF, AU, CAF, W64, NIST SPHERE and the codecs of WAV, through libsndfile. Files and streams go the
/// same way, by its virtual I/O, which spares each system's rules for file names.
/// </summary>
internal static unsafe class SndfileReader
{
    private const int SamplesPerRead = 1 << 15;
    private const int SubtypeMask = 0xFFFF;
    private const int SubtypeMpegLayer1 = 0x80;
    private const int SubtypeMpegLayer3 = 0x82;

    /// <summary>Reads the wanted channel.</summary>
    /// <param name="library">The installed library.</param>
    /// <param name="stream">A stream that can seek, at the start of the file.</param>
    /// <param name="source">The file, for messages.</param>
    /// <param name="options">Channel and limits.</param>
    /// <param name="cancellation">Looked at between blocks.</param>
    /// <param name="waveform">The sound, where the result is null.</param>
    /// <returns>Why libsndfile cannot decode it, or null where it did.</returns>
    /// <exception cref="InputException">It can be decoded, but lacks the channel, or its samples are not usable.</exception>
    public static string? TryRead(
        SndfileLibrary library, Stream stream, string source, AudioOptions options, CancellationToken cancellation, out Waveform? waveform)
    {
        waveform = null;
        StreamCallbacks callbacks = new(stream);
        GCHandle state = GCHandle.Alloc(callbacks);
        nint file = 0;
        double[] block = [];
        try
        {
            SndfileLibrary.Info info = default;
            SndfileLibrary.VirtualIo io = StreamCallbacks.Table;
            file = library.Open(ref io, ref info, GCHandle.ToIntPtr(state), out string reason);
            callbacks.ThrowIfFailed();
            if (file == 0)
                return reason;

            // libsndfile gives every format as double at full scale ±1, integers of up to 32 bits divided by their power of two, lossy
            // formats unclipped: just what a float64 WAV file holds. Asking for integers instead would clip lossy formats.
            WaveformBuilder builder = new(source, info.SampleRate, info.Channels, SampleEncoding.Float64, options);
            block = ArrayPool<double>.Shared.Rent(Math.Max(SamplesPerRead, info.Channels));
            long got;
            while ((got = library.ReadFrames(file, block, block.Length / info.Channels)) > 0)
            {
                callbacks.ThrowIfFailed();
                cancellation.ThrowIfCancellationRequested();
                builder.Append(MemoryMarshal.AsBytes(block.AsSpan(0, (int)got * info.Channels)));
            }
            callbacks.ThrowIfFailed();
            string? error = library.Error(file);
            if (builder.Length == 0 && (error is not null || info.Frames > 0))
                return error ?? "no samples could be decoded";
            waveform = builder.Build(Warnings(info, builder.Length, error));
            return null;
        }
        finally
        {
            if (file != 0)
                library.Close(file);
            state.Free();
            ArrayPool<double>.Shared.Return(block);
        }
    }

    private static List<string> Warnings(in SndfileLibrary.Info info, int frames, string? error)
    {
        List<string> warnings = [];
        if (error is not null)
            warnings.Add($"libsndfile stopped: {error}.");
        // The length of an MPEG file is a guess where it has no Xing header, and counts the encoder's delay and padding where it has one.
        bool isMpeg = (info.Format & SubtypeMask) is >= SubtypeMpegLayer1 and <= SubtypeMpegLayer3;
        long tolerated = isMpeg ? Math.Max(info.Frames / 20, 4 * 1152) : 0;
        if (info.Frames < SndfileLibrary.CountMax && info.Frames - frames > tolerated)
            warnings.Add(WavReader.TruncationWarning(frames, info.Frames, info.SampleRate));
        return warnings;
    }

    /// <summary>
    /// Gives libsndfile a .NET stream. Exceptions must not pass through its frames, so the first is kept and thrown again on the managed
    /// side.
    /// </summary>
    private sealed class StreamCallbacks(Stream stream)
    {
        private readonly long _start = stream.Position;
        private Exception? _failure;

        public static SndfileLibrary.VirtualIo Table => new()
        {
            Length = &Length,
            Seek = &Seek,
            Read = &Read,
            Write = &Write,
            Tell = &Tell,
        };

        public void ThrowIfFailed()
        {
            if (_failure is not null)
                throw new IOException(_failure.Message, _failure);
        }

        [UnmanagedCallersOnly]
        private static long Length(nint state) => Guard(state, static (callbacks, _, _) => callbacks.StreamLength);

        [UnmanagedCallersOnly]
        private static long Tell(nint state) => Guard(state, static (callbacks, _, _) => callbacks.Offset);

        [UnmanagedCallersOnly]
        private static long Seek(long offset, int whence, nint state) =>
            Guard(state, static (callbacks, offset, whence) => callbacks.SeekTo(offset, (int)whence), offset, whence);

        [UnmanagedCallersOnly]
        private static long Read(byte* into, long count, nint state) =>
            Guard(state, static (callbacks, into, count) => callbacks.ReadInto((byte*)into, count), (nint)into, count);

        [UnmanagedCallersOnly]
        private static long Write(byte* from, long count, nint state) => 0;

        private long StreamLength => stream.Length - _start;

        private long Offset => stream.Position - _start;

        private long SeekTo(long offset, int whence)
        {
            long from = whence switch { 0 => 0, 1 => Offset, _ => StreamLength };
            // A damaged header can send the library anywhere: before the start is refused, as lseek does.
            if (from + offset < 0)
                return -1;
            stream.Position = _start + from + offset;
            return Offset;
        }

        private long ReadInto(byte* into, long count)
        {
            Span<byte> bytes = new(into, (int)Math.Clamp(count, 0, int.MaxValue));
            return stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        }

        private static long Guard(nint state, Func<StreamCallbacks, long, long, long> action, long first = 0, long second = 0)
        {
            StreamCallbacks callbacks = (StreamCallbacks)GCHandle.FromIntPtr(state).Target!;
            try
            {
                return action(callbacks, first, second);
            }
            catch (Exception failure)
            {
                callbacks._failure ??= failure;
                return 0;
            }
        }
    }
}
