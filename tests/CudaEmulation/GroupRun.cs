using System.Numerics;
using System.Runtime.InteropServices;

namespace CudaEmulation;

/// <summary>
/// Runs groups of one launch, one after another: their warps up to a barrier each, then on. Shared memory knows who wrote and read each
/// word since the last barrier, so that a missing barrier is found although warps do not really run side by side.
/// </summary>
internal sealed unsafe class GroupRun : IDisposable
{
    private const int ManyReaders = 63;

    private readonly Warp[] _warps;
    private readonly uint[] _groupDim;
    private readonly int _threads;
    private readonly uint* _writers;
    private readonly uint* _readers;
    private uint _epoch;

    public GroupRun(PtxProgram program, DeviceMemory memory, uint[] gridDim, uint[] groupDim, int dynamicSharedBytes, byte[] arguments)
    {
        Program = program;
        Memory = memory;
        GridDim = gridDim;
        _groupDim = groupDim;
        _threads = (int)(groupDim[0] * groupDim[1] * groupDim[2]);
        DynamicSharedBytes = dynamicSharedBytes;
        Arguments = arguments;
        SharedBytes = (program.Entry.StaticSharedBytes + 15) / 16 * 16 + dynamicSharedBytes;
        Shared = (byte*)NativeMemory.AlignedAlloc((nuint)SharedBytes + 16, 64);
        _writers = (uint*)NativeMemory.AllocZeroed((nuint)SharedBytes + 16);
        _readers = (uint*)NativeMemory.AllocZeroed((nuint)SharedBytes + 16);
        _warps = [.. Enumerable.Range(0, (_threads + Warp.Lanes - 1) / Warp.Lanes).Select(number => new Warp(this, number))];
    }

    public PtxProgram Program { get; }

    public DeviceMemory Memory { get; }

    public uint[] GridDim { get; }

    public int DynamicSharedBytes { get; }

    public byte[] Arguments { get; }

    public byte* Shared { get; }

    public int SharedBytes { get; }

    /// <summary>The linear number of the group now running.</summary>
    public long Number { get; private set; }

    public long LaneStatements => _warps.Sum(warp => warp.LaneStatements);

    public void Run(long number)
    {
        Number = number;
        ReadOnlySpan<uint> id =
            [(uint)(number % GridDim[0]), (uint)(number / GridDim[0] % GridDim[1]), (uint)(number / GridDim[0] / GridDim[1])];
        NativeMemory.Clear(_writers, (nuint)SharedBytes);
        NativeMemory.Clear(_readers, (nuint)SharedBytes);
        _epoch = 1;
        for (int i = 0; i < _warps.Length; i++)
            _warps[i].Start(_threads - i * Warp.Lanes, _groupDim, id);
        while (true)
        {
            int waiting = 0;
            foreach (Warp warp in _warps)
            {
                if (warp.Run())
                    waiting++;
            }
            if (waiting == 0)
                return;
            int barrier = Array.Find(_warps, warp => warp.Live != 0)!.WaitingAt;
            if (waiting < _warps.Length || Array.Exists(_warps, warp => warp.WaitingAt != barrier))
                throw new PtxFault($"only some threads of group {number} reach the barrier {Program.Describe(barrier)}");
            PassBarrier(ref Program.Code[barrier]);
        }
    }

    /// <summary>
    /// Shared memory at an address for a read; the words must have been written, and not by another warp since the last barrier.
    /// </summary>
    public byte* ReadShared(Warp warp, int lane, uint address, int size)
    {
        Check(warp, lane, address, size);
        uint me = _epoch << 6 | (uint)warp.Number;
        for (uint word = address / 4; word <= (address + (uint)size - 1) / 4; word++)
        {
            uint writer = _writers[word];
            if (writer == 0)
                throw warp.Fault(lane, $"shared memory at {address} is read before it is written");
            if (size < 4)
                continue;
            if (writer >> 6 == _epoch && writer != me)
                throw warp.Fault(lane, $"shared memory at {address} is read while warp {writer & 63} writes it: no barrier between");
            uint reader = _readers[word];
            _readers[word] = reader >> 6 == _epoch && reader != me ? _epoch << 6 | ManyReaders : me;
        }
        return Shared + address;
    }

    /// <summary>Shared memory at an address for a write of these bytes.</summary>
    public byte* WriteShared(Warp warp, int lane, uint address, int size, byte* bytes)
    {
        Check(warp, lane, address, size);
        uint me = _epoch << 6 | (uint)warp.Number;
        for (uint word = address / 4; word <= (address + (uint)size - 1) / 4; word++)
        {
            uint writer = _writers[word], reader = _readers[word];
            bool isOthers = size >= 4 && ((writer >> 6 == _epoch && writer != me) || (reader >> 6 == _epoch && reader != me));
            // All warps may write the same number.
            if (isOthers && *(uint*)(Shared + word * 4) != *(uint*)(bytes + (word * 4 - address)))
                throw warp.Fault(lane, $"shared memory at {address} is written while another warp uses it: no barrier between");
            _writers[word] = me;
        }
        return Shared + address;
    }

    /// <summary>Shared memory at an address for an atomic operation, which may race.</summary>
    public byte* UpdateShared(Warp warp, int lane, uint address, int size)
    {
        Check(warp, lane, address, size);
        if (_writers[address / 4] == 0)
            throw warp.Fault(lane, $"shared memory at {address} is updated before it is written");
        return Shared + address;
    }

    public void Dispose()
    {
        foreach (Warp warp in _warps)
            warp.Dispose();
        NativeMemory.AlignedFree(Shared);
        NativeMemory.Free(_writers);
        NativeMemory.Free(_readers);
    }

    private void Check(Warp warp, int lane, uint address, int size)
    {
        if (address > (uint)SharedBytes || (uint)size > (uint)SharedBytes - address)
            throw warp.Fault(lane, $"shared address {(int)address} of {size} bytes; the group has {SharedBytes}", isAddress: true);
        if (address % (uint)size != 0)
            throw warp.Fault(lane, $"shared address {address} is not a multiple of {size}", isAddress: true);
    }

    private void PassBarrier(ref DecodedStatement barrier)
    {
        _epoch++;
        if (barrier.Reduction is not null)
        {
            int count = 0;
            foreach (Warp warp in _warps)
                count += BitOperations.PopCount(*(uint*)(warp.Registers + barrier.Operand) & warp.Live);
            foreach (Warp warp in _warps)
            {
                uint* result = (uint*)(warp.Registers + barrier.Result);
                if (barrier.Reduction == "popc")
                    new Span<uint>(result, Warp.Lanes).Fill((uint)count);
                else
                    *result = (barrier.Reduction == "and" ? count == _threads : count > 0) ? uint.MaxValue : 0;
            }
        }
        foreach (Warp warp in _warps)
            warp.PassBarrier();
    }
}
