using System.Numerics;

namespace CudaEmulation;

/// <summary>
/// The copies to shared memory that a warp's lanes have started and not yet waited for: they end only when a lane waits for them.
/// </summary>
internal sealed unsafe class AsyncCopies(Warp warp)
{
    private readonly Queue<List<(uint Address, byte[] Bytes)>>[] _groups =
        [.. Enumerable.Range(0, Warp.Lanes).Select(_ => new Queue<List<(uint, byte[])>>())];
    private readonly List<(uint Address, byte[] Bytes)>[] _open =
        [.. Enumerable.Range(0, Warp.Lanes).Select(_ => new List<(uint, byte[])>())];

    /// <summary>Starts a copy.</summary>
    public void Start(int lane, uint address, byte[] bytes) => _open[lane].Add((address, bytes));

    /// <summary>Makes a group of what each lane has started.</summary>
    public void Commit(uint mask)
    {
        for (uint m = mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            _groups[lane].Enqueue(_open[lane]);
            _open[lane] = [];
        }
    }

    /// <summary>Ends all groups of each lane but the latest.</summary>
    public void Wait(uint mask, int pending)
    {
        for (uint m = mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            while (_groups[lane].Count > pending)
            {
                foreach ((uint address, byte[] bytes) in _groups[lane].Dequeue())
                {
                    fixed (byte* from = bytes)
                        bytes.CopyTo(new Span<byte>(warp.Group.WriteShared(warp, lane, address, bytes.Length, from), bytes.Length));
                }
            }
        }
    }

    /// <summary>Forgets the group before.</summary>
    public void Clear()
    {
        for (int lane = 0; lane < Warp.Lanes; lane++)
        {
            _groups[lane].Clear();
            _open[lane].Clear();
        }
    }
}
