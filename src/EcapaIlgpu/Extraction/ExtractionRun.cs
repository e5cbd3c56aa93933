using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using EcapaIlgpu.Engines;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// One extraction under way. One thread lists files and lets them in as memory allows; some read them; each engine has one for every call
/// it can have under way, which takes what is read, in whatever order reading ended; and who enumerates the results waits for the files in
/// their order. They are threads of their own, since all of them wait or compute for long and would starve the thread pool.
/// </summary>
internal sealed class ExtractionRun : IAsyncDisposable
{
    /// <summary>
    /// Files let in and results not yet taken: enough that a batch fills with utterances of a few frames, and that files after a very long
    /// one go on while it is computed.
    /// </summary>
    private const int MaxFilesAhead = 4096;

    /// <summary>Rows whose activations lie in a processor's caches.</summary>
    private const int ProcessorBatchRows = 1 << 12;

    private const long LookAheadBytesPerReader = 32L << 20;

    private readonly UtteranceReader _reader;
    private readonly ExtractionOptions _options;
    private readonly ExtractionStatistics _statistics;
    private readonly LookAheadBudget _budget;
    private readonly SemaphoreSlim _room = new(MaxFilesAhead);
    private readonly CancellationTokenSource _stop;
    private readonly BlockingCollection<PendingFile> _toRead = [];
    private readonly ReadyQueue _ready = new();
    private readonly Channel<PendingFile> _inOrder =
        Channel.CreateUnbounded<PendingFile>(new() { SingleReader = true, SingleWriter = true });
    private readonly HashSet<IEmbeddingEngine> _engines;
    private readonly Task _threads;
    private int _readersLeft;
    private EngineFailedException? _failure;

    public ExtractionRun(
        IReadOnlyList<IEmbeddingEngine> engines,
        UtteranceReader reader,
        bool fromSamples,
        ExtractionOptions options,
        IEnumerable<AudioInput> inputs,
        ExtractionStatistics statistics,
        CancellationToken cancellation)
    {
        (_engines, _reader, _options, _statistics) = ([.. engines], reader, options, statistics);
        _readersLeft = options.Readers > 0 ? options.Readers : Environment.ProcessorCount;
        _budget = new LookAheadBudget(options.LookAheadBytes > 0 ? options.LookAheadBytes : LookAheadBytesPerReader * _readersLeft);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        EngineLane[] lanes = [.. engines.SelectMany(engine => EngineLane.Of(engine, fromSamples, statistics))];
        foreach (ExtractionStage stage in (ExtractionStage[])[ExtractionStage.Read, ExtractionStage.Features])
            statistics.Threads(stage, _readersLeft);
        foreach (ExtractionStage stage in (ExtractionStage[])[ExtractionStage.Pack, ExtractionStage.Embed])
            statistics.Threads(stage, lanes.Length);
        _threads = Task.WhenAll(
        [
            OnThread(() => List(inputs)),
            .. Enumerable.Range(0, _readersLeft).Select(_ => OnThread(Read)),
            .. lanes.Select(lane => OnThread(() => Embed(lane))),
        ]);
    }

    /// <summary>
    /// The results in the order of the files; fails as the list of files or the last engine failed, after the results before that.
    /// </summary>
    public async IAsyncEnumerable<ExtractionResult> Results([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach (PendingFile file in _inOrder.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
        {
            ExtractionResult result;
            try
            {
                result = await file.Result.WaitAsync(_stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_failure is not null)
            {
                throw _failure;
            }
            yield return result;
            _room.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _threads.ConfigureAwait(false);
        _stop.Dispose();
        _toRead.Dispose();
        _room.Dispose();
    }

    private static Task OnThread(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void List(IEnumerable<AudioInput> inputs)
    {
        Exception? failure = null;
        try
        {
            long start = Stopwatch.GetTimestamp();
            foreach (AudioInput input in inputs)
            {
                PendingFile file = new(input, ReadingMemory.Estimate(input.Path));
                _statistics.Spent(ExtractionStage.List, start, TimeSpan.Zero);
                _room.Wait(_stop.Token);
                _budget.Acquire(file.Held, _stop.Token);
                _inOrder.Writer.TryWrite(file);
                _toRead.Add(file, _stop.Token);
                start = Stopwatch.GetTimestamp();
            }
        }
        catch (Exception e)
        {
            failure = e;
        }
        _toRead.CompleteAdding();
        _inOrder.Writer.Complete(failure);
    }

    private void Read()
    {
        try
        {
            foreach (PendingFile file in _toRead.GetConsumingEnumerable(_stop.Token))
                Read(file);
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            // Who enumerates is told by the same token; what else came of stopping in the middle is no news.
        }
        if (Interlocked.Decrement(ref _readersLeft) == 0)
            _ready.Complete();
    }

    private void Read(PendingFile file)
    {
        long start = Stopwatch.GetTimestamp();
        InputException error;
        try
        {
            Utterance utterance = _reader(file.Input, _stop.Token);
            _statistics.Add(ExtractionStage.List, TimeSpan.Zero, utterance.Duration);
            _statistics.Add(ExtractionStage.Read, Stopwatch.GetElapsedTime(start) - utterance.FeatureTime, utterance.Duration);
            _statistics.Add(ExtractionStage.Features, utterance.FeatureTime, utterance.Duration);
            _budget.Correct(file.Held, utterance.Bytes);
            file.Held = utterance.Bytes;
            file.Utterance = utterance;
            _ready.Add(file);
            return;
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
        _statistics.Spent(ExtractionStage.Read, start, TimeSpan.Zero);
        Complete(file, new ExtractionResult(file.Input) { Error = error });
    }

    private void Embed(EngineLane lane)
    {
        ReadyBatch? batch = null;
        try
        {
            while ((batch = _ready.Take(BatchRows(lane.Engine), _stop.Token)) is not null)
            {
                if (!IsInUse(lane.Engine))
                {
                    _ready.Return(batch);
                    return;
                }
                Embed(lane, batch.Files);
                _ready.Finished(batch);
            }
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            // Who enumerates is told by the same token; what else came of stopping in the middle is no news.
        }
        catch (Exception failure)
        {
            try
            {
                Lose(lane.Engine, failure);
            }
            finally
            {
                HandOver(batch!, EngineLoss.Describe(lane.Engine, failure));
            }
        }
    }

    /// <summary>
    /// Leaves a batch to the other engines, unless it has been the end of one before: then it may well be the end of all of them, one after
    /// the other.
    /// </summary>
    private void HandOver(ReadyBatch batch, string failure)
    {
        if (batch.EarlierFailure is null || !AnyInUse())
        {
            _ready.Return(batch, failure);
            return;
        }
        string together = batch.Files.Count == 1 ? "" : $" with {batch.Files.Count} files of which it was one";
        string problem = $"two devices failed{together}, and no other was tried: {batch.EarlierFailure}; {failure}";
        foreach (PendingFile file in batch.Files.Where(file => !file.Result.IsCompleted))
            Complete(file, ResultOf(file) with { Error = new InputException(file.Input.Path, problem) });
        _ready.Finished(batch);
    }

    private void Embed(EngineLane lane, IReadOnlyList<PendingFile> batch)
    {
        int size = lane.Engine.Config.EmbeddingSize;
        float[] embeddings = new float[batch.Count * size];
        try
        {
            lane.Embed([.. batch.Select(file => file.Utterance!)], embeddings, _stop.Token);
        }
        catch (Exception e) when (e is InputException or OutOfMemoryException)
        {
            Refuse(lane, batch, e);
            return;
        }
        for (int i = 0; i < batch.Count; i++)
        {
            Memory<float> embedding = embeddings.AsMemory(i * size, size);
            InputException? error = Finish(embedding.Span, batch[i].Input);
            Complete(batch[i], ResultOf(batch[i]) with { Error = error, Embedding = error is null ? embedding : default });
        }
    }

    /// <summary>What cannot be embedded is halved until the file whose fault it is stands alone.</summary>
    private void Refuse(EngineLane lane, IReadOnlyList<PendingFile> batch, Exception reason)
    {
        if (batch.Count > 1)
        {
            int half = batch.Count / 2;
            Embed(lane, [.. batch.Take(half)]);
            Embed(lane, [.. batch.Skip(half)]);
            return;
        }
        PendingFile file = batch[0];
        string problem = reason is InputException refused
            ? refused.Problem
            : $"not enough memory to embed {file.Utterance!.Duration:g} of audio at once";
        Complete(file, ResultOf(file) with { Error = new InputException(file.Input.Path, problem, reason) });
    }

    private static ExtractionResult ResultOf(PendingFile file) =>
        new(file.Input) { Duration = file.Utterance!.Duration, Warnings = file.Utterance.Warnings };

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

    private void Complete(PendingFile file, ExtractionResult result)
    {
        file.Complete(result);
        _budget.Release(file.Held);
    }

    /// <summary>Goes on without an engine, or ends everything where it was the last.</summary>
    private void Lose(IEmbeddingEngine engine, Exception failure)
    {
        int left;
        lock (_engines)
        {
            // Its other calls may fail too, which is no news.
            if (!_engines.Remove(engine))
                return;
            left = _engines.Count;
        }
        try
        {
            _options.EngineLost?.Invoke(new EngineLoss(engine, failure, left));
        }
        finally
        {
            if (left == 0)
            {
                _failure = new EngineFailedException(engine, failure);
                _stop.Cancel();
            }
        }
    }

    private bool IsInUse(IEmbeddingEngine engine)
    {
        lock (_engines)
            return _engines.Contains(engine);
    }

    private bool AnyInUse()
    {
        lock (_engines)
            return _engines.Count > 0;
    }

    private int BatchRows(IEmbeddingEngine engine) => _options.BatchRows > 0
        ? _options.BatchRows
        : engine is IWaveformEngine device ? device.RowsThatFit : ProcessorBatchRows;
}
