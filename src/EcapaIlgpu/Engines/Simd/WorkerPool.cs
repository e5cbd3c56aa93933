namespace EcapaIlgpu.Engines.Simd;

/// <summary>
/// A fixed set of threads that run numbered pieces of work together with the caller and meet at the end. A forward pass is some forty such
/// meetings of a fraction of a millisecond each: threads of our own that look for work a few microseconds before they sleep cost less there
/// than the shared pool's queues.
/// </summary>
/// <remarks>One caller at a time. The threads hold the pool: only <see cref="Dispose"/> ends them, never the garbage collector.</remarks>
internal sealed class WorkerPool : IDisposable
{
    /// <summary>
    /// Looks at the work counter before a thread sleeps, about 20 microseconds' worth: longer than the gap between two stages, short beside
    /// a stage.
    /// </summary>
    private const int SpinsBeforeSleep = 400;

    private readonly Worker[] _workers;
    private Action<int, int>? _work;
    private int _items;
    private int _next;
    private int _running;
    private volatile int _round;
    private volatile bool _stopped;
    private Exception? _failure;

    /// <param name="threads">Threads that work, the caller among them.</param>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        Threads = threads;
        _workers = new Worker[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            Worker worker = _workers[i] = new Worker();
            int thread = i + 1;
            worker.Thread = new Thread(() => Loop(worker, thread)) { IsBackground = true, Name = $"ecapa worker {thread}" };
            worker.Thread.Start();
        }
    }

    /// <summary>Threads that work, the caller among them.</summary>
    public int Threads { get; }

    /// <summary>
    /// Runs <paramref name="work"/> (item, thread) for the items 0 to <paramref name="items"/> - 1 in any order, on threads 0 (the caller)
    /// to <see cref="Threads"/> - 1; returns when all are done.
    /// </summary>
    /// <exception cref="Exception">The first exception that a piece threw; the pieces not yet begun are then left out.</exception>
    public void Run(int items, Action<int, int> work)
    {
        if (items == 1 || _workers.Length == 0)
        {
            for (int i = 0; i < items; i++)
                work(i, 0);
            return;
        }
        _work = work;
        _items = items;
        _failure = null;
        _running = _workers.Length;
        Volatile.Write(ref _next, 0);
        Interlocked.Increment(ref _round);
        foreach (Worker worker in _workers)
            worker.WakeIfAsleep();
        TakeItems(0);
        SpinWait spin = default;
        while (Volatile.Read(ref _running) > 0)
            spin.SpinOnce(sleep1Threshold: -1);
        _work = null;
        if (_failure is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(_failure);
    }

    /// <summary>Ends the threads. Safe to call twice.</summary>
    public void Dispose()
    {
        if (_stopped)
            return;
        _stopped = true;
        Interlocked.MemoryBarrier();
        foreach (Worker worker in _workers)
        {
            worker.WakeIfAsleep();
            worker.Thread!.Join();
            worker.Wake.Dispose();
        }
    }

    private void Loop(Worker worker, int thread)
    {
        int seen = 0;
        while (true)
        {
            AwaitRound(worker, seen);
            if (_stopped)
                return;
            seen = _round;
            TakeItems(thread);
            Interlocked.Decrement(ref _running);
        }
    }

    /// <summary>Returns when the round is no longer <paramref name="seen"/> or the pool has stopped.</summary>
    private void AwaitRound(Worker worker, int seen)
    {
        for (int spin = 0; spin < SpinsBeforeSleep; spin++)
        {
            if (_round != seen || _stopped)
                return;
            Thread.SpinWait(8);
        }
        // The caller changes the round, then looks who sleeps; we say that we sleep, then look at the round: with a full fence between on
        // both sides one of the two sees the other, and no call is lost. A permit too many only makes this loop turn once more.
        Interlocked.Exchange(ref worker.Asleep, 1);
        while (_round == seen && !_stopped)
            worker.Wake.Wait();
        Volatile.Write(ref worker.Asleep, 0);
    }

    private void TakeItems(int thread)
    {
        Action<int, int> work = _work!;
        int items = _items;
        for (int item = Interlocked.Increment(ref _next) - 1; item < items; item = Interlocked.Increment(ref _next) - 1)
        {
            try
            {
                work(item, thread);
            }
            catch (Exception failure)
            {
                Interlocked.CompareExchange(ref _failure, failure, null);
                Volatile.Write(ref _next, items);
            }
        }
    }

    private sealed class Worker
    {
        /// <summary>1 while the thread may be waiting for <see cref="Wake"/>.</summary>
        public int Asleep;

        public Thread? Thread { get; set; }

        /// <summary>One per thread: of a shared one, a quick thread could take a slow thread's permit and leave it asleep.</summary>
        public SemaphoreSlim Wake { get; } = new(0);

        public void WakeIfAsleep()
        {
            if (Volatile.Read(ref Asleep) != 0)
                Wake.Release();
        }
    }
}
