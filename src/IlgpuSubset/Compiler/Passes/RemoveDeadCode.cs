using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>Removes instructions, block parameters and kernel parameters whose values nobody uses.</summary>
internal static class RemoveDeadCode
{
    public static void Run(IrKernel kernel)
    {
        var arguments = new Dictionary<BlockParameter, List<Value>>();
        var live = new HashSet<Value>(ReferenceEqualityComparer.Instance);
        var work = new Stack<Value>();
        foreach (Block block in kernel.Blocks)
        {
            foreach (Edge edge in block.Terminator.Edges)
            {
                for (int i = 0; i < edge.Arguments.Length; i++)
                {
                    if (!arguments.TryGetValue(edge.Target.Parameters[i], out List<Value>? list))
                        arguments.Add(edge.Target.Parameters[i], list = []);
                    list.Add(edge.Arguments[i]);
                }
            }
            if (block.Terminator.Condition is { } condition)
                Use(condition);
            foreach (Instruction instruction in block.Instructions.Where(i => i.HasEffect))
                Use(instruction);
        }
        while (work.TryPop(out Value? value))
        {
            if (value is Instruction instruction)
                Array.ForEach(instruction.Operands, Use);
            else if (value is BlockParameter parameter && arguments.TryGetValue(parameter, out List<Value>? list))
                list.ForEach(Use);
        }

        foreach (Block block in kernel.Blocks)
        {
            block.Instructions.RemoveAll(instruction => !live.Contains(instruction));
            foreach (Edge edge in block.Terminator.Edges)
                edge.Arguments = [.. edge.Arguments.Where((_, i) => live.Contains(edge.Target.Parameters[i]))];
        }
        foreach (Block block in kernel.Blocks)
            block.Parameters.RemoveAll(parameter => !live.Contains(parameter));
        kernel.Parameters.RemoveAll(parameter => !live.Contains(parameter));

        void Use(Value value)
        {
            if (value is not Constant && live.Add(value))
                work.Push(value);
        }
    }
}
