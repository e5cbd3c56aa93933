using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Analysis;

/// <summary>
/// Order, predecessors, dominators and loops of the blocks reachable from an entry, as they were when it was made.
/// </summary>
internal sealed class ControlFlow
{
    private readonly Dictionary<Block, int> _index = [];
    private List<Edge>[] _incoming = [];
    private List<int>[] _predecessors = [];
    private int[] _dominator = [];
    private (int First, int Last)[] _dominatorInterval = [];

    public ControlFlow(Block entry)
    {
        Number(Dominance.ReversePostorder(entry, block => [.. block.Successors]));
        Loops = FindLoops();
        if (Loops.Count > 0)
        {
            Number(KeepLoopsTogether());
            Loops = FindLoops();
        }
    }

    /// <summary>
    /// The reachable blocks in a reverse postorder in which each loop is one stretch, so that a block that returns is last.
    /// </summary>
    public List<Block> Blocks { get; private set; } = [];

    /// <summary>The loops, inner ones before those around them.</summary>
    public List<LoopBlocks> Loops { get; }

    private List<Block>[] Children { get; set; } = [];

    public bool IsReachable(Block block) => _index.ContainsKey(block);

    /// <summary>The block's place in <see cref="Blocks"/>.</summary>
    public int IndexOf(Block block) => _index[block];

    /// <summary>The edges that arrive at a block.</summary>
    public IReadOnlyList<Edge> Incoming(Block block) => _incoming[_index[block]];

    /// <summary>The blocks from which those edges come, one for each edge, in the same order.</summary>
    public IEnumerable<Block> Predecessors(Block block) => _predecessors[_index[block]].Select(i => Blocks[i]);

    /// <summary>The last block that every way to this one passes; null for the entry.</summary>
    public Block? ImmediateDominator(Block block) => _index[block] is var i && i == 0 ? null : Blocks[_dominator[i]];

    /// <summary>The blocks that this one immediately dominates.</summary>
    public IReadOnlyList<Block> DominatorChildren(Block block) => Children[_index[block]];

    /// <summary>Whether every way to <paramref name="b"/> passes <paramref name="a"/>.</summary>
    public bool Dominates(Block a, Block b)
    {
        (int first, int last) = _dominatorInterval[_index[a]];
        int place = _dominatorInterval[_index[b]].First;
        return first <= place && place <= last;
    }

    /// <summary>Whether an edge goes back to the header of a loop it is in.</summary>
    public bool IsBackEdge(Block from, Block to) => _index[to] <= _index[from] && Dominates(to, from);

    /// <summary>The innermost loop around a block; null outside loops.</summary>
    public LoopBlocks? InnermostLoop(Block block) => Loops.Find(loop => loop.Blocks.Contains(block));

    private void Number(List<Block> order)
    {
        Blocks = order;
        _index.Clear();
        for (int i = 0; i < Blocks.Count; i++)
            _index.Add(Blocks[i], i);
        _incoming = [.. Blocks.Select(_ => new List<Edge>())];
        _predecessors = [.. Blocks.Select(_ => new List<int>())];
        foreach (Block block in Blocks)
        {
            foreach (Edge edge in block.Terminator.Edges)
            {
                _incoming[_index[edge.Target]].Add(edge);
                _predecessors[_index[edge.Target]].Add(_index[block]);
            }
        }
        _dominator = Dominance.ImmediateDominators(Blocks.Count, i => _predecessors[i]);
        Children = [.. Blocks.Select(_ => new List<Block>())];
        for (int i = 1; i < Blocks.Count; i++)
            Children[_dominator[i]].Add(Blocks[i]);
        _dominatorInterval = Intervals();
    }

    /// <summary>The blocks in an order of forward edges that finishes a loop before it goes on behind it.</summary>
    private List<Block> KeepLoopsTogether()
    {
        int[] waiting = [.. Blocks.Select((block, i) => _predecessors[i].Count(from => !IsBackEdge(Blocks[from], block)))];
        List<LoopBlocks>[] around = [.. Blocks.Select(block => Loops.FindAll(loop => loop.Blocks.Contains(block)))];
        Dictionary<LoopBlocks, int> left = Loops.ToDictionary(loop => loop, loop => loop.Blocks.Count);
        var ready = new SortedSet<int> { 0 };
        var order = new List<Block>(Blocks.Count);
        int last = 0;
        while (ready.Count > 0)
        {
            LoopBlocks? unfinished = around[last].Find(loop => left[loop] > 0);
            int next = unfinished is null ? ready.Min : ready.FirstOrDefault(i => unfinished.Blocks.Contains(Blocks[i]), ready.Min);
            ready.Remove(next);
            last = next;
            order.Add(Blocks[next]);
            around[next].ForEach(loop => left[loop]--);
            foreach (Block successor in Blocks[next].Successors)
            {
                if (!IsBackEdge(Blocks[next], successor) && --waiting[_index[successor]] == 0)
                    ready.Add(_index[successor]);
            }
        }
        // A jump into a loop leaves blocks waiting for each other; such kernels are refused later.
        return order.Count == Blocks.Count ? order : Blocks;
    }

    /// <summary>Preorder intervals of the dominator tree, so that dominance is two comparisons.</summary>
    private (int First, int Last)[] Intervals()
    {
        var intervals = new (int First, int Last)[Blocks.Count];
        var path = new Stack<(int Block, bool Leave)>();
        path.Push((0, false));
        int clock = 0;
        while (path.TryPop(out (int Block, bool Leave) top))
        {
            if (top.Leave)
            {
                intervals[top.Block].Last = clock - 1;
                continue;
            }
            intervals[top.Block].First = clock++;
            path.Push((top.Block, true));
            foreach (Block child in Children[top.Block])
                path.Push((_index[child], false));
        }
        return intervals;
    }

    private List<LoopBlocks> FindLoops()
    {
        var loops = new List<LoopBlocks>();
        // Headers from the end: an inner header comes after the outer one.
        for (int header = Blocks.Count - 1; header >= 0; header--)
        {
            List<int> latches = [.. _predecessors[header].Where(p => p >= header && Dominates(Blocks[header], Blocks[p])).Distinct()];
            if (latches.Count == 0)
                continue;
            var body = new HashSet<Block> { Blocks[header] };
            var work = new Stack<int>(latches);
            while (work.TryPop(out int block))
            {
                if (body.Add(Blocks[block]))
                    _predecessors[block].ForEach(work.Push);
            }
            loops.Add(new LoopBlocks(Blocks[header], body, [.. latches.Select(latch => Blocks[latch])]));
        }
        return loops;
    }
}

/// <summary>A loop: its header, all its blocks with those of inner loops, and the blocks that go back to the header.</summary>
internal sealed record LoopBlocks(Block Header, HashSet<Block> Blocks, List<Block> Latches);
