namespace EcapaIlgpu.Extraction;

/// <summary>Files that go to an engine together.</summary>
/// <param name="Files">At least one.</param>
internal sealed record ReadyBatch(IReadOnlyList<PendingFile> Files)
{
    /// <summary>What an engine failed of that had this batch; null where none has.</summary>
    public string? EarlierFailure { get; init; }
}

/// <summary>
/// Files that are read and wait for an engine. Who embeds takes a batch of what is there, so that no engine waits for a batch to fill
/// while batches are full wherever reading is the faster. A batch taken may come back when its engine fails, which is why the queue ends
/// only when all that was taken is done. Safe for any number of threads.
/// </summary>
/// <remarks>
/// A batch with which an engine failed is handed out again as it was, before all else since others wait for its results, and one such
/// batch at a time: when the next engine fails too, it is known which of them was the end of both.
/// </remarks>
internal sealed class ReadyQueue
{
    private readonly object _gate = new();
    private readonly LinkedList<PendingFile> _files = new();
    private readonly Queue<ReadyBatch> _suspects = new();
    private long _rows;
    private int _taken;
    private int _waiting;
    private bool _suspectTaken;
    private bool _complete;

    /// <summary>Adds a file that was read.</summary>
    public void Add(PendingFile file)
    {
        lock (_gate)
        {
            _files.AddLast(file);
            _rows += file.Utterance!.Rows;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Says that no more will be added.</summary>
    public void Complete()
    {
        lock (_gate)
        {
            _complete = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Takes what is there, up to a number of rows and at least one file; waits where there is none.</summary>
    /// <param name="mostRows">Rows that a batch of more than one file may have, unless it comes back from another engine.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The batch, to be answered by <see cref="Finished"/> or <see cref="Return"/>; null when there are no more and none can come
    /// back.</returns>
    public ReadyBatch? Take(long mostRows, CancellationToken cancellation)
    {
        using CancellationTokenRegistration wake = cancellation.UnsafeRegister(static queue => ((ReadyQueue)queue!).Wake(), this);
        lock (_gate)
        {
            _waiting++;
            try
            {
                while (!HasSuspect && _files.Count == 0)
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (_complete && _taken == 0)
                        return null;
                    Monitor.Wait(_gate);
                }
                cancellation.ThrowIfCancellationRequested();
            }
            finally
            {
                _waiting--;
            }
            _taken++;
            if (!HasSuspect)
                return new ReadyBatch(TakeFiles(mostRows));
            _suspectTaken = true;
            return _suspects.Dequeue();
        }
    }

    /// <summary>Says that a batch is done.</summary>
    public void Finished(ReadyBatch batch)
    {
        lock (_gate)
            LetGo(batch);
    }

    /// <summary>Gives back a batch that was taken: what is left of it, where that is anything.</summary>
    /// <param name="batch">As it was taken.</param>
    /// <param name="failure">What the engine failed of that had it; null where it had none.</param>
    public void Return(ReadyBatch batch, string? failure = null)
    {
        PendingFile[] left = [.. batch.Files.Where(file => !file.Result.IsCompleted)];
        failure ??= batch.EarlierFailure;
        lock (_gate)
        {
            if (left.Length > 0 && failure is not null)
            {
                _suspects.Enqueue(new ReadyBatch(left) { EarlierFailure = failure });
            }
            else
            {
                foreach (PendingFile file in left.Reverse())
                {
                    _files.AddFirst(file);
                    _rows += file.Utterance!.Rows;
                }
            }
            LetGo(batch);
        }
    }

    private bool HasSuspect => _suspects.Count > 0 && !_suspectTaken;

    private List<PendingFile> TakeFiles(long mostRows)
    {
        // Others that wait get their share: at the end of a list one engine would otherwise take all that is left.
        long share = Math.Min(mostRows, (_rows + _waiting) / (_waiting + 1));
        long rows = 0;
        List<PendingFile> files = [];
        while (_files.First is { Value: PendingFile file } && (rows == 0 || rows + file.Utterance!.Rows <= share))
        {
            _files.RemoveFirst();
            files.Add(file);
            rows += file.Utterance!.Rows;
        }
        _rows -= rows;
        return files;
    }

    private void LetGo(ReadyBatch batch)
    {
        if (batch.EarlierFailure is not null)
            _suspectTaken = false;
        _taken--;
        Monitor.PulseAll(_gate);
    }

    private void Wake()
    {
        lock (_gate)
            Monitor.PulseAll(_gate);
    }
}
