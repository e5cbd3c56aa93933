using System.Collections.Frozen;

namespace EcapaIlgpu.Audio;

/// <summary>
/// Sound from files and streams. WAV is read by this library itself; everything else, and WAV files that hold a codec, by libsndfile
/// where it is installed, else by the <c>ffmpeg</c> of the PATH. What a file is follows from its content, never from its name. All
/// methods may be called from several threads at once.
/// </summary>
public static class AudioFile
{
    /// <summary>The path that stands for standard input.</summary>
    public const string StandardInput = "-";

    // Building filters for a pair of rates takes longer than resampling a short file, and a collection is mostly of one rate.
    private static volatile Resampler? _lastResampler;

    /// <summary>
    /// The endings of file names, with the dot and in any case, that a folder is searched for. A file given by name may have any other.
    /// </summary>
    public static IReadOnlySet<string> Extensions { get; } = new[]
    {
        ".wav", ".wave", ".rf64", ".bw64", ".bwf", ".w64", ".flac", ".mp3", ".mp2", ".ogg", ".oga", ".opus", ".spx",
        ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".sph", ".m4a", ".m4b", ".aac", ".ac3",
        ".wma", ".amr", ".mka", ".weba", ".ape", ".wv", ".tta",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads one channel of a file, at <see cref="AudioOptions.SampleRate"/> and int16 scale.</summary>
    /// <param name="path">The file; <see cref="StandardInput"/> reads standard input. Pipes and devices work too.</param>
    /// <param name="options">Channel, rate and limits; null for the defaults.</param>
    /// <param name="cancellation">Stops reading, decoding and resampling.</param>
    /// <exception cref="InputException">The file cannot be opened, is not audio, or cannot be used.</exception>
    public static Waveform Read(string path, AudioOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (path == StandardInput)
        {
            if (Audio.StandardInput.IsClosed)
                throw new InputException("standard input", "is closed: nothing can be read from it.");
            using Stream input = Audio.StandardInput.Open();
            return Read(input, "standard input", options, cancellation);
        }
        using FileStream file = Open(path);
        return Read(file, path, options, InstalledDecoders.Here, cancellation);
    }

    /// <summary>As <see cref="Read(string, AudioOptions?, CancellationToken)"/>, from a stream.</summary>
    /// <param name="stream">
    /// At the start of the file, and left anywhere; stays the caller's. One that cannot seek is decoded as it comes where it is linear
    /// WAV, and is otherwise copied into a temporary file first.
    /// </param>
    /// <param name="name">What messages call it.</param>
    /// <param name="options">Channel, rate and limits; null for the defaults.</param>
    /// <param name="cancellation">Stops reading, decoding and resampling.</param>
    /// <exception cref="InputException">The stream fails, is not audio, or cannot be used.</exception>
    public static Waveform Read(Stream stream, string name, AudioOptions? options = null, CancellationToken cancellation = default) =>
        Read(stream, name, options, InstalledDecoders.Here, cancellation);

    internal static Waveform Read(
        Stream stream, string name, AudioOptions? options, InstalledDecoders decoders, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(name);
        options ??= new();
        Resampler.CheckRate(options.SampleRate, nameof(options));
        try
        {
            Waveform decoded = stream.CanSeek
                ? DecodeSeekable(stream, name, options, decoders, cancellation)
                : DecodeForward(stream, name, options, decoders, cancellation);
            return AtRate(decoded, options.SampleRate, cancellation);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new InputException(name, $"cannot be read: {failure.Message}", failure);
        }
        catch (OutOfMemoryException failure)
        {
            throw new InputException(name, "is too long for this machine's memory: split it.", failure);
        }
    }

    private static FileStream Open(string path)
    {
        try
        {
            FileShare share = FileShare.ReadWrite | FileShare.Delete;
            return new FileStream(path, FileMode.Open, FileAccess.Read, share, bufferSize: 4096, FileOptions.SequentialScan);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException(path, "no such file.", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            string problem = Directory.Exists(path) ? "is a folder: expected a file." : $"cannot be opened: {failure.Message}";
            throw new InputException(path, problem, failure);
        }
    }

    private static Waveform DecodeForward(
        Stream stream, string name, AudioOptions options, InstalledDecoders decoders, CancellationToken cancellation)
    {
        using RewindableStream rewindable = new(stream, name);
        if (WavHeader.TryRead(rewindable, name) is { Format.IsLinear: true } header)
        {
            rewindable.Forget();
            return WavReader.Read(rewindable, header, name, options, cancellation);
        }
        rewindable.Rewind();
        using SpooledFile spooled = SpooledFile.CopyOf(rewindable, cancellation);
        return DecodeSeekable(spooled.Stream, name, options, decoders, cancellation);
    }

    private static Waveform DecodeSeekable(
        Stream stream, string name, AudioOptions options, InstalledDecoders decoders, CancellationToken cancellation)
    {
        long start = stream.Position;
        WavHeader? header = WavHeader.TryRead(stream, name);
        if (header is { Format.IsLinear: true })
            return WavReader.Read(stream, header, name, options, cancellation);
        string what = header is null ? "is not a WAV file" : $"is a WAV file that holds {header.Format!.Value.Description}";
        stream.Position = start;
        return decoders.Read(stream, name, what, options, cancellation);
    }

    private static Waveform AtRate(Waveform waveform, int rate, CancellationToken cancellation)
    {
        if (waveform.SampleRate == rate)
            return waveform;
        Resampler? resampler = _lastResampler;
        if (resampler is null || resampler.FromRate != waveform.SampleRate || resampler.ToRate != rate)
            _lastResampler = resampler = new(waveform.SampleRate, rate);
        return new(resampler.Resample(waveform.Samples.Span, cancellation), rate) { Warnings = waveform.Warnings };
    }
}
