using System.Runtime.InteropServices;

namespace CudaEmulation;

/// <summary>
/// A device's memory: allocations far apart at addresses that are no addresses of the host, so that an index a little out of range and a
/// host pointer are both caught. Each byte knows whether it was written.
/// </summary>
internal sealed unsafe class DeviceMemory : IDisposable
{
    private const ulong FirstAddress = 0x7000_0000_0000;
    private const ulong Gap = 1 << 20;

    private readonly Lock _lock = new();
    private Allocation[] _allocations = [];
    private ulong _next = FirstAddress;

    /// <summary>Held by atomics on global memory.</summary>
    public Lock AtomicLock { get; } = new();

    public long BytesInUse { get; private set; }

    public int Count => _allocations.Length;

    public ulong Allocate(long bytes)
    {
        lock (_lock)
        {
            var allocation = new Allocation(_next, bytes);
            // Device memory starts at multiples of 256 bytes.
            _next += ((ulong)bytes + Gap + 255) / 256 * 256;
            // In order, since addresses only grow.
            _allocations = [.. _allocations, allocation];
            BytesInUse += bytes;
            return allocation.Address;
        }
    }

    public bool Free(ulong address)
    {
        lock (_lock)
        {
            int i = Array.FindIndex(_allocations, allocation => allocation.Address == address);
            if (i < 0)
                return false;
            BytesInUse -= _allocations[i].Length;
            _allocations[i].Dispose();
            _allocations = [.. _allocations[..i], .. _allocations[(i + 1)..]];
            return true;
        }
    }

    /// <summary>The allocation that holds a stretch of bytes; null where none holds all of it.</summary>
    public Allocation? Find(ulong address, long bytes)
    {
        Allocation[] allocations = _allocations;
        int low = 0, high = allocations.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            Allocation candidate = allocations[middle];
            if (address < candidate.Address)
                high = middle - 1;
            else if (address - candidate.Address >= (ulong)candidate.Length)
                low = middle + 1;
            else
                return candidate.Holds(address, bytes) ? candidate : null;
        }
        return null;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (Allocation allocation in _allocations)
                allocation.Dispose();
            _allocations = [];
            BytesInUse = 0;
        }
    }
}

/// <summary>A piece of device memory.</summary>
internal sealed unsafe class Allocation : IDisposable
{
    public Allocation(ulong address, long length)
    {
        Address = address;
        Length = length;
        Bytes = (byte*)NativeMemory.AlignedAlloc((nuint)length, 64);
        Written = (byte*)NativeMemory.AllocZeroed((nuint)length);
    }

    public ulong Address { get; }

    public long Length { get; private set; }

    public byte* Bytes { get; private set; }

    /// <summary>For each byte 1 where it was written.</summary>
    public byte* Written { get; private set; }

    public bool Holds(ulong address, long bytes) =>
        address >= Address && address - Address <= (ulong)Length && (long)(address - Address) <= Length - bytes;

    public void MarkWritten(ulong address, long bytes) => NativeMemory.Fill(Written + (address - Address), (nuint)bytes, 1);

    public void Dispose()
    {
        // A cached reference finds nothing here any more.
        Length = 0;
        NativeMemory.AlignedFree(Bytes);
        NativeMemory.Free(Written);
        Bytes = Written = null;
    }
}
