using System.Globalization;
using System.Text.Json;
using EcapaIlgpu.Audio;
using EcapaIlgpu.Extraction;

namespace EcapaIlgpu.Cli;

/// <summary>What people are told about a run: its files, its devices, where its time went.</summary>
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

    /// <summary>Names a device that failed while others go on.</summary>
    public static void Loss(CliConsole console, EngineLoss loss)
    {
        // The last one ends the command with an error.
        if (loss.EnginesLeft == 0)
            return;
        string others = loss.EnginesLeft == 1 ? "the one device left" : $"the {loss.EnginesLeft} devices left";
        console.Complain(
            "warning", $"{loss.Engine.Description} failed and is not used any more ({loss.Failure.Message}); its work goes to {others}");
    }

    /// <summary>How busy each stage was and which one holds the others back.</summary>
    public static void Stages(CliConsole console, ExtractionStatistics statistics)
    {
        IReadOnlyList<StageLoad> loads = statistics.Loads;
        StageLoad? slowest = ExtractionStatistics.Slowest(loads);
        console.Say($"{"stage",-10}{"threads",7}{"busy",9}{"audio s per s",16}");
        foreach (StageLoad load in loads)
        {
            string mark = load == slowest ? "  holds the others back" : "";
            console.Say(string.Create(
                CultureInfo.InvariantCulture, $"{Name(load.Stage),-10}{load.Threads,7}{load.Busy,8:0.0 %}{load.Speed,16:#,0}{mark}"));
        }
    }

    /// <summary>Writes the same as JSON.</summary>
    /// <exception cref="InputException">The file cannot be written.</exception>
    public static void WriteStages(string path, ExtractionStatistics statistics, ExtractionProgress progress)
    {
        IReadOnlyList<StageLoad> loads = statistics.Loads;
        using OutputFile file = OutputFile.Create(path);
        file.Write(JsonSerializer.SerializeToUtf8Bytes(new
        {
            seconds = Math.Round(statistics.Elapsed.TotalSeconds, 3),
            done = progress.Done - progress.Failed,
            failed = progress.Failed,
            audio_seconds = Math.Round(progress.Audio.TotalSeconds, 3),
            slowest = ExtractionStatistics.Slowest(loads) is { } slowest ? Name(slowest.Stage) : null,
            stages = loads.Select(load => new
            {
                stage = Name(load.Stage),
                threads = load.Threads,
                busy = Math.Round(load.Busy, 4),
                audio_s_per_s = double.IsFinite(load.Speed) ? Math.Round(load.Speed, 1) : (double?)null,
            }),
        }));
        file.MarkWhole();
        file.Commit();
    }

    private static string Name(ExtractionStage stage) => stage.ToString().ToLowerInvariant();
}
