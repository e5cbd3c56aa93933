using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Engines.Kernels.Checking;
using EcapaIlgpu.Engines.Simd;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Bench;

/// <summary>
/// Times whole batches through random GLOB networks and prints one JSON line per case with the fields of the peer script
/// (<c>peer, mode, model, batch, frames, ms, audio_s_per_s, tflops</c>; 10 ms of audio per frame, operations by the definition of the
/// network), what it started from as <c>input</c>, and on the vector engine two more: <c>peak_tflops</c>, probed just before the case, and
/// <c>share_of_peak</c> of the operations really executed. Both sides of the share are the fastest of many short runs, so that it says what
/// the code leaves unused and not what the machine's other users took; <c>ms</c> is the median, as the peer's. The peak of other devices is
/// <c>ecapa profile</c>'s matter.
/// </summary>
internal static class CaseHarness
{
    /// <summary>As the peer: three calls to warm up, then the median of at least five within the time given.</summary>
    private const int WarmUpCalls = 3;

    private const int LeastCalls = 5;

    private const int MostCalls = 500;

    private static readonly TimeSpan PeakDuration = TimeSpan.FromMilliseconds(250);

    /// <summary>Without the commit behind the plus sign.</summary>
    private static string? Version => typeof(SimdEngine).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];

    /// <param name="device">Where to compute.</param>
    /// <param name="precision">With how many bits; null to leave it to the device.</param>
    /// <param name="threads">Threads; 0 for every core.</param>
    /// <param name="inputs">What the cases start from: <see cref="CaseWorkload.Inputs"/>.</param>
    /// <param name="channels">Widths of the networks.</param>
    /// <param name="cases">The batches.</param>
    /// <param name="duration">How long each case is repeated.</param>
    /// <param name="output">Receives the lines.</param>
    public static void Run(
        string device, Precision? precision, int threads, IReadOnlyList<string> inputs, IReadOnlyList<int> channels,
        IReadOnlyList<BatchCase> cases, TimeSpan duration, TextWriter output)
    {
        int used = threads > 0 ? threads : Environment.ProcessorCount;
        foreach (int count in channels)
        {
            EcapaWeights weights = RandomModels.Create(new EcapaConfig { Channels = count, GlobalContext = true }, seed: 1);
            using IEmbeddingEngine engine = DeviceSelector.CreateEngine(weights, device, used, precision);
            string peer = $"EcapaIlgpu {Version} {engine.Description}";
            foreach ((string input, BatchCase batchCase) in inputs.SelectMany(input => cases.Select(batchCase => (input, batchCase))))
            {
                using CaseWorkload workload = CaseWorkload.Create(input, batchCase, engine, used);
                double? peak = engine is SimdEngine ? Peak.Measure(used, PeakDuration) : null;
                (double seconds, double fastest) = Time(workload.Run, duration);
                bool mixed = batchCase.Lengths.Distinct().Count() > 1;
                output.WriteLine(JsonSerializer.Serialize(new
                {
                    peer,
                    mode = engine.Precision.Name() + (mixed ? " packed" : ""),
                    input,
                    model = $"GLOB_c{count}",
                    batch = batchCase.Lengths.Count,
                    frames = mixed ? (object)"100..1600" : batchCase.Lengths[0],
                    ms = Math.Round(seconds * 1e3, 4),
                    audio_s_per_s = Math.Round(batchCase.Frames / 100.0 / seconds, 1),
                    tflops = Math.Round(2 * MultiplyAdds.Nominal(weights, batchCase) / seconds / 1e12, 4),
                    peak_tflops = Rounded(peak / 1e12),
                    share_of_peak = Rounded(2 * MultiplyAdds.Executed(weights, batchCase) / fastest / peak),
                }));
                output.Flush();
            }
        }
    }

    private static double? Rounded(double? value) => value is { } known ? Math.Round(known, 4) : null;

    private static (double Median, double Fastest) Time(Action call, TimeSpan duration)
    {
        for (int i = 0; i < WarmUpCalls; i++)
            call();
        List<double> seconds = [];
        long began = Stopwatch.GetTimestamp();
        while (seconds.Count < LeastCalls || (Stopwatch.GetElapsedTime(began) < duration && seconds.Count < MostCalls))
        {
            long start = Stopwatch.GetTimestamp();
            call();
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        seconds.Sort();
        return ((seconds[(seconds.Count - 1) / 2] + seconds[seconds.Count / 2]) / 2, seconds[0]);
    }
}
