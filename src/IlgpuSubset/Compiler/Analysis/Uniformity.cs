using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Analysis;

/// <summary>
/// Which values are the same in all threads of a group that are active where they are computed, and which branches therefore go
/// one way for the whole group. What is not proven uniform counts as varying.
/// </summary>
/// <remarks>
/// A load from a uniform address of global or shared memory is uniform: threads that race with a store to it would be a fault of
/// the kernel. A value computed in a loop that threads leave at different times varies, since they keep different last values.
/// </remarks>
internal sealed class Uniformity
{
    private readonly HashSet<Value> _varying = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Block> _splitting = [];
    private readonly Dictionary<Block, Block> _divergentRegion = [];
    private readonly ControlFlow _flow;
    private readonly int[] _postDominator;

    public Uniformity(IrKernel kernel)
    {
        _flow = new ControlFlow(kernel.Entry);
        _postDominator = PostDominators();
        bool changed = true;
        while (changed)
        {
            changed = false;
            foreach (Block block in _flow.Blocks)
            {
                foreach (Instruction instruction in block.Instructions)
                    changed |= Varies(instruction) && _varying.Add(instruction);
                foreach (Edge edge in block.Terminator.Edges)
                {
                    for (int i = 0; i < edge.Arguments.Length; i++)
                        changed |= !IsUniform(edge.Arguments[i]) && _varying.Add(edge.Target.Parameters[i]);
                }
                if (block.Terminator.Condition is { } condition && !IsUniform(condition) && _splitting.Add(block))
                {
                    Split(block);
                    changed = true;
                }
            }
        }
    }

    /// <summary>Whether all active threads of the group have the same value.</summary>
    public bool IsUniform(Value value) => !_varying.Contains(value);

    /// <summary>Whether a block's branch, if it has one, goes one way for all threads that arrive.</summary>
    public bool BranchIsUniform(Block block) => !_splitting.Contains(block);

    /// <summary>Whether all threads of the group are in a block together, or none.</summary>
    public bool RunsTogether(Block block) => !_divergentRegion.ContainsKey(block);

    /// <summary>A block whose branch makes threads arrive at a block apart.</summary>
    public Block DivergedAt(Block block) => _divergentRegion[block];

    private bool Varies(Instruction i) => i.Op switch
    {
        Opcode.Special => i.Number is SpecialNumber.GroupIdX or SpecialNumber.GroupIdY or SpecialNumber.GroupIdZ or SpecialNumber.LaneIdx,
        Opcode.Shuffle or Opcode.Atomic or Opcode.LocalAlloc or Opcode.MatrixMultiply or Opcode.MatrixLoad => true,
        Opcode.BarrierReduce => false,
        Opcode.Broadcast => !IsUniform(i.Operands[1]),
        _ => i.Operands.Any(operand => !IsUniform(operand)),
    };

    /// <summary>Marks what depends on which way a thread went at a branch that threads take differently.</summary>
    private void Split(Block branch)
    {
        int end = _postDominator[_flow.IndexOf(branch)];
        var region = new HashSet<Block>();
        var work = new Stack<Block>(branch.Successors);
        while (work.TryPop(out Block? block))
        {
            if (_flow.IndexOf(block) != end && region.Add(block))
            {
                foreach (Block successor in block.Successors)
                    work.Push(successor);
            }
        }
        foreach (Block block in region)
        {
            _divergentRegion.TryAdd(block, branch);
            MarkParameters(block);
        }
        MarkParameters(_flow.Blocks[end]);

        // Threads leave these loops at different times.
        foreach (LoopBlocks loop in _flow.Loops.Where(loop => loop.Blocks.Contains(branch) && !loop.Blocks.Contains(_flow.Blocks[end])))
        {
            HashSet<Value> inside = new(ReferenceEqualityComparer.Instance);
            foreach (Block block in loop.Blocks)
            {
                inside.UnionWith(block.Instructions);
                inside.UnionWith(block.Parameters);
            }
            foreach (Block block in _flow.Blocks.Where(block => !loop.Blocks.Contains(block)))
            {
                foreach (Value operand in block.Instructions.SelectMany(i => i.Operands)
                    .Concat(block.Terminator.Edges.SelectMany(edge => edge.Arguments)).Append(block.Terminator.Condition!))
                {
                    if (operand is not null && inside.Contains(operand))
                        _varying.Add(operand);
                }
            }
            foreach (Edge edge in loop.Blocks.SelectMany(block => block.Terminator.Edges).Where(edge => !loop.Blocks.Contains(edge.Target)))
                _varying.UnionWith(edge.Target.Parameters);
        }

        void MarkParameters(Block block)
        {
            // A single edge brings all threads that arrive the same way.
            if (_flow.Incoming(block).Count > 1)
                _varying.UnionWith(block.Parameters);
        }
    }

    /// <summary>For each block the first block that every way from it to the end passes, as indices.</summary>
    private int[] PostDominators()
    {
        // The reversed graph, from the one block that returns, which is last.
        int count = _flow.Blocks.Count;
        int[] number = new int[count];
        List<int> order = Dominance.ReversePostorder<int>(
            count - 1, i => [.. _flow.Predecessors(_flow.Blocks[i]).Select(_flow.IndexOf)]);
        for (int i = 0; i < order.Count; i++)
            number[order[i]] = i;
        int[] dominator = Dominance.ImmediateDominators(
            order.Count, i => [.. _flow.Blocks[order[i]].Successors.Select(block => number[_flow.IndexOf(block)])]);
        int[] result = new int[count];
        for (int i = 0; i < order.Count; i++)
            result[order[i]] = order[dominator[i]];
        return result;
    }
}
