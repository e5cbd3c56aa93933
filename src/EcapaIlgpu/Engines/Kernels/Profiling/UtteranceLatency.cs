using System.Diagnostics;
using EcapaIlgpu.Engines.Kernels.Checking;
using EcapaIlgpu.Features;

namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <summary>
/// How long a warm engine takes for one utterance that it gets alone: 16-bit samples in memory to embedding in memory, copies and waiting
/// included.
/// </summary>
/// <param name="Date">When the first run began.</param>
/// <param name="Frames">Frames of the utterance.</param>
/// <param name="Runs">Runs that count.</param>
/// <param name="LeastSeconds">The fastest run.</param>
/// <param name="MedianSeconds">The median.</param>
/// <param name="Percentile95Seconds">What 95 runs of 100 do not exceed.</param>
internal sealed record UtteranceLatency(
    DateTimeOffset Date, int Frames, int Runs, double LeastSeconds, double MedianSeconds, double Percentile95Seconds)
{
    /// <summary>
    /// Runs that do not count: the first compiles kernels, takes memory and captures a graph, the others find clocks and caches as all
    /// later ones do.
    /// </summary>
    public const int WarmUpRuns = 5;

    /// <summary>Frames of 3 s of speech.</summary>
    public const int DefaultFrames = 298;

    /// <summary>Measures an engine.</summary>
    /// <param name="engine">The engine; nothing else may use it meanwhile.</param>
    /// <param name="frames">Frames of the utterance, which is noise: kernels take the same time whatever is said.</param>
    /// <param name="runs">Runs that count; at least 1.</param>
    /// <param name="cancellation">Stops between runs.</param>
    /// <exception cref="InputException">The utterance does not fit the device's memory.</exception>
    /// <exception cref="OverflowException">More than 2^31 samples.</exception>
    public static UtteranceLatency Measure(IWaveformEngine engine, int frames, int runs, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(runs);
        int count = checked(Fbank.FrameLength + ((frames - 1) * Fbank.FrameShift));
        short[] samples = Array.ConvertAll(RandomModels.Normal(new Random(1), count, 1000), value => (short)value);
        float[] embedding = new float[engine.Config.EmbeddingSize];
        int[] offsets = [0, count];
        double[] seconds = new double[runs];
        DateTimeOffset date = DateTimeOffset.UtcNow;
        for (int run = -WarmUpRuns; run < runs; run++)
        {
            long start = Stopwatch.GetTimestamp();
            engine.EmbedSamples(samples, offsets, embedding, cancellation);
            if (run >= 0)
                seconds[run] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        Array.Sort(seconds);
        double median = (seconds[(runs - 1) / 2] + seconds[runs / 2]) / 2;
        return new UtteranceLatency(date, frames, runs, seconds[0], median, seconds[(int)Math.Ceiling(0.95 * runs) - 1]);
    }
}
