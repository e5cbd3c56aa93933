using System.Diagnostics;
using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Tests.Audio;

/// <summary>Makes files of foreign formats with ffmpeg.</summary>
internal static class Encoder
{
    public static void Encode(string from, string to, params string[] arguments)
    {
        string[] all = ["-nostdin", "-y", "-v", "error", "-i", from, .. arguments, $"file:{to}"];
        using Process process = Process.Start(new ProcessStartInfo(FfmpegReader.Installed!, all))!;
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
