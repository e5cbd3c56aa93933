using System.Diagnostics.CodeAnalysis;

namespace ILGPU.Compiler.IR;

/// <summary>A compiled kernel: one function without calls.</summary>
internal sealed class IrKernel(string name, string methodName)
{
    /// <summary>An identifier: the method's name, made unique for type arguments and specialised values.</summary>
    public string Name { get; } = name;

    /// <summary>The C# method, for messages.</summary>
    public string MethodName { get; } = methodName;

    /// <summary>What a launch must pass: those leaves of the arguments that the kernel uses.</summary>
    public List<Parameter> Parameters { get; set; } = [];

    /// <summary>Where a thread starts; it has no parameters and no predecessors.</summary>
    public Block Entry { get; set; } = new();

    /// <summary>
    /// All blocks, in reverse postorder: a block comes after those that dominate it, and a loop's blocks after its header.
    /// </summary>
    public List<Block> Blocks { get; set; } = [];

    /// <summary>The most threads a group will have, where promised.</summary>
    public int? MaxThreadsPerGroup { get; init; }

    /// <summary>How many groups should fit on a multiprocessor, where wished.</summary>
    public int? MinGroupsPerMultiprocessor { get; init; }

    /// <summary>The lanes of a warp that the kernel was compiled for.</summary>
    public required int WarpSize { get; init; }

    /// <summary>Whether lanes compute matrix products together.</summary>
    public bool UsesMatrices => Instructions.Any(i => i.IsMatrix);

    /// <summary>The lanes that run in step: a warp's, or the 32 of a warp of tensor cores where the kernel uses them.</summary>
    public int LanesInStep => UsesMatrices ? Beyond.WarpMatrix.Lanes : WarpSize;

    /// <summary>All instructions, block by block.</summary>
    public IEnumerable<Instruction> Instructions => Blocks.SelectMany(block => block.Instructions);

    /// <summary>Where static shared allocations lie in a group's memory, and the number of bytes they take together.</summary>
    [SuppressMessage("Performance", "CA1859", Justification = "Callers only read it.")]
    public (IReadOnlyDictionary<Instruction, int> Offsets, int StaticBytes) LayOutSharedMemory()
    {
        var offsets = new Dictionary<Instruction, int>();
        int size = 0;
        foreach (Instruction allocation in Instructions.Where(i => i.Op == Opcode.SharedAlloc).OrderBy(i => i.IsDynamic))
        {
            size = (size + allocation.Alignment - 1) / allocation.Alignment * allocation.Alignment;
            offsets.Add(allocation, size);
            size = checked(size + (int)allocation.Immediate);
        }
        return (offsets, size);
    }
}
