using EcapaIlgpu.Extraction;

namespace EcapaIlgpu.Tests.Extraction;

public sealed class ExtractorTests
{
    /// <summary>Inputs named by a number: the number is the first feature, and frames follow from it.</summary>
    private static IEnumerable<AudioInput> Numbered(int count) => Enumerable.Range(1, count).Select(i => new AudioInput($"{i}"));

    private static Utterance OfFrames(float first, int frames)
    {
        float[] rows = new float[frames * 2];
        rows[0] = first;
        return new Utterance(frames, TimeSpan.FromSeconds(frames / 100.0), []) { Features = rows };
    }

    private static async Task<List<ExtractionResult>> Collect(
        Extractor extractor, IEnumerable<AudioInput> inputs, IProgress<ExtractionProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        List<ExtractionResult> results = [];
        await foreach (ExtractionResult result in extractor.ExtractAsync(inputs, progress, cancellation))
            results.Add(result);
        return results;
    }

    [Fact]
    public async Task Results_come_in_the_order_of_the_files_however_reading_them_takes()
    {
        // The first reads end last.
        using SemaphoreSlim laterRead = new(0);
        Extractor extractor = new([new FakeEngine()], (input, cancellation) =>
        {
            int number = int.Parse(input.Name);
            if (number == 1)
                laterRead.Wait(cancellation);
            else if (number == 40)
                laterRead.Release();
            return OfFrames(number, 1 + (number % 7));
        }, new ExtractionOptions { Readers = 3, BatchRows = 10 });

        List<ExtractionResult> results = await Collect(extractor, Numbered(200));

        Assert.Equal(Enumerable.Range(1, 200).Select(i => $"{i}"), results.Select(r => r.Name));
        Assert.All(
            results, r => Assert.Equal([float.Parse(r.Name), 1 + (int.Parse(r.Name) % 7), float.Parse(r.Name)], r.Embedding.ToArray()));
    }

    [Fact]
    public async Task An_unreadable_file_is_its_own_error_and_costs_no_other_file_anything()
    {
        Extractor extractor = new([new FakeEngine()], (input, _) => int.Parse(input.Name) switch
        {
            3 => throw new InputException(input.Path, "not audio"),
            // Not what a reader should throw; still one file's matter.
            5 => throw new IndexOutOfRangeException("a bug"),
            int number => OfFrames(number, 4),
        });

        List<ExtractionResult> results = await Collect(extractor, Numbered(8));

        Assert.Equal(["3", "5"], results.Where(r => r.Error is not null).Select(r => r.Name));
        Assert.Equal("3: not audio", results[2].Error!.Message);
        Assert.Contains("IndexOutOfRangeException: a bug", results[4].Error!.Message);
        Assert.True(results[2].Embedding.IsEmpty);
        Assert.Equal([8f, 4f, 8f], results[7].Embedding.ToArray());
    }

    [Fact]
    public async Task Batches_keep_to_their_rows_and_a_longer_utterance_goes_alone()
    {
        int[] frames = [10, 20, 30, 500, 40, 50, 60, 100];
        FakeEngine engine = new();
        Extractor extractor = new(
            [engine], (input, _) => OfFrames(1, frames[int.Parse(input.Name) - 1]), new ExtractionOptions { Readers = 1, BatchRows = 100 });

        await Collect(extractor, Numbered(frames.Length));

        Assert.Equal(frames, engine.Batches.SelectMany(b => b));
        Assert.All(engine.Batches, b => Assert.True(b.Length == 1 || b.Sum() <= 100, string.Join(' ', b)));
        Assert.Contains(engine.Batches, b => b is [500]);
    }

    [Fact]
    public async Task Files_that_are_ready_share_a_batch()
    {
        using ManualResetEventSlim allRead = new();
        int reads = 0;
        // The first batch waits in the engine until everything else is read, save that the last file may still be on its way out of the
        // reader: of several readers there would be as many such files.
        FakeEngine engine = new() { OnEmbed = (_, cancellation) => allRead.Wait(cancellation) };
        Extractor extractor = new([engine], (_, _) =>
        {
            if (Interlocked.Increment(ref reads) == 30)
                allRead.Set();
            return OfFrames(1, 10);
        }, new ExtractionOptions { Readers = 1, BatchRows = 1000 });

        await Collect(extractor, Numbered(30));

        Assert.InRange(engine.Batches.Count, 1, 3);
    }

    [Fact]
    public async Task Files_read_ahead_are_bounded_by_what_they_hold()
    {
        const int Frames = 1000; // 8000 bytes of features each
        int read = 0, mostAhead = 0, embedded = 0;
        FakeEngine engine = new()
        {
            OnEmbed = (batch, _) =>
            {
                mostAhead = Math.Max(mostAhead, Volatile.Read(ref read) - embedded);
                embedded += batch.Count;
            },
        };
        using TemporaryFolder folder = new();
        // The estimate before reading is four times the file: 2000 bytes of file hold what its features do.
        string path = folder.Write("a.wav", new string('x', 2000));
        Extractor extractor = new([engine], (_, _) =>
        {
            Interlocked.Increment(ref read);
            return OfFrames(1, Frames);
        }, new ExtractionOptions { Readers = 4, BatchRows = 1, LookAheadBytes = 5 * Frames * 2 * sizeof(float) });

        List<ExtractionResult> results = await Collect(extractor, Enumerable.Repeat(new AudioInput(path), 300));

        Assert.Equal(300, results.Count);
        Assert.InRange(mostAhead, 1, 5);
    }

    [Fact]
    public async Task The_list_is_drawn_as_it_is_needed()
    {
        int drawn = 0;
        IEnumerable<AudioInput> Endless()
        {
            while (true)
                yield return new AudioInput($"{++drawn}");
        }
        Extractor extractor = new([new FakeEngine()], (input, _) => OfFrames(1, 1));

        int taken = 0;
        await foreach (ExtractionResult _ in extractor.ExtractAsync(Endless()))
        {
            if (++taken == 5000)
                break;
        }

        Assert.InRange(drawn, 5000, 10_000);
    }

    [Fact]
    public async Task Cancellation_stops_a_reader_that_waits_and_the_engine()
    {
        using CancellationTokenSource cancel = new();
        FakeEngine engine = new()
        {
            OnEmbed = (_, cancellation) =>
            {
                cancel.Cancel();
                cancellation.WaitHandle.WaitOne();
                cancellation.ThrowIfCancellationRequested();
            },
        };
        Extractor extractor = new([engine], (input, cancellation) =>
        {
            if (input.Name == "2")
                Task.Delay(Timeout.Infinite, cancellation).GetAwaiter().GetResult();
            return OfFrames(1, 1);
        }, new ExtractionOptions { Readers = 2 });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Collect(extractor, Numbered(100), cancellation: cancel.Token));
    }

    [Fact]
    public async Task A_list_that_breaks_off_ends_the_results_with_its_error_after_those_before()
    {
        IEnumerable<AudioInput> Broken()
        {
            yield return new AudioInput("1");
            yield return new AudioInput("2");
            throw new InputException("list.scp, line 3", "broken");
        }
        Extractor extractor = new([new FakeEngine()], (_, _) => OfFrames(1, 1));
        List<string> names = [];

        InputException error = await Assert.ThrowsAsync<InputException>(async () =>
        {
            await foreach (ExtractionResult result in extractor.ExtractAsync(Broken()))
                names.Add(result.Name);
        });

        Assert.Equal(["1", "2"], names);
        Assert.Equal("list.scp, line 3: broken", error.Message);
    }

    [Fact]
    public async Task An_engine_that_fails_ends_the_results_with_its_error()
    {
        FakeEngine engine = new() { OnEmbed = (_, _) => throw new InvalidOperationException("device lost") };
        Extractor extractor = new([engine], (_, _) => OfFrames(1, 1));
        EngineFailedException failure = await Assert.ThrowsAsync<EngineFailedException>(() => Collect(extractor, Numbered(5000)));
        Assert.Equal("fake failed: device lost", failure.Message);
        Assert.IsType<InvalidOperationException>(failure.InnerException);
    }

    [Fact]
    public async Task Numbers_that_are_not_finite_are_an_error_of_the_file()
    {
        Extractor extractor = new([new FakeEngine()], (input, _) => OfFrames(input.Name == "2" ? float.NaN : 1, 1));
        List<ExtractionResult> results = await Collect(extractor, Numbered(3));
        Assert.Equal([false, true, false], results.Select(r => r.Error is not null));
        Assert.Contains("not finite", results[1].Error!.Message);
    }

    [Fact]
    public async Task Normalized_embeddings_have_unit_length()
    {
        Extractor extractor = new([new FakeEngine()], (_, _) => OfFrames(2, 1), new ExtractionOptions { Normalize = true });
        float[] embedding = (await Collect(extractor, Numbered(1)))[0].Embedding.ToArray();
        Assert.Equal([2f / 3, 1f / 3, 2f / 3], embedding);
    }

    [Fact]
    public async Task Progress_counts_files_failures_and_audio()
    {
        List<ExtractionProgress> reports = [];
        Extractor extractor = new([new FakeEngine()], (input, _) =>
            input.Name == "2" ? throw new InputException("2", "bad") : OfFrames(1, 250));

        await Collect(extractor, Numbered(3).ToList(), new ImmediateProgress(reports.Add));

        Assert.Equal([(1, 0), (2, 1), (3, 1)], reports.Select(r => (r.Done, r.Failed)));
        Assert.All(reports, r => Assert.Equal(3, r.Total));
        Assert.Equal(TimeSpan.FromSeconds(5), reports[^1].Audio);
        Assert.Equal(TimeSpan.Zero, reports[^1].Remaining);
    }

    [Fact]
    public async Task Nothing_to_embed_gives_nothing()
    {
        Extractor extractor = new([new FakeEngine()], (_, _) => OfFrames(1, 1));
        Assert.Empty(await Collect(extractor, []));
    }

    private sealed class ImmediateProgress(Action<ExtractionProgress> report) : IProgress<ExtractionProgress>
    {
        public void Report(ExtractionProgress value) => report(value);
    }
}
