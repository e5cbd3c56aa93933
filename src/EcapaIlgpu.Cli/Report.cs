using EcapaIlgpu.Audio;
using EcapaIlgpu.Extraction;

namespace EcapaIlgpu.Cli;

/// <summary>What people are told about a file.</summary>
internal static class Report
{
    /// <summary>Names a failed file with its reason; warnings too, unless quiet.</summary>
    public static void Problems(CliConsole console, ExtractionResult result, bool quiet)
    {
        if (result.Error is { } error)
            console.Complain("failed", result.Name == result.Input.Path ? error.Message : $"{result.Name}: {error.Message}");
        if (quiet)
            return;
        foreach (string warning in result.Warnings)
            console.Complain("warning", $"{(result.Name == AudioFile.StandardInput ? "standard input" : result.Name)}: {warning}");
    }
}
