using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>Brings an optimised kernel into the form that back ends rely on, and refuses what they cannot do.</summary>
internal static class Finish
{
    public static void Run(IrKernel kernel)
    {
        foreach (Instruction i in kernel.Instructions)
        {
            if (i.Op == Opcode.Trap)
                throw new KernelCompilerException(i.Name!, i.Location);
            if (i.Op is Opcode.SharedAlloc or Opcode.LocalAlloc && i.Operands.Length > 0)
                throw new KernelCompilerException($"{i.Name} of a size that is not constant", i.Location);
            if (i.Op == Opcode.CopyWait && i.Operands[0] is not Constant)
                throw new KernelCompilerException("A number of copies under way that is not constant", i.Location);
        }
        NameBoundsChecks.Run(kernel, last: true);
        var flow = new ControlFlow(kernel.Entry);
        if (flow.Blocks.Count(block => block.Terminator.Edges.Length == 0) != 1 || flow.Blocks[^1].Terminator.Edges.Length != 0)
            throw new KernelCompilerException("A loop without end", new SourceLocation(null, 0, kernel.MethodName));
        foreach (Block block in flow.Blocks)
        {
            foreach (Block next in block.Successors)
            {
                if (flow.IndexOf(next) <= flow.IndexOf(block) && !flow.Dominates(next, block))
                    throw new KernelCompilerException("A jump into a loop", block.Terminator.Location);
            }
        }
        SplitCriticalEdges(flow);
        kernel.Blocks = new ControlFlow(kernel.Entry).Blocks;
        CheckBarriers(kernel);
    }

    private static void SplitCriticalEdges(ControlFlow flow)
    {
        foreach (Edge edge in flow.Blocks.Where(block => block.Terminator.Edges.Length == 2).SelectMany(block => block.Terminator.Edges))
        {
            if (edge.Arguments.Length == 0 || flow.Incoming(edge.Target).Count == 1)
                continue;
            var between = new Block { Terminator = Terminator.Jump(edge.Target, edge.Arguments) };
            edge.Target = between;
            edge.Arguments = [];
        }
    }

    private static void CheckBarriers(IrKernel kernel)
    {
        if (!kernel.Instructions.Any(i => i.IsGroupWide))
            return;
        var uniformity = new Uniformity(kernel);
        foreach (Block block in kernel.Blocks.Where(block => !uniformity.RunsTogether(block)))
        {
            if (block.Instructions.Find(i => i.IsGroupWide) is { } barrier)
            {
                SourceLocation branch = uniformity.DivergedAt(block).Terminator.Location;
                throw new KernelCompilerException(
                    $"Group.{barrier.Op} under a condition that may differ between the threads of a group (line {branch.Line})",
                    barrier.Location);
            }
        }
    }
}
