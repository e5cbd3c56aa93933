namespace EcapaIlgpu.Extraction;

/// <summary>
/// Memory that files read ahead of the engine may hold. A file of more than half of it is held outside the account, two such at a time, so
/// that one can be read while the other is embedded: it neither waits until nothing else is held, with the engine idle meanwhile, nor keeps
/// the others out. Safe for any number of threads.
/// </summary>
internal sealed class LookAheadBudget(long limit)
{
    private const int MostGiants = 2;

    private readonly object _gate = new();
    private long _held;
    private int _giants;

    /// <summary>Waits until <paramref name="bytes"/> fit and holds them.</summary>
    public void Acquire(long bytes, CancellationToken cancellation)
    {
        using CancellationTokenRegistration wake = cancellation.UnsafeRegister(static budget => ((LookAheadBudget)budget!).Wake(), this);
        lock (_gate)
        {
            while (IsGiant(bytes) ? _giants >= MostGiants : _held + bytes > limit)
            {
                cancellation.ThrowIfCancellationRequested();
                Monitor.Wait(_gate);
            }
            Hold(bytes, 1);
        }
    }

    /// <summary>Corrects what one holder holds, when an estimate becomes a fact; never waits.</summary>
    public void Correct(long from, long to)
    {
        lock (_gate)
        {
            Hold(from, -1);
            Hold(to, 1);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Ends one holding.</summary>
    public void Release(long bytes)
    {
        lock (_gate)
        {
            Hold(bytes, -1);
            Monitor.PulseAll(_gate);
        }
    }

    private bool IsGiant(long bytes) => bytes > limit / 2;

    private void Hold(long bytes, int sign)
    {
        if (IsGiant(bytes))
            _giants += sign;
        else
            _held += sign * bytes;
    }

    private void Wake()
    {
        lock (_gate)
            Monitor.PulseAll(_gate);
    }
}
