using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>
/// Removes what cannot be reached, branches whose way is known, blocks that only pass control on, and parameters that always get
/// one value; joins blocks that always follow each other.
/// </summary>
internal static class SimplifyControlFlow
{
    public static void Run(IrKernel kernel)
    {
        bool changed = true;
        while (changed)
        {
            changed = false;
            foreach (Block block in new ControlFlow(kernel.Entry).Blocks)
                changed |= CutAtTrap(block) | FoldBranch(block);
            changed |= RemoveTrivialParameters(kernel);
            changed |= SkipEmptyBlocks(kernel);
            changed |= JoinBlocks(kernel);
        }
        kernel.Blocks = new ControlFlow(kernel.Entry).Blocks;
    }

    /// <summary>Nothing runs after a trap.</summary>
    private static bool CutAtTrap(Block block)
    {
        int trap = block.Instructions.FindIndex(i => i.Op == Opcode.Trap);
        if (trap < 0 || trap == block.Instructions.Count - 1)
            return false;
        block.Instructions.RemoveRange(trap + 1, block.Instructions.Count - trap - 1);
        return true;
    }

    private static bool FoldBranch(Block block)
    {
        Terminator terminator = block.Terminator;
        if (terminator.Edges.Length < 2)
            return false;
        if (terminator.Condition is Constant condition)
        {
            block.Terminator = Terminator.Jump(terminator.Edges[condition.IsZero ? 1 : 0]);
            return true;
        }
        Edge[] edges = terminator.Edges;
        if (edges[0].Target == edges[1].Target && edges[0].Arguments.Zip(edges[1].Arguments).All(pair => Same(pair.First, pair.Second)))
        {
            block.Terminator = Terminator.Jump(edges[0]);
            return true;
        }
        return false;
    }

    private static bool Same(Value a, Value b) => a == b || (a is Constant constant && constant.Equals(b as Constant));

    private static bool RemoveTrivialParameters(IrKernel kernel)
    {
        var flow = new ControlFlow(kernel.Entry);
        var substitution = new Substitution();
        bool changed = true;
        while (changed)
        {
            changed = false;
            foreach (Block block in flow.Blocks)
            {
                for (int i = block.Parameters.Count - 1; i >= 0; i--)
                {
                    BlockParameter parameter = block.Parameters[i];
                    Value? only = null;
                    bool trivial = true;
                    foreach (Edge edge in flow.Incoming(block))
                    {
                        Value argument = substitution.Resolve(edge.Arguments[i]);
                        if (argument == parameter || (only is not null && Same(only, argument)))
                            continue;
                        trivial = only is null;
                        only = argument;
                        if (!trivial)
                            break;
                    }
                    if (!trivial || only is null)
                        continue;
                    substitution.Replace(parameter, only);
                    block.Parameters.RemoveAt(i);
                    foreach (Edge edge in flow.Incoming(block))
                        edge.Arguments = [.. edge.Arguments[..i], .. edge.Arguments[(i + 1)..]];
                    changed = true;
                }
            }
        }
        if (!substitution.IsEmpty)
            flow.Blocks.ForEach(substitution.Apply);
        return !substitution.IsEmpty;
    }

    /// <summary>Edges to a block that does nothing but jump go straight to where it jumps.</summary>
    private static bool SkipEmptyBlocks(IrKernel kernel)
    {
        var flow = new ControlFlow(kernel.Entry);
        bool changed = false;
        foreach (Block block in flow.Blocks.Skip(1))
        {
            if (block.Instructions.Count > 0 || block.Terminator.Edges is not [var onward] || onward.Target == block)
                continue;
            // Its parameters must not be used further on.
            if (block.Parameters.Count > 0 && !OnlyPassedOn(flow, block))
                continue;
            foreach (Edge edge in flow.Incoming(block))
            {
                var arguments = new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance);
                for (int i = 0; i < block.Parameters.Count; i++)
                    arguments.Add(block.Parameters[i], edge.Arguments[i]);
                edge.Target = onward.Target;
                edge.Arguments = [.. onward.Arguments.Select(argument => arguments.GetValueOrDefault(argument, argument))];
                changed = true;
            }
        }
        return changed;
    }

    private static bool OnlyPassedOn(ControlFlow flow, Block block)
    {
        var parameters = new HashSet<Value>(block.Parameters, ReferenceEqualityComparer.Instance);
        foreach (Block other in flow.Blocks)
        {
            if (other.Instructions.Any(i => i.Operands.Any(parameters.Contains))
                || (other.Terminator.Condition is { } condition && parameters.Contains(condition))
                || (other != block && other.Terminator.Edges.Any(edge => edge.Arguments.Any(parameters.Contains))))
                return false;
        }
        return true;
    }

    private static bool JoinBlocks(IrKernel kernel)
    {
        var flow = new ControlFlow(kernel.Entry);
        var substitution = new Substitution();
        var joined = new HashSet<Block>();
        foreach (Block block in flow.Blocks)
        {
            if (joined.Contains(block))
                continue;
            while (block.Terminator.Edges is [var edge] && edge.Target != block
                && edge.Target != kernel.Entry && flow.Incoming(edge.Target).Count == 1)
            {
                Block next = edge.Target;
                for (int i = 0; i < next.Parameters.Count; i++)
                    substitution.Replace(next.Parameters[i], edge.Arguments[i]);
                block.Instructions.AddRange(next.Instructions);
                block.Terminator = next.Terminator;
                joined.Add(next);
            }
        }
        if (joined.Count == 0)
            return false;
        foreach (Block block in flow.Blocks.Where(block => !joined.Contains(block)))
            substitution.Apply(block);
        return true;
    }
}
