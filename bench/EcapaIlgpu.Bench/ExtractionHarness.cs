using System.Diagnostics;
using System.Text.Json;
using EcapaIlgpu.Audio;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Features;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Bench;

/// <summary>
/// How much of the engine's own rate is left when it is fed from files: the same utterances in turn as rows in memory, packed as the
/// extraction packs them, and as files. Both in one process and a few seconds apart, so that neighbours of the machine slow both alike;
/// prints one JSON line per pair with seconds by the clock and of processor time.
/// </summary>
internal static class ExtractionHarness
{
    /// <summary>As the extraction packs for a processor.</summary>
    private const int BatchRows = 4096;

    public static void Run(string device, int threads, string folder, int filesPerRound, int rounds, TextWriter output)
    {
        EcapaModel model = EcapaModel.LoadBundled();
        using IEmbeddingEngine engine = DeviceSelector.CreateEngine(model.Weights, device, threads);
        AudioInput[] all = [.. AudioListing.Expand([folder])];
        // By a step that is no divisor, so that every round has files of all kinds.
        AudioInput[] Files(int round) =>
            [.. Enumerable.Range(0, filesPerRound).Select(i => all[((round * filesPerRound) + i) * 7919L % all.Length])];
        RunRound(engine, threads, Files(rounds), engineFirst: true);
        for (int round = 0; round < rounds; round++)
        {
            output.WriteLine(JsonSerializer.Serialize(RunRound(engine, threads, Files(round), engineFirst: round % 2 == 0)));
            output.Flush();
        }
    }

    private static object RunRound(IEmbeddingEngine engine, int threads, AudioInput[] files, bool engineFirst)
    {
        PackedBatch[] batches = Pack(files);
        double seconds = batches.Sum(batch => batch.Rows) / 100.0;
        Timing rows = default, extraction = default;
        IReadOnlyList<StageLoad> stages = [];
        void FromRows() => rows = Timing.Of(() =>
        {
            foreach (PackedBatch batch in batches)
                engine.Embed(batch, new float[batch.Count * engine.Config.EmbeddingSize]);
        });
        void FromFiles() => extraction = Timing.Of(() => stages = Extract(engine, threads, files));
        foreach (Action half in engineFirst ? (Action[])[FromRows, FromFiles] : [FromFiles, FromRows])
            half();
        return new
        {
            engine = engine.Description,
            files = files.Length,
            audio_s = Math.Round(seconds, 2),
            rows_s = Math.Round(rows.Elapsed, 4),
            files_s = Math.Round(extraction.Elapsed, 4),
            rows_cpu_s = Math.Round(rows.Processor, 4),
            files_cpu_s = Math.Round(extraction.Processor, 4),
            share_of_engine = Math.Round(rows.Elapsed / extraction.Elapsed, 4),
            share_of_engine_cpu = Math.Round(rows.Processor / extraction.Processor, 4),
            stages = stages.ToDictionary(load => load.Stage.ToString().ToLowerInvariant(), load => Math.Round(load.Busy, 4)),
        };
    }

    private static PackedBatch[] Pack(AudioInput[] files)
    {
        FeatureExtractor features = new();
        List<PackedBatch> batches = [];
        List<ReadOnlyMemory<float>> batch = [];
        int rows = 0;
        foreach (AudioInput file in files)
        {
            float[] utterance = features.Compute(AudioFile.Read(file.Path), file.Name);
            if (batch.Count > 0 && rows + (utterance.Length / Fbank.MelBins) > BatchRows)
                Flush();
            batch.Add(utterance);
            rows += utterance.Length / Fbank.MelBins;
        }
        Flush();
        return [.. batches];

        void Flush()
        {
            batches.Add(PackedBatch.Pack(batch, Fbank.MelBins));
            batch.Clear();
            rows = 0;
        }
    }

    private static IReadOnlyList<StageLoad> Extract(IEmbeddingEngine engine, int threads, AudioInput[] files)
    {
        ExtractionStatistics statistics = new();
        Extractor extractor = new(engine, new ExtractionOptions { Readers = threads });
        Drain(extractor.ExtractAsync(files, null, statistics)).GetAwaiter().GetResult();
        statistics.End();
        return statistics.Loads;

        static async Task Drain(IAsyncEnumerable<ExtractionResult> results)
        {
            await foreach (ExtractionResult result in results.ConfigureAwait(false))
            {
                if (result.Error is not null)
                    throw result.Error;
            }
        }
    }

    /// <summary>Seconds by the clock, and of all processors together.</summary>
    private readonly record struct Timing(double Elapsed, double Processor)
    {
        public static Timing Of(Action work)
        {
            using Process process = Process.GetCurrentProcess();
            TimeSpan processor = process.TotalProcessorTime;
            long start = Stopwatch.GetTimestamp();
            work();
            double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
            process.Refresh();
            return new Timing(elapsed, (process.TotalProcessorTime - processor).TotalSeconds);
        }
    }
}
