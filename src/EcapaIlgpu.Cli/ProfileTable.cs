using System.Globalization;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels.Profiling;

namespace EcapaIlgpu.Cli;

/// <summary>A profile for people: what was measured on what, then a line for each kernel.</summary>
internal static class ProfileTable
{
    private static readonly string[] Heading = ["kernel", "launches", "ms", "share", "GFLOP/s", "of ceiling", "GB/s", "of ceiling"];

    public static void Print(CliConsole console, NetworkProfile profile)
    {
        DeviceCeilings ceilings = profile.Ceilings;
        (double least, double most) = profile.RunSecondsRange;
        (string Label, string Value)[] facts =
        [
            ("device", $"{profile.Selector} ({profile.DeviceName}, {profile.Precision.Name()})"),
            ("model", Invariant($"{profile.Model}, {profile.Channels} channels")),
            ("batch", $"{profile.BatchText}, from samples to embeddings"),
            ("ceilings", $"{Rate(ceilings.OperationsPerSecond)} GFLOP/s (multiply-add probe), {Rate(ceilings.BytesPerSecond)} GB/s (copy probe)"),
            ("run", $"{Milliseconds(profile.RunSeconds)} ms ({Milliseconds(least)} to {Milliseconds(most)}), of which kernels {Milliseconds(profile.Total.Seconds)} ms"),
            ("runs", Invariant($"medians of {profile.Runs}, after {NetworkProfiler.WarmUpRuns} to warm up")),
            ("profiling", Invariant($"costs {profile.Overhead * 100:+0.0;-0.0} %: {Milliseconds(profile.ProfiledRunSeconds)} ms a run with markers around each launch")),
        ];
        PrintFacts(console, facts);
        console.Text.WriteLine();

        string[][] lines = [Heading, .. profile.Kernels.Append(profile.Total).Select(kernel => Cells(kernel, ceilings))];
        int[] widths = [.. Heading.Select((_, column) => lines.Max(line => line[column].Length))];
        foreach (string[] line in lines)
            console.WriteText(line[0].PadRight(widths[0]), string.Concat(Enumerable.Range(1, line.Length - 1).Select(i => $"  {line[i].PadLeft(widths[i])}")));
    }

    /// <summary>What one utterance alone takes.</summary>
    public static void Print(CliConsole console, UtteranceLatency latency) => PrintFacts(
        console,
        [
            ("utterance", Invariant($"{latency.Frames} frames, from 16-bit samples to its embedding")),
            ("median", $"{Milliseconds(latency.MedianSeconds)} ms"),
            ("least", $"{Milliseconds(latency.LeastSeconds)} ms"),
            ("95 %", $"{Milliseconds(latency.Percentile95Seconds)} ms"),
            ("runs", Invariant($"{latency.Runs}, after {UtteranceLatency.WarmUpRuns} to warm up")),
        ]);

    private static void PrintFacts(CliConsole console, (string Label, string Value)[] facts)
    {
        int label = facts.Max(fact => fact.Label.Length);
        foreach ((string name, string value) in facts)
            console.WriteText(name.PadRight(label), $"  {value}");
    }

    private static string[] Cells(KernelProfile kernel, DeviceCeilings ceilings) =>
    [
        kernel.Name, kernel.Launches.ToString(CultureInfo.InvariantCulture), Milliseconds(kernel.Seconds), Percent(kernel.Share), Rate(kernel.OperationsPerSecond),
        Percent(kernel.OperationsPerSecond / ceilings.OperationsPerSecond), Rate(kernel.BytesPerSecond), Percent(kernel.BytesPerSecond / ceilings.BytesPerSecond),
    ];

    private static string Milliseconds(double seconds) => Invariant($"{seconds * 1e3:#,0.000}");

    private static string Percent(double share) => Invariant($"{share * 100:0.0} %");

    private static string Rate(double perSecond) => Invariant($"{perSecond / 1e9:#,0.0}");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
