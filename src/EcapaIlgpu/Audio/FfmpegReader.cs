using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace EcapaIlgpu.Audio;

/// <summary>
/// Whatever an installed <c>ffmpeg</c> decodes, at the file's own rate, read from its standard output as float WAV: its header carries
/// the rate and the channels, which raw samples would not, and float keeps lossy formats unclipped and 16 and 24 bits exact.
/// </summary>
internal static class FfmpegReader
{
    private const int MostErrorText = 2000;

    /// <summary>The <c>ffmpeg</c> of the PATH, or null.</summary>
    public static string? Installed { get; } = FindOnPath(OperatingSystem.IsWindows() ? "ffmpeg.exe" : "ffmpeg");

    /// <summary>Reads the wanted channel.</summary>
    /// <param name="ffmpeg">The program's full path.</param>
    /// <param name="path">The file.</param>
    /// <param name="source">The file, for messages.</param>
    /// <param name="options">Channel and limits.</param>
    /// <param name="cancellation">Kills the process.</param>
    /// <param name="waveform">The sound, where the result is null.</param>
    /// <returns>Why ffmpeg cannot decode it, or null where it did.</returns>
    /// <exception cref="InputException">
    /// It took longer than <see cref="AudioOptions.DecoderTimeLimit"/>; or it can be decoded, but lacks the channel, or its samples are
    /// not usable.
    /// </exception>
    public static string? TryRead(
        string ffmpeg, string path, string source, AudioOptions options, CancellationToken cancellation, out Waveform? waveform)
    {
        waveform = null;
        using Process process = new() { StartInfo = Command(ffmpeg, path) };
        try
        {
            process.Start();
        }
        catch (Exception failure) when (failure is System.ComponentModel.Win32Exception or IOException)
        {
            return $"{ffmpeg} could not be started ({failure.Message})";
        }

        using CancellationTokenSource limit = new(options.DecoderTimeLimit);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        // Killing it closes the pipe, which is what ends a read that would wait for ever.
        using CancellationTokenRegistration killer = either.Token.Register(() => Kill(process));
        Task<string> errors = Task.Run(() => ReadErrors(process.StandardError.BaseStream), CancellationToken.None);
        InputException? unusable = null;
        bool decodes = false;
        try
        {
            process.StandardInput.Close();
            Stream output = process.StandardOutput.BaseStream;
            // Where ffmpeg can decode nothing it writes nothing, and says why on standard error.
            using RewindableStream peeked = new(output, source);
            decodes = peeked.Read(new byte[1]) > 0;
            if (decodes)
            {
                peeked.Rewind();
                WavHeader? header = WavHeader.TryRead(peeked, source);
                waveform = header is { Format.IsLinear: true }
                    ? WavReader.Read(peeked, header, source, options, either.Token)
                    : throw new InputException(source, $"{ffmpeg} did not write WAV as it was told to: is it ffmpeg?");
            }
        }
        catch (InputException problem)
        {
            unusable = problem;
        }
        catch (OperationCanceledException)
        {
            // Told apart below.
        }
        finally
        {
            if (decodes && waveform is null)
                Kill(process);
            process.WaitForExit();
        }

        cancellation.ThrowIfCancellationRequested();
        if (limit.IsCancellationRequested)
        {
            throw new InputException(source, string.Create(CultureInfo.InvariantCulture,
                $"ffmpeg was stopped after {options.DecoderTimeLimit.TotalSeconds:0.###} s without finishing: ")
                + "the file is damaged, or needs a longer decoder time limit.");
        }
        if (unusable is not null)
            throw unusable;
        string said = errors.GetAwaiter().GetResult();
        if (waveform is null)
            return Reason(said, process.ExitCode);
        if (said.Length > 0 || process.ExitCode != 0)
            waveform = waveform with { Warnings = [.. waveform.Warnings, $"ffmpeg: {Reason(said, process.ExitCode)}."] };
        return null;
    }

    private static ProcessStartInfo Command(string ffmpeg, string path) => new(ffmpeg)
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        UseShellExecute = false,
        CreateNoWindow = true,
        ArgumentList =
        {
            "-nostdin", "-hide_banner", "-v", "error",
            // A playlist must not make it fetch anything from elsewhere.
            "-protocol_whitelist", "file,pipe",
            // With the protocol in front, a name that begins with '-' or looks like an address is still a file's name.
            "-i", $"file:{Path.GetFullPath(path)}",
            "-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1",
        },
    };

    private static string? FindOnPath(string program)
    {
        // Process.Start would look in the current folder first, where anybody's "ffmpeg" may lie beside the audio.
        string path = Environment.GetEnvironmentVariable("PATH") ?? "";
        foreach (string folder in path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            if (Path.IsPathFullyQualified(folder) && Path.Combine(folder, program) is string candidate && File.Exists(candidate))
                return candidate;
        }
        return null;
    }

    private static string Reason(string said, int exitCode) => said.Length > 0
        ? said
        : string.Create(CultureInfo.InvariantCulture, $"ended with exit code {exitCode} and no message");

    /// <summary>Reads to the end, lest a full pipe stop the process, and keeps the beginning.</summary>
    private static string ReadErrors(Stream errors)
    {
        byte[] kept = new byte[MostErrorText];
        int length = errors.ReadAtLeast(kept, kept.Length, throwOnEndOfStream: false);
        byte[] passed = new byte[4096];
        while (errors.Read(passed) > 0)
        {
        }
        string text = Encoding.UTF8.GetString(kept, 0, length);
        return string.Join("; ", text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception failure) when (failure is InvalidOperationException or System.ComponentModel.Win32Exception or AggregateException)
        {
            // It has ended by itself.
        }
    }
}
