using System.Collections.Concurrent;
using System.Threading.Channels;
using EcapaIlgpu.Engines;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// One extraction under way. Three kinds of threads: one lists files and lets them in as memory allows, some read them, one packs batches
/// for the engine. They are threads of their own, since all of them wait or compute for long and would starve the thread pool.
/// </summary>
internal sealed class ExtractionRun : IAsyncDisposable
{
    /// <summary>Files let in and results not yet taken; enough that batches fill with utterances of a few frames.</summary>
    private const int MaxFilesAhead = 1024;

    private readonly IEmbeddingEngine _engine;
    private readonly UtteranceReader _reader;
    private readonly ExtractionOptions _options;
    private readonly LookAheadBudget _budget;
    private readonly CancellationTokenSource _stop;
    private readonly BlockingCollection<PendingFile> _toRead = new(MaxFilesAhead);
    private readonly BlockingCollection<PendingFile> _inOrder = new(MaxFilesAhead);
    private readonly Channel<ExtractionResult> _results = Channel.CreateBounded<ExtractionResult>(
        new BoundedChannelOptions(MaxFilesAhead) { SingleReader = true, SingleWriter = true });
    private readonly Task _threads;
    private Exception? _listingFailure;

    public ExtractionRun(
        IEmbeddingEngine engine,
        UtteranceReader reader,
        ExtractionOptions options,
        IEnumerable<AudioInput> inputs,
        CancellationToken cancellation)
    {
        _engine = engine;
        _reader = reader;
        _options = options;
        _budget = new LookAheadBudget(options.LookAheadBytes);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        int readers = options.Readers > 0 ? options.Readers : Environment.ProcessorCount;
        _threads = Task.WhenAll(
            [OnThread(() => List(inputs)), OnThread(Embed), .. Enumerable.Range(0, readers).Select(_ => OnThread(Read))]);
    }

    /// <summary>The results in the order of the files; fails as the list of files or the engine failed, after the results before that.</summary>
    public IAsyncEnumerable<ExtractionResult> Results => _results.Reader.ReadAllAsync();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _threads.ConfigureAwait(false);
        _stop.Dispose();
        _toRead.Dispose();
        _inOrder.Dispose();
    }

    private static Task OnThread(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void List(IEnumerable<AudioInput> inputs)
    {
        try
        {
            foreach (AudioInput input in inputs)
            {
                long held = EstimateBytes(input.Path);
                _budget.Acquire(held, _stop.Token);
                PendingFile file = new(input, held);
                _toRead.Add(file, _stop.Token);
                _inOrder.Add(file, _stop.Token);
            }
        }
        catch (Exception e)
        {
            _listingFailure = e;
        }
        finally
        {
            _toRead.CompleteAdding();
            _inOrder.CompleteAdding();
        }
    }

    private void Read()
    {
        try
        {
            foreach (PendingFile file in _toRead.GetConsumingEnumerable(_stop.Token))
            {
                Utterance? utterance = null;
                InputException? error = null;
                try
                {
                    utterance = _reader(file.Input, _stop.Token);
                }
                catch (InputException e)
                {
                    error = e;
                }
                catch (OutOfMemoryException e)
                {
                    error = new InputException(file.Input.Path, "not enough memory to read it", e);
                }
                catch (Exception e) when (!_stop.IsCancellationRequested)
                {
                    // A reader that fails in a way it should not must not cost the other files their embeddings.
                    error = new InputException(file.Input.Path, $"unexpected {e.GetType().Name}: {e.Message}", e);
                }
                long holds = (utterance?.Frames.Length ?? 0) * (long)sizeof(float);
                _budget.Correct(file.Held, holds);
                file.Complete(utterance, error, holds);
            }
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            // The embedding thread ends the results.
        }
    }

    private void Embed()
    {
        try
        {
            List<PendingFile> batch = [];
            PendingFile? next = null;
            while (next is not null || _inOrder.TryTake(out next, Timeout.Infinite, _stop.Token))
            {
                next.Wait(_stop.Token);
                batch.Clear();
                long rows = 0;
                do
                {
                    batch.Add(next);
                    rows += RowsOf(next);
                }
                while (_inOrder.TryTake(out next) && next.IsRead && rows + RowsOf(next) <= _options.BatchRows && batch.Count < MaxFilesAhead);
                Embed(batch);
            }
            _results.Writer.Complete(_listingFailure);
        }
        catch (Exception e)
        {
            _results.Writer.Complete(e);
            // Otherwise the other threads would wait for room that never comes.
            _stop.Cancel();
        }
    }

    private void Embed(List<PendingFile> batch)
    {
        int size = _engine.Config.EmbeddingSize;
        List<ReadOnlyMemory<float>> utterances = [.. batch.Where(f => f.Utterance is not null).Select(f => f.Utterance!.Frames)];
        float[] embeddings = new float[utterances.Count * size];
        InputException? engineError = utterances.Count > 0 ? Compute(utterances, embeddings, batch) : null;

        int row = 0;
        foreach (PendingFile file in batch)
        {
            ExtractionResult result = new(file.Input) { Error = file.Error };
            if (file.Utterance is { } utterance)
            {
                Memory<float> embedding = embeddings.AsMemory(size * row++, size);
                result = result with { Duration = utterance.Duration, Warnings = utterance.Warnings };
                InputException? error = engineError ?? Finish(embedding.Span, file.Input);
                result = error is null ? result with { Embedding = embedding } : result with { Error = error };
            }
            file.Forget();
            _budget.Release(file.Held);
            while (!_results.Writer.TryWrite(result))
                _results.Writer.WaitToWriteAsync(_stop.Token).AsTask().GetAwaiter().GetResult();
        }
    }

    private InputException? Compute(List<ReadOnlyMemory<float>> utterances, float[] embeddings, List<PendingFile> batch)
    {
        int dim = _engine.Config.FeatureDim;
        try
        {
            // One utterance alone may be hours long: it is not copied.
            PackedBatch packed = utterances.Count == 1
                ? new PackedBatch(utterances[0], dim, [0, utterances[0].Length / dim])
                : PackedBatch.Pack(utterances, dim);
            _engine.Embed(packed, embeddings, _stop.Token);
            return null;
        }
        catch (OutOfMemoryException e) when (utterances.Count == 1)
        {
            PendingFile file = batch.First(f => f.Utterance is not null);
            return new InputException(file.Input.Path, $"not enough memory to embed {file.Utterance!.Duration:g} of audio at once", e);
        }
    }

    private InputException? Finish(Span<float> embedding, AudioInput input)
    {
        try
        {
            RawEmbedding.Finish(embedding, input.Path, _options.Normalize);
            return null;
        }
        catch (InputException e)
        {
            return e;
        }
    }

    private long RowsOf(PendingFile file) => (file.Utterance?.Frames.Length ?? 0) / _engine.Config.FeatureDim;

    /// <summary>
    /// Memory for a file before it is read: that of 16-bit PCM at 16 kHz as float samples and features, with some room for compression.
    /// </summary>
    private static long EstimateBytes(string path)
    {
        try
        {
            return 4 * new FileInfo(path).Length;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return 0;
        }
    }

    /// <summary>A file on its way from the list to the engine.</summary>
    private sealed class PendingFile(AudioInput input, long held)
    {
        private readonly ManualResetEventSlim _read = new();

        public AudioInput Input { get; } = input;

        /// <summary>Bytes of the budget.</summary>
        public long Held { get; private set; } = held;

        public Utterance? Utterance { get; private set; }

        public InputException? Error { get; private set; }

        public bool IsRead => _read.IsSet;

        public void Complete(Utterance? utterance, InputException? error, long holds)
        {
            Utterance = utterance;
            Error = error;
            Held = holds;
            _read.Set();
        }

        public void Wait(CancellationToken cancellation) => _read.Wait(cancellation);

        public void Forget() => Utterance = null;
    }
}
