namespace EcapaIlgpu.Audio;

/// <summary>The decoders for what is not linear WAV that this machine has.</summary>
/// <param name="Sndfile">libsndfile, asked first: it decodes in this process.</param>
/// <param name="Ffmpeg">
/// The full path of an <c>ffmpeg</c>, asked where there is no libsndfile or it does not know the format (AAC, say).
/// </param>
internal sealed record InstalledDecoders(SndfileLibrary? Sndfile, string? Ffmpeg)
{
    /// <summary>What is found on this machine.</summary>
    public static InstalledDecoders Here { get; } = new(SndfileLibrary.Installed, FfmpegReader.Installed);

    /// <summary>Decodes with the first that can.</summary>
    /// <param name="stream">A stream that can seek, at the start of the file.</param>
    /// <param name="source">The file, for messages.</param>
    /// <param name="what">What is known about it: "is not a WAV file".</param>
    /// <param name="options">Channel and limits.</param>
    /// <param name="cancellation">Stops decoding.</param>
    /// <exception cref="InputException">None can, and why; or the sound cannot be used.</exception>
    public Waveform Read(Stream stream, string source, string what, AudioOptions options, CancellationToken cancellation)
    {
        if (Sndfile is null && Ffmpeg is null)
        {
            throw new InputException(source, $"{what}, and reading other formats takes libsndfile or ffmpeg, neither of which was found. "
                + "Install one: `apt install libsndfile1`, `dnf install libsndfile`, `brew install libsndfile`, on Windows sndfile.dll "
                + "beside the program; or an ffmpeg on the PATH.");
        }
        long start = stream.Position;
        string sndfileSays = "not installed";
        if (Sndfile is not null)
        {
            if (SndfileReader.TryRead(Sndfile, stream, source, options, cancellation, out Waveform? waveform) is not { } reason)
                return waveform!;
            sndfileSays = reason;
        }
        string ffmpegSays = "not on the PATH";
        if (Ffmpeg is not null)
        {
            stream.Position = start;
            if (ReadWithFfmpeg(stream, source, options, cancellation, out Waveform? waveform) is not { } reason)
                return waveform!;
            ffmpegSays = reason;
        }
        throw new InputException(source, $"{what} and could not be decoded as audio (libsndfile: {sndfileSays}; ffmpeg: {ffmpegSays}).");
    }

    private string? ReadWithFfmpeg(
        Stream stream, string source, AudioOptions options, CancellationToken cancellation, out Waveform? waveform)
    {
        if (stream is FileStream { Position: 0 } file && File.Exists(file.Name))
            return FfmpegReader.TryRead(Ffmpeg!, file.Name, source, options, cancellation, out waveform);
        using SpooledFile spooled = SpooledFile.CopyOf(stream, cancellation);
        return FfmpegReader.TryRead(Ffmpeg!, spooled.Path, source, options, cancellation, out waveform);
    }
}
