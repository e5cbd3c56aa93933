using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>Finds for each pointer the one memory it points into: no device needs generic addresses then.</summary>
internal static class InferAddressSpaces
{
    /// <exception cref="KernelCompilerException">A pointer may point into different memories, or was loaded from memory.</exception>
    public static void Run(IrKernel kernel)
    {
        bool changed = true;
        while (changed)
        {
            changed = false;
            foreach (Block block in kernel.Blocks)
            {
                foreach (Instruction i in block.Instructions.Where(i => i.Type.IsPointer))
                {
                    if (i.Op == Opcode.PtrAdd)
                        changed |= Take(i, i.Operands[0], i.Location);
                    else if (i.Op == Opcode.Select)
                        changed |= Take(i, i.Operands[1], i.Location) | Take(i, i.Operands[2], i.Location);
                }
                foreach (Edge edge in block.Terminator.Edges)
                {
                    for (int p = 0; p < edge.Arguments.Length; p++)
                    {
                        if (edge.Arguments[p].Type.IsPointer)
                            changed |= Take(edge.Target.Parameters[p], edge.Arguments[p], block.Terminator.Location);
                    }
                }
            }
        }
        foreach (Block block in kernel.Blocks)
        {
            foreach (Instruction i in block.Instructions)
            {
                if (i.Type is { IsPointer: true, Space: AddressSpace.Generic })
                    throw new KernelCompilerException("A reference or view that is kept in memory", i.Location);
                if (i.Op is Opcode.MatrixLoad or Opcode.CopyAsync && i.Operands[0].Type.Space != AddressSpace.Shared)
                {
                    throw new KernelCompilerException(
                        $"{(i.Op == Opcode.MatrixLoad ? "Matrix rows" : "An asynchronous copy's target")} outside shared memory",
                        i.Location);
                }
                if (i.Op == Opcode.CopyAsync && i.Operands[1].Type.Space != AddressSpace.Global)
                    throw new KernelCompilerException("An asynchronous copy's source outside global memory", i.Location);
                if (i.Op == Opcode.Select)
                    (i.Operands[1], i.Operands[2]) = (Null(i.Operands[1], i.Type), Null(i.Operands[2], i.Type));
                else if (i.Op == Opcode.Compare && i.Operands[0].Type.IsPointer)
                    i.Operands[1] = Null(i.Operands[1], i.Operands[0].Type);
            }
            foreach (Edge edge in block.Terminator.Edges)
                edge.Arguments = [.. edge.Arguments.Zip(edge.Target.Parameters, (argument, parameter) => Null(argument, parameter.Type))];
        }
    }

    private static bool Take(Value value, Value source, SourceLocation location)
    {
        if (source is Constant || source.Type.Space == AddressSpace.Generic || source.Type.Space == value.Type.Space)
            return false;
        if (value.Type.Space != AddressSpace.Generic)
            throw new KernelCompilerException(
                $"A reference or view that is in {value.Type.Space} memory on one way and in {source.Type.Space} memory on another",
                location);
        value.Type = source.Type;
        return true;
    }

    /// <summary>A null pointer takes the type of its use.</summary>
    private static Value Null(Value value, IrType type) => value is Constant && type.IsPointer ? new Constant(type, 0) : value;
}
