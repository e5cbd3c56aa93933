using System.Diagnostics;
using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Tests.Audio;

/// <summary>A test that needs decoders or encoders of this machine, and is skipped with the reason where one is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NeedsFactAttribute : FactAttribute
{
    public NeedsFactAttribute(params string[] tools) => Skip = Tools.MissingReason(tools);
}

/// <summary>As <see cref="NeedsFactAttribute"/>, for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NeedsTheoryAttribute : TheoryAttribute
{
    public NeedsTheoryAttribute(params string[] tools) => Skip = Tools.MissingReason(tools);
}

/// <summary>What the audio tests borrow from this machine.</summary>
internal static class Tools
{
    public const string Libsndfile = "libsndfile";
    public const string Ffmpeg = "ffmpeg";
    public const string UnixShell = "a Unix shell";
    public const string ReferenceSet = "the reference set";

    public static string? MissingReason(params string[] tools)
    {
        foreach (string tool in tools)
        {
            bool here = tool switch
            {
                Libsndfile => SndfileLibrary.Installed is not null,
                Ffmpeg => FfmpegReader.Installed is not null,
                UnixShell => !OperatingSystem.IsWindows(),
                ReferenceSet => EcapaIlgpu.Tests.ReferenceSet.MissingReason is null,
                _ => throw new ArgumentException(tool),
            };
            if (!here)
                return $"{tool} is not on this machine";
        }
        return null;
    }

    /// <summary>Encodes with ffmpeg.</summary>
    public static void Encode(string from, string to, params string[] arguments)
    {
        string[] all = ["-nostdin", "-y", "-v", "error", "-i", from, .. arguments, $"file:{to}"];
        using Process process = Process.Start(new ProcessStartInfo(FfmpegReader.Installed!, all))!;
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}

/// <summary>A folder that goes with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Path = Directory.CreateTempSubdirectory("ecapa-audio-").FullName;

    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(this[name], bytes);
        return this[name];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
