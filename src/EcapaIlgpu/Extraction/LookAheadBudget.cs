namespace EcapaIlgpu.Extraction;

/// <summary>
/// Memory that files read ahead of the engine may hold. One file is always let in when nothing is held, so a file larger than the whole
/// budget waits for its turn instead of for ever. Safe for any number of threads.
/// </summary>
internal sealed class LookAheadBudget(long limit)
{
    private readonly object _gate = new();
    private long _held;
    private int _holders;

    /// <summary>Waits until <paramref name="bytes"/> fit and holds them.</summary>
    public void Acquire(long bytes, CancellationToken cancellation)
    {
        using CancellationTokenRegistration wake = cancellation.UnsafeRegister(static budget => ((LookAheadBudget)budget!).Wake(), this);
        lock (_gate)
        {
            while (_holders > 0 && _held + bytes > limit)
            {
                cancellation.ThrowIfCancellationRequested();
                Monitor.Wait(_gate);
            }
            _held += bytes;
            _holders++;
        }
    }

    /// <summary>Corrects what one holder holds, when an estimate becomes a fact; never waits.</summary>
    public void Correct(long from, long to)
    {
        lock (_gate)
        {
            _held += to - from;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Ends one holding.</summary>
    public void Release(long bytes)
    {
        lock (_gate)
        {
            _held -= bytes;
            _holders--;
            Monitor.PulseAll(_gate);
        }
    }

    private void Wake()
    {
        lock (_gate)
            Monitor.PulseAll(_gate);
    }
}
