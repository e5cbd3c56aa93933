using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>
/// Moves shared and local allocations to the entry as soon as their sizes are constant, so that unrolling does not repeat them.
/// </summary>
internal static class PlaceAllocations
{
    public static void Run(IrKernel kernel)
    {
        var substitution = new Substitution();
        var placed = new List<Instruction>();
        foreach (Instruction i in kernel.Instructions)
        {
            if (i.Op is not (Opcode.SharedAlloc or Opcode.LocalAlloc) || i.Operands is not [Constant size])
                continue;
            if (size.Bits is < 0 or > int.MaxValue)
                throw new KernelCompilerException($"{i.Name} of {size.Bits} bytes", i.Location);
            var allocation = new Instruction(i.Op, i.Type)
            {
                Immediate = size.Bits,
                Alignment = i.Alignment,
                Name = i.Name,
                Location = i.Location,
            };
            substitution.Replace(i, allocation);
            placed.Add(allocation);
        }
        if (placed.Count == 0)
            return;
        foreach (Block block in kernel.Blocks)
        {
            block.Instructions.RemoveAll(i => substitution.Resolve(i) != i);
            substitution.Apply(block);
        }
        kernel.Entry.Instructions.InsertRange(0, placed);
    }
}
