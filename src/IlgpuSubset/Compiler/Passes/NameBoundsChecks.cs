using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>
/// Gives each bounds check the C# name of its view, and drops the pointer that told it: a local array whose pointer a check still
/// had could not become registers.
/// </summary>
internal static class NameBoundsChecks
{
    /// <summary>Names the checks whose view is known; the last time all.</summary>
    public static void Run(IrKernel kernel, bool last)
    {
        foreach (Block block in kernel.Blocks)
        {
            for (int i = 0; i < block.Instructions.Count; i++)
            {
                Instruction check = block.Instructions[i];
                if (check.Op != Opcode.BoundsCheck || check.Operands.Length < 3
                    || (NameOf(check.Operands[2]) ?? (last ? "a view" : null)) is not { } name)
                    continue;
                block.Instructions[i] = new Instruction(Opcode.BoundsCheck, IrType.Void, check.Operands[0], check.Operands[1])
                {
                    Name = name,
                    Location = check.Location,
                };
            }
        }
    }

    private static string? NameOf(Value pointer)
    {
        while (pointer is Instruction { Op: Opcode.PtrAdd } moved)
            pointer = moved.Operands[0];
        return pointer switch
        {
            Parameter parameter => parameter.Name,
            Instruction { Op: Opcode.SharedAlloc, IsDynamic: true } => "SharedMemory.GetDynamic",
            Instruction { Op: Opcode.SharedAlloc or Opcode.LocalAlloc, Name: { } name } => name,
            _ => null,
        };
    }
}
