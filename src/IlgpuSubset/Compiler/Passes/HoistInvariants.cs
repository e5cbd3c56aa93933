using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>
/// Computes in front of a loop what is the same in all its rounds. Comparisons stay: they are as cheap as keeping their result.
/// </summary>
internal static class HoistInvariants
{
    public static void Run(IrKernel kernel)
    {
        var flow = new ControlFlow(kernel.Entry);
        foreach (LoopBlocks loop in flow.Loops)
        {
            var inside = new HashSet<Value>(ReferenceEqualityComparer.Instance);
            foreach (Block block in loop.Blocks)
            {
                inside.UnionWith(block.Parameters);
                inside.UnionWith(block.Instructions);
            }
            var hoisted = new List<Instruction>();
            foreach (Block block in flow.Blocks.Where(loop.Blocks.Contains))
            {
                block.Instructions.RemoveAll(i =>
                {
                    if (!i.IsSpeculatable || i.Op == Opcode.Compare || i.Operands.Any(inside.Contains))
                        return false;
                    inside.Remove(i);
                    hoisted.Add(i);
                    return true;
                });
            }
            if (hoisted.Count > 0)
                Front(flow, loop).Instructions.AddRange(hoisted);
        }
        kernel.Blocks = new ControlFlow(kernel.Entry).Blocks;
    }

    /// <summary>The block that runs once before the loop: the one that enters it, or what dominates the header where several do.</summary>
    private static Block Front(ControlFlow flow, LoopBlocks loop) => flow.ImmediateDominator(loop.Header)!;
}
