namespace EcapaIlgpu.Extraction;

/// <summary>
/// Files that are read and wait for an engine. Who embeds takes a batch of what is there, so that no engine waits for a batch to fill while
/// batches are full wherever reading is
/// the faster. A batch taken may come back when its engine fails, which is why the queue ends only when all that was taken is done. Safe
/// for any number of threads.
/// </summary>
internal sealed class ReadyQueue
{
    private readonly object _gate = new();
    private readonly LinkedList<PendingFile> _files = new();
    private long _rows;
    private int _taken;
    private int _waiting;
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
    /// <param name="mostRows">Rows that a batch of more than one file may have.</param>
    /// <param name="batch">Receives the files.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>False when there are no more and none can come back. Each true is to be answered by <see cref="Finished"/> or <see
    /// cref="Return"/>.</returns>
    public bool TryTake(long mostRows, List<PendingFile> batch, CancellationToken cancellation)
    {
        batch.Clear();
        using CancellationTokenRegistration wake = cancellation.UnsafeRegister(static queue => ((ReadyQueue)queue!).Wake(), this);
        lock (_gate)
        {
            _waiting++;
            try
            {
                while (_files.Count == 0)
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (_complete && _taken == 0)
                        return false;
                    Monitor.Wait(_gate);
                }
                cancellation.ThrowIfCancellationRequested();
            }
            finally
            {
                _waiting--;
            }
            // Others that wait get their share: at the end of a list one engine would otherwise take all that is left.
            long share = Math.Min(mostRows, (_rows + _waiting) / (_waiting + 1));
            long rows = 0;
            while (_files.First is { Value: PendingFile file } first && (rows == 0 || rows + file.Utterance!.Rows <= share))
            {
                _files.RemoveFirst();
                batch.Add(file);
                rows += file.Utterance!.Rows;
            }
            _rows -= rows;
            _taken++;
            return true;
        }
    }

    /// <summary>Says that a batch is done.</summary>
    public void Finished()
    {
        lock (_gate)
        {
            _taken--;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Gives back a batch, before all that waits: others wait for its results.</summary>
    public void Return(IReadOnlyList<PendingFile> batch)
    {
        lock (_gate)
        {
            foreach (PendingFile file in batch.Reverse())
            {
                _files.AddFirst(file);
                _rows += file.Utterance!.Rows;
            }
            _taken--;
            Monitor.PulseAll(_gate);
        }
    }

    private void Wake()
    {
        lock (_gate)
            Monitor.PulseAll(_gate);
    }
}
