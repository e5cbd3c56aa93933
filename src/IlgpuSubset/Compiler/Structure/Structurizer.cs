using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Structure;

/// <summary>
/// Turns the blocks of a finished kernel into nested regions, after Ramsey, "Beyond Relooper" (2022), with what follows a loop
/// placed after the loop instead of inside it.
/// </summary>
/// <remarks>
/// A block to which one forward edge leads stands where that edge is. One to which several lead follows its immediate dominator,
/// and edges to it break out of what comes before it. Compiled C# is reducible, so all other edges go back to a loop around them.
/// </remarks>
internal sealed class Structurizer
{
    private readonly ControlFlow _flow;
    private readonly Uniformity _uniformity;
    private readonly Dictionary<Block, LoopBlocks> _loopOf = [];
    private readonly Dictionary<Block, LoopBlocks> _headed = [];
    private readonly Dictionary<Block, List<Block>> _followers = [];
    private readonly Dictionary<Block, List<Block>> _afterLoop = [];
    private readonly HashSet<Block> _placed = [];
    private readonly Dictionary<Block, Label> _labels = [];
    private readonly Dictionary<Block, Label> _loopLabels = [];

    private Structurizer(IrKernel kernel, Uniformity uniformity)
    {
        _flow = new ControlFlow(kernel.Entry);
        _uniformity = uniformity;
        foreach (LoopBlocks loop in _flow.Loops)
        {
            _headed.Add(loop.Header, loop);
            foreach (Block block in loop.Blocks)
                _loopOf.TryAdd(block, loop);
        }
        // In order, so that the lists are.
        foreach (Block block in _flow.Blocks.Skip(1))
            FindPlace(block);
    }

    /// <summary>The regions of a finished kernel. Its end is the end of the thread.</summary>
    public static Region Structure(IrKernel kernel, Uniformity uniformity) =>
        new Structurizer(kernel, uniformity).Tree(kernel.Entry, null);

    private void FindPlace(Block block)
    {
        Block dominator = _flow.ImmediateDominator(block)!;
        LoopBlocks? left = null;
        // The outermost loop that is around the dominator but not around the block.
        foreach (LoopBlocks loop in _flow.Loops)
        {
            if (loop.Blocks.Contains(dominator) && !loop.Blocks.Contains(block))
                left = loop;
        }
        if (left is not null)
            Add(_afterLoop, left.Header);
        else if (_flow.Predecessors(block).Count(from => !_flow.IsBackEdge(from, block)) > 1)
            Add(_followers, dominator);

        void Add(Dictionary<Block, List<Block>> places, Block owner)
        {
            if (!places.TryGetValue(owner, out List<Block>? list))
                places.Add(owner, list = []);
            list.Add(block);
            _placed.Add(block);
        }
    }

    /// <summary>A block and all it dominates; where control reaches the end it goes to <paramref name="next"/>.</summary>
    private Region Tree(Block block, Block? next)
    {
        if (!_headed.TryGetValue(block, out LoopBlocks? loop))
            return Followed(_followers.GetValueOrDefault(block, []), next, after => Body(block, after));

        List<Block> after = _afterLoop.GetValueOrDefault(block, []);
        var label = new Label();
        _loopLabels.Add(block, label);
        return Followed(after, next, behind =>
        {
            // Leaving the loop for what comes right behind it is a break of the loop itself.
            Label? outer = null;
            if (behind is not null)
            {
                _labels.Remove(behind, out outer);
                _labels.Add(behind, label);
            }
            Region body = Followed(_followers.GetValueOrDefault(block, []), block, inner => Body(block, inner));
            if (outer is not null)
                _labels[behind!] = outer;
            bool uniform = loop.Blocks.All(
                inside => inside.Successors.All(loop.Blocks.Contains) || BranchesTogether(inside, loop));
            return new Loop(label, uniform, body);
        });
    }

    /// <summary>Whether threads leave a loop together at one of its exits: their ways within the loop must not have parted.</summary>
    private bool BranchesTogether(Block exit, LoopBlocks loop) =>
        _uniformity.BranchIsUniform(exit)
        && (_uniformity.RunsTogether(exit) || !loop.Blocks.Contains(_uniformity.DivergedAt(exit)));

    /// <summary>A first region and then the blocks that follow it, each a target of breaks out of what comes before it.</summary>
    private Region Followed(List<Block> followers, Block? next, Func<Block?, Region> first)
    {
        foreach (Block follower in followers)
            _labels.TryAdd(follower, new Label());
        Region result = first(followers.Count > 0 ? followers[0] : next);
        for (int i = 0; i < followers.Count; i++)
        {
            Label label = _labels[followers[i]];
            if (label.HasBreak)
                result = new Labeled(label, result);
            result = Join(result, Tree(followers[i], i + 1 < followers.Count ? followers[i + 1] : next));
        }
        return result;
    }

    private Region Body(Block block, Block? next)
    {
        Edge[] edges = block.Terminator.Edges;
        Region branch = edges.Length switch
        {
            0 => new Sequence([]),
            1 => Way(block, edges[0], next),
            _ => new If(
                block.Terminator.Condition!, _uniformity.BranchIsUniform(block), Way(block, edges[0], next), Way(block, edges[1], next)),
        };
        return Join(new Straight(block), branch);
    }

    private Region Way(Block from, Edge edge, Block? next)
    {
        Region assign = edge.Arguments.Length == 0
            ? new Sequence([])
            : new Assign([.. edge.Target.Parameters.Zip(edge.Arguments)]);
        return Join(assign, Go());

        Region Go()
        {
            if (edge.Target == next)
                return new Sequence([]);
            if (_flow.IsBackEdge(from, edge.Target))
            {
                Label loop = _loopLabels[edge.Target];
                loop.HasContinue = true;
                return new Continue(loop);
            }
            if (!_placed.Contains(edge.Target))
                return Tree(edge.Target, next);
            Label label = _labels[edge.Target];
            label.HasBreak = true;
            return new Break(label);
        }
    }

    private static Sequence Join(Region first, Region second) => new([.. first.InOrder, .. second.InOrder]);
}
