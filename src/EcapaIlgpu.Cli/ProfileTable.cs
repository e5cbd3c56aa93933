using System.Globalization;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels.Profiling;

namespace EcapaIlgpu.Cli;

/// <summary>A profile for people: what was measured on what, then a line for each kernel.</summary>
internal static class ProfileTable
{
    private static readonly string[] Heading =
        ["kernel", "launches", "ms", "share", "GFLOP/s", "of ceiling", "which is", "GB/s", "of ceiling"];

    public static void Print(CliConsole console, NetworkProfile profile)
    {
        DeviceCeilings ceilings = profile.Ceilings;
        (double least, double most) = profile.RunSecondsRange;
        (string Label, string Value)[] facts =
        [
            ("device", $"{profile.Selector} ({profile.DeviceName}, {profile.Precision.Name()})"),
            ("model", Invariant($"{profile.Model}, {profile.Channels} channels")),
            ("batch", $"{profile.BatchText}, from samples to embeddings"),
            ("ceilings",
                $"{Rate(ceilings.OperationsPerSecond)} GFLOP/s in fp32 (multiply-adds), {Rate(ceilings.BytesPerSecond)} GB/s (copy)"),
            .. TensorCeilings(profile),
            ("run",
                $"{Milliseconds(profile.RunSeconds)} ms ({Milliseconds(least)} to {Milliseconds(most)}), "
                + $"of which kernels {Milliseconds(profile.Total.Seconds)} ms"),
            ("runs", Invariant($"medians of {profile.Runs}, after {NetworkProfiler.WarmUpRuns} to warm up")),
            .. Graph(profile),
            ("profiling",
                Invariant($"costs {profile.Overhead * 100:+0.0;-0.0} %: ")
                + $"{Milliseconds(profile.ProfiledRunSeconds)} ms a run with markers around each launch"),
        ];
        PrintFacts(console, facts);
        console.Text.WriteLine();

        string[][] lines =
        [
            Heading,
            .. profile.Kernels.Select(kernel => Cells(kernel, ceilings.Of(kernel.Multiplied), ceilings.BytesPerSecond)),
            Cells(profile.Total, profile.TotalCeiling, ceilings.BytesPerSecond),
        ];
        int[] widths = [.. Heading.Select((_, column) => lines.Max(line => line[column].Length))];
        foreach (string[] line in lines)
        {
            IEnumerable<string> numbers = Enumerable.Range(1, line.Length - 1).Select(i => $"  {line[i].PadLeft(widths[i])}");
            console.WriteText(line[0].PadRight(widths[0]), string.Concat(numbers));
        }
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

    /// <summary>What tensor cores do, where kernels ran on them.</summary>
    private static IEnumerable<(string Label, string Value)> TensorCeilings(NetworkProfile profile)
    {
        if (profile.Ceilings.TensorOperationsPerSecond.Count == 0)
            yield break;
        string rates = string.Join(
            ", ", profile.Ceilings.TensorOperationsPerSecond.Select(rate => $"{Rate(rate.Value)} GFLOP/s in {rate.Key.Name()}"));
        bool splits = profile.Kernels.Any(kernel => kernel.Multiplied == Precision.Tf32x3);
        yield return ("", $"{rates} (tensor cores){(splits ? "; 3xtf32 multiplies three times: a third of tf32" : "")}");
    }

    /// <summary>How long the engine itself takes, where that is not by launches.</summary>
    private static IEnumerable<(string Label, string Value)> Graph(NetworkProfile profile)
    {
        if (profile.GraphRunSeconds is (double least, double median, double most))
        {
            string times = $"{Milliseconds(median)} ms ({Milliseconds(least)} to {Milliseconds(most)})";
            yield return ("graph", $"{times} by a captured graph, as the engine runs it");
        }
    }

    private static string[] Cells(KernelProfile kernel, OperationsCeiling ceiling, double bytesPerSecond) =>
    [
        kernel.Name, kernel.Launches.ToString(CultureInfo.InvariantCulture), Milliseconds(kernel.Seconds), Percent(kernel.Share),
        Rate(kernel.OperationsPerSecond), Percent(kernel.OperationsPerSecond / ceiling.PerSecond), ceiling.Name,
        Rate(kernel.BytesPerSecond), Percent(kernel.BytesPerSecond / bytesPerSecond),
    ];

    private static string Milliseconds(double seconds) => Invariant($"{seconds * 1e3:#,0.000}");

    private static string Percent(double share) => Invariant($"{share * 100:0.0} %");

    private static string Rate(double perSecond) => Invariant($"{perSecond / 1e9:#,0.0}");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
