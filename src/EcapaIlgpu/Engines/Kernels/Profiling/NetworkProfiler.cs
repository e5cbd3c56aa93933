using System.Diagnostics;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <summary>Runs a network on a device and says where the time goes.</summary>
internal static class NetworkProfiler
{
    /// <summary>
    /// Runs that do not count: the first compiles kernels and takes memory, the second finds caches and clocks as all later ones do.
    /// </summary>
    public const int WarmUpRuns = 2;

    /// <summary>
    /// Profiles a device: whole forwards from samples to embeddings with and without markers in turn, both by launches; then by graph where
    /// the engine replays one; and the ceilings of what these runs compute.
    /// </summary>
    /// <param name="session">The open device.</param>
    /// <param name="selector">What <c>--device</c> takes for it.</param>
    /// <param name="precision">With how many bits; one that the device can.</param>
    /// <param name="model">The network; reads <see cref="Features.Fbank.MelBins"/> numbers a frame.</param>
    /// <param name="source">What the network is called.</param>
    /// <param name="batch">The utterances.</param>
    /// <param name="runs">Runs of each kind that count; at least 1.</param>
    /// <param name="ceilings">The device's ceilings; null to measure them.</param>
    /// <param name="cancellation">Stops between runs.</param>
    /// <exception cref="InputException">An utterance does not fit the device's memory.</exception>
    public static NetworkProfile Profile(
        DeviceSession session, string selector, Precision precision, EcapaWeights model, string source, SampleBatch batch, int runs,
        DeviceCeilings? ceilings = null,
        CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(runs);
        DateTimeOffset date = DateTimeOffset.UtcNow;
        using KernelEngine engine = new(model, session.Accelerator, precision) { UsesGraphs = false };
        using LaunchTimer timer = new(engine.Stream);
        float[] embeddings = new float[batch.Count * model.Config.EmbeddingSize];
        double Run(ILaunchObserver? observer)
        {
            engine.Observer = observer;
            long start = Stopwatch.GetTimestamp();
            engine.EmbedSamples(batch.Samples, batch.Offsets, embeddings, cancellation);
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        for (int i = 0; i < WarmUpRuns; i++)
            Run(timer);
        IReadOnlyList<LaunchTime> warm = timer.Read();
        ceilings ??= DeviceCeilings.Measure(session.Accelerator, warm.Select(launch => launch.Cost.Multiplied));
        double[] plain = new double[runs], profiled = new double[runs];
        IReadOnlyList<LaunchTime>[] launches = new IReadOnlyList<LaunchTime>[runs];
        // In turn, so that a device that grows warm or busy slows both kinds alike.
        for (int i = 0; i < runs; i++)
        {
            plain[i] = Run(null);
            profiled[i] = Run(timer);
            launches[i] = timer.Read();
        }
        double[] graph = batch.Count == 1 ? GraphRuns(engine, () => Run(null), runs) : [];
        return new NetworkProfile
        {
            Selector = selector,
            DeviceName = session.Accelerator.Name,
            Date = date,
            Precision = precision,
            Model = source,
            Channels = model.Config.Channels,
            Utterances = batch.Count,
            Frames = batch.Frames,
            Runs = runs,
            Ceilings = ceilings,
            Kernels = Summarise(launches),
            Launches = launches.OrderBy(TotalSeconds).ElementAt((runs - 1) / 2),
            RunSeconds = Median(plain),
            RunSecondsRange = (plain.Min(), plain.Max()),
            ProfiledRunSeconds = Median(profiled),
            GraphRunSeconds = graph.Length > 0 ? (graph.Min(), Median(graph), graph.Max()) : null,
        };
    }

    /// <summary>Times runs that replay a graph; none where the engine launches all the same.</summary>
    private static double[] GraphRuns(KernelEngine engine, Func<double> run, int runs)
    {
        engine.UsesGraphs = true;
        // The first captures the graph and the second shows whether there is one: short utterances on CUDA have.
        run();
        int before = engine.GraphRuns;
        run();
        return engine.GraphRuns > before ? [.. Enumerable.Range(0, runs).Select(_ => run())] : [];
    }

    /// <summary>The launches of several runs of the same batch, joined by kernel.</summary>
    internal static IReadOnlyList<KernelProfile> Summarise(IReadOnlyList<IReadOnlyList<LaunchTime>> runs)
    {
        KernelProfile[] kernels =
        [
            .. runs[0].GroupBy(Key).Select(launches => new KernelProfile(
                launches.Key.Kernel, launches.Count(),
                Median(runs.Select(run => TotalSeconds(run.Where(launch => Key(launch) == launches.Key)))), 0,
                launches.Sum(launch => launch.Cost.Operations), launches.Sum(launch => launch.Cost.Bytes), launches.Key.Multiplied)),
        ];
        static (string Kernel, Precision Multiplied) Key(LaunchTime launch) => (launch.Cost.Kernel, launch.Cost.Multiplied);
        double total = kernels.Sum(kernel => kernel.Seconds);
        return [.. kernels.OrderByDescending(kernel => kernel.Seconds).Select(kernel => kernel with { Share = total > 0 ? kernel.Seconds / total : 1.0 / kernels.Length })];
    }

    private static double TotalSeconds(IEnumerable<LaunchTime> launches) => launches.Sum(launch => launch.Duration.TotalSeconds);

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
