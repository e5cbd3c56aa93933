using System.Collections.Concurrent;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Extraction;

/// <summary>One list for several engines, and what happens when one fails.</summary>
public sealed class SeveralEnginesTests
{
    private static readonly ExtractionOptions SmallBatches = new() { Readers = 2, BatchRows = 8 };

    private static IEnumerable<AudioInput> Numbered(int count) => Enumerable.Range(1, count).Select(i => new AudioInput($"{i}"));

    private static Utterance OfNumber(AudioInput input, CancellationToken cancellation) =>
        new(1, TimeSpan.FromMilliseconds(25), []) { Pcm = new[] { short.Parse(input.Name), (short)1 } };

    private static async Task<List<ExtractionResult>> Collect(
        IReadOnlyList<IEmbeddingEngine> engines, UtteranceReader reader, int files, ExtractionOptions options)
    {
        List<ExtractionResult> results = [];
        await foreach (ExtractionResult result in new Extractor(engines, reader, options).ExtractAsync(Numbered(files)))
            results.Add(result);
        return results;
    }

    private static void AssertAllThere(int files, IReadOnlyList<ExtractionResult> results)
    {
        Assert.Equal(Enumerable.Range(1, files).Select(i => $"{i}"), results.Select(r => r.Name));
        Assert.All(results, r => Assert.Equal([float.Parse(r.Name), 2, float.Parse(r.Name) + 1], r.Embedding.ToArray()));
    }

    [Fact]
    public async Task All_calls_of_all_engines_are_under_way_at_once_and_results_keep_their_order()
    {
        // Two engines of two calls each: none returns before all four are there.
        using Barrier all = new(4);
        int met = 0;
        void Meet(int[] lengths, CancellationToken cancellation)
        {
            if (Interlocked.Increment(ref met) <= 4)
                all.SignalAndWait(cancellation);
        }
        FakeWaveformEngine[] engines = [new() { OnEmbed = Meet }, new() { OnEmbed = Meet }];
        // Batches of one file, so that there are four of them however reading goes.
        AssertAllThere(300, await Collect(engines, OfNumber, 300, new ExtractionOptions { BatchRows = 1 }));
        Assert.All(engines, engine => Assert.True(engine.Batches.Count >= 2));
    }

    [Fact]
    public async Task An_engine_that_fails_hands_its_batch_to_the_others_and_is_left_alone()
    {
        ConcurrentQueue<EngineLoss> losses = [];
        int calls = 0;
        using ManualResetEventSlim lost = new();
        FakeWaveformEngine broken = new("broken")
        {
            Concurrency = 1,
            OnEmbed = (_, _) => throw new InvalidOperationException(Interlocked.Increment(ref calls) > 0 ? "launch failed" : ""),
        };
        // The other waits until the first has failed, so that it surely had work.
        FakeWaveformEngine whole = new("whole") { OnEmbed = (_, cancellation) => lost.Wait(cancellation) };
        AssertAllThere(500, await Collect([broken, whole], OfNumber, 500, SmallBatches with
        {
            EngineLost = loss =>
            {
                losses.Enqueue(loss);
                lost.Set();
            },
        }));

        EngineLoss loss = Assert.Single(losses);
        Assert.Equal(("broken", "launch failed", 1), (loss.Engine.Description, loss.Failure.Message, loss.EnginesLeft));
        Assert.Equal(1, calls);
        Assert.Empty(broken.Batches);
    }

    [Fact]
    public async Task A_batch_is_handed_on_even_when_nothing_else_is_left_to_do()
    {
        // All files are in the batch of the engine that fails, which happens when the other has nothing to do any more but to wait.
        using ManualResetEventSlim lost = new();
        FakeWaveformEngine broken = new("broken") { Concurrency = 1, OnEmbed = (_, _) => throw new InvalidOperationException("gone") };
        FakeWaveformEngine whole = new("whole") { OnEmbed = (_, cancellation) => lost.Wait(cancellation) };
        AssertAllThere(
            2,
            await Collect(
                [broken, whole], OfNumber, 2, new ExtractionOptions { Readers = 1, BatchRows = 1, EngineLost = _ => lost.Set() }));
    }

    [Fact]
    public async Task The_last_engine_s_failure_ends_the_results_after_the_rows_before_it()
    {
        int firstCalls = 0, secondCalls = 0;
        FakeWaveformEngine first = new("first")
        {
            Concurrency = 1,
            OnEmbed = (_, _) => Assert.True(Interlocked.Increment(ref firstCalls) <= 3, "first lost"),
        };
        FakeWaveformEngine second = new("second")
        {
            Concurrency = 1,
            OnEmbed = (_, _) => Assert.True(Interlocked.Increment(ref secondCalls) <= 5, "second lost"),
        };
        List<ExtractionResult> results = [];
        EngineFailedException failure = await Assert.ThrowsAsync<EngineFailedException>(async () =>
        {
            await foreach (ExtractionResult result in new Extractor([first, second], OfNumber, SmallBatches).ExtractAsync(Numbered(5000)))
                results.Add(result);
        });
        Assert.Contains(" lost", failure.Message, StringComparison.Ordinal);
        AssertAllThere(results.Count, results);
        Assert.InRange(results.Count, 0, 8 * SmallBatches.BatchRows);
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(2, 5)]
    [InlineData(3, 7)]
    public async Task A_batch_that_is_the_end_of_two_engines_fails_and_the_others_go_on(int culprits, int count)
    {
        ConcurrentQueue<EngineLoss> losses = [];
        FakeWaveformEngine[] engines = [.. Enumerable.Range(0, count).Select(i => new FakeWaveformEngine($"engine {i}")
        {
            Concurrency = 1,
            OnEmbed = (lengths, _) => Assert.False(lengths.Contains(5), "launch failed"),
        })];
        string[] bad = [.. Enumerable.Range(1, culprits).Select(i => $"{100 * i}")];
        Utterance Read(AudioInput input, CancellationToken cancellation) =>
            new(1, TimeSpan.FromSeconds(1), []) { Pcm = new short[bad.Contains(input.Name) ? 5 : 2] };
        ExtractionOptions options = new() { BatchRows = 1, EngineLost = losses.Enqueue };
        List<ExtractionResult> results = await Collect(engines, Read, 400, options);

        Assert.Equal(Enumerable.Range(1, 400).Select(i => $"{i}"), results.Select(r => r.Name));
        ExtractionResult[] failed = [.. results.Where(r => r.Error is not null)];
        Assert.Equal(bad, failed.Select(r => r.Name));
        Assert.Equal(2 * culprits, losses.Count);
        foreach (ExtractionResult result in failed)
        {
            Assert.Matches(
                "two devices failed, and no other was tried: engine [0-9] failed: launch failed; engine [0-9] failed: launch failed",
                result.Error!.Problem);
            Assert.Equal(TimeSpan.FromSeconds(1), result.Duration);
        }
    }

    [Fact]
    public async Task An_utterance_that_an_engine_refuses_costs_its_batch_nothing()
    {
        FakeWaveformEngine engine = new()
        {
            OnEmbed = (lengths, _) =>
            {
                if (lengths.Contains(5))
                    throw new InputException("utterance 0 of the batch", "does not fit the memory");
            },
        };
        Utterance Read(AudioInput input, CancellationToken cancellation) =>
            new(1, TimeSpan.FromSeconds(1), []) { Pcm = new short[input.Name is "7" or "8" ? 5 : 2] };
        List<ExtractionResult> results = await Collect([engine], Read, 40, SmallBatches with { Readers = 1 });

        Assert.Equal(["7", "8"], results.Where(r => r.Error is not null).Select(r => r.Name));
        Assert.Equal("7: does not fit the memory", results[6].Error!.Message);
        Assert.Equal(TimeSpan.FromSeconds(1), results[6].Duration);
        Assert.All(results.Where(r => r.Error is null), r => Assert.Equal(2, r.Embedding.Span[1]));
    }

    [Fact]
    public async Task A_batch_of_16_bit_samples_stays_so_and_one_that_holds_others_is_of_floats()
    {
        using ManualResetEventSlim allRead = new();
        int reads = 0;
        FakeWaveformEngine engine = new()
        {
            Concurrency = 1,
            OnEmbed = (lengths, cancellation) => Assert.True(lengths is [2] || allRead.Wait(Cli.Ecapa.Patience, cancellation)),
        };
        Utterance Read(AudioInput input, CancellationToken cancellation)
        {
            if (Interlocked.Increment(ref reads) == 12)
                allRead.Set();
            Utterance utterance = new(1, TimeSpan.FromSeconds(1), []);
            return input.Name == "12"
                ? utterance with { Samples = new[] { 0.5f, 0.25f } }
                : utterance with { Pcm = new short[] { short.Parse(input.Name), -3 } };
        }
        List<ExtractionResult> results = await Collect([engine], Read, 12, new ExtractionOptions { Readers = 1 });

        Assert.Equal([0.5f, 2, 0.75f], results[11].Embedding.ToArray());
        Assert.Equal([11f, 2, 8], results[10].Embedding.ToArray());
        Assert.False(engine.Batches[^1].IsPcm);
        Assert.All(engine.Batches[..^1], batch => Assert.True(batch.IsPcm));
    }

    [Fact]
    public async Task Two_engines_of_kernels_give_the_bits_of_one()
    {
        EcapaWeights weights = RandomModels.Create(new EcapaConfig { Channels = 32, EmbeddingSize = 24, GlobalContext = true }, 1);
        using TemporaryFolder folder = new();
        AudioInput[] inputs =
        [
            .. Enumerable.Range(0, 6)
                .Select(i => new AudioInput($"{i}", Cli.ShortSpeech.Write(folder[$"{i}.wav"], TimeSpan.FromSeconds(0.05 + (0.02 * i))))),
        ];
        using IEmbeddingEngine first = DeviceSelector.CreateEngine(weights, "cpu-kernels");
        using IEmbeddingEngine second = DeviceSelector.CreateEngine(weights, "cpu-kernels");
        float[][] one = await Embed([first]), two = await Embed([first, second]);
        Assert.Equal(one, two);

        async Task<float[][]> Embed(IReadOnlyList<IEmbeddingEngine> engines)
        {
            List<float[]> embeddings = [];
            await foreach (ExtractionResult result in new Extractor(engines, new ExtractionOptions { BatchRows = 10 }).ExtractAsync(inputs))
                embeddings.Add(result.Embedding.ToArray());
            return [.. embeddings];
        }
    }

    [Theory]
    [InlineData("cuda:all", true)]
    [InlineData("opencl:all", true)]
    [InlineData("cpu:all", false)]
    [InlineData("auto:all", false)]
    [InlineData("cuda:every", false)]
    public void All_is_a_number_of_cuda_and_opencl_devices(string selector, bool expected) =>
        Assert.Equal(expected, DeviceSelector.IsSelector(selector));
}
