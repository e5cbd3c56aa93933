using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Tests;

/// <summary>The reference set: recordings, full-size models and their goldens.</summary>
internal sealed class ReferenceSet() : Need(
    static () => Directory.Exists(TestFiles.ReferenceRoot) ? null : "The reference set is not at ../shared/reference beside the repository",
    "It is 60 MB of recordings (LibriSpeech's), models and goldens, and stays outside the repository; tests/testdata has the small ones",
    "put the folder of that name, which this project's own machines have, there");

/// <summary>The library that reads FLAC, Ogg and the rest.</summary>
internal sealed class Libsndfile() : Need(
    static () => SndfileLibrary.Installed is null ? "libsndfile is not on this machine" : null,
    "It is the system's, loaded where it is installed",
    "install it (libsndfile1 in Debian and Ubuntu, libsndfile elsewhere)");

/// <summary>The program that reads and writes nearly everything.</summary>
internal sealed class Ffmpeg() : Need(
    static () => FfmpegReader.Installed is null ? "ffmpeg is not on this machine" : null,
    "It is the system's, started where it is installed",
    "install ffmpeg");

/// <summary>Something that reads FLAC.</summary>
internal sealed class FlacDecoder() : Need(
    static () =>
        SndfileLibrary.Installed is null && FfmpegReader.Installed is null ? "Neither libsndfile nor ffmpeg is on this machine" : null,
    "They are the system's, used where they are installed",
    "install either");

/// <summary>Signals, scripts and limits as Unix has them.</summary>
internal sealed class Unix() : Need(
    static () => OperatingSystem.IsWindows() ? "Windows has no Unix shell, nor its signals and limits" : null,
    "They are the operating system's",
    "run the tests on Linux or macOS");

/// <summary>A device on which every write meets a full disk.</summary>
internal sealed class FullDevice() : Need(
    static () => File.Exists(Name) ? null : $"There is no {Name}",
    "It is the operating system's",
    "run the tests on Linux")
{
    public const string Name = "/dev/full";
}
