namespace EcapaIlgpu.Engines.Kernels;

/// <summary>The slots of a device, each lent to one thread at a time. Thread-safe.</summary>
internal sealed class SlotPool : IDisposable
{
    private readonly EngineSlot[] _slots;
    private readonly bool[] _lent;
    private readonly SemaphoreSlim _free;
    private readonly SemaphoreSlim _whole = new(1);

    /// <param name="slots">The slots; the pool's from here on.</param>
    public SlotPool(EngineSlot[] slots)
    {
        (_slots, _lent) = (slots, new bool[slots.Length]);
        _free = new SemaphoreSlim(slots.Length);
    }

    /// <summary>How many there are.</summary>
    public int Count => _slots.Length;

    /// <summary>The slot that a single caller always gets.</summary>
    public EngineSlot First => _slots[0];

    /// <summary>Waits for a free slot.</summary>
    public SlotLease Rent(CancellationToken cancellation)
    {
        _free.Wait(cancellation);
        lock (_lent)
        {
            // The first free one: a single caller always has the same, with its memory and its graphs.
            int index = Array.IndexOf(_lent, false);
            _lent[index] = true;
            return new SlotLease(_slots[index], () => Return(index));
        }
    }

    /// <summary>
    /// Waits until no slot is in use and has all their memory given back: for a batch that needs the device to itself. The caller holds
    /// no slot, or it would wait for itself.
    /// </summary>
    public SlotLease RentAlone(CancellationToken cancellation)
    {
        // One at a time: two that hold slots and wait for each other's would wait for ever.
        _whole.Wait(cancellation);
        Stack<SlotLease> leases = [];
        try
        {
            while (leases.Count < _slots.Length)
                leases.Push(Rent(cancellation));
            foreach (SlotLease lease in leases)
                lease.Slot.Release();
            return new SlotLease(_slots[0], ReturnAll);
        }
        catch
        {
            ReturnAll();
            throw;
        }

        void ReturnAll()
        {
            foreach (SlotLease lease in leases)
                lease.Dispose();
            _whole.Release();
        }
    }

    /// <summary>Disposes the slots; none may be in use.</summary>
    public void Dispose()
    {
        foreach (EngineSlot slot in _slots)
            slot.Dispose();
        _free.Dispose();
        _whole.Dispose();
    }

    private void Return(int index)
    {
        lock (_lent)
            _lent[index] = false;
        _free.Release();
    }
}

/// <summary>A slot that is the holder's until the lease is disposed.</summary>
internal sealed class SlotLease(EngineSlot slot, Action giveBack) : IDisposable
{
    public EngineSlot Slot => slot;

    public void Dispose() => giveBack();
}
