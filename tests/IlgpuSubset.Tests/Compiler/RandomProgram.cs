using ILGPU.Compiler.IR;

namespace ILGPU.Tests.Compiler;

/// <summary>A random program under construction, on variables in local memory, that writes one number for each thread.</summary>
internal abstract class RandomProgram
{
    protected RandomProgram(int seed, int warpSize)
    {
        Random = new Random(seed);
        Kernel = new IrKernel("random", "random") { WarpSize = warpSize };
        Kernel.Parameters.Add(new Parameter(IrType.PointerTo(AddressSpace.Global), "y", ParameterRole.ViewPointer, 0));
        Current = Kernel.Entry;
    }

    public IrKernel Kernel { get; }

    protected Random Random { get; }

    /// <summary>The block at hand.</summary>
    protected Block Current { get; set; }

    /// <summary>Where the program ends.</summary>
    protected Block Exit { get; } = new();

    protected Instruction Allocate(int size = sizeof(int))
    {
        var allocation = new Instruction(Opcode.LocalAlloc, IrType.PointerTo(AddressSpace.Local)) { Immediate = size, Alignment = 16 };
        Kernel.Entry.Instructions.Insert(0, allocation);
        return allocation;
    }

    protected Value Thread() => Append(new Instruction(Opcode.Special, IrType.I32) { Kind = (byte)SpecialNumber.GroupIdX });

    protected Value Get(Instruction variable) => Append(Instruction.Load(variable, IrType.I32, 0, 4));

    protected void Set(Instruction variable, Value value) => Append(Instruction.Store(variable, value, 0, 4));

    protected Value Binary(Opcode op, Value a, Value b) => Append(new Instruction(op, a.Type, a, b));

    protected Instruction Append(Instruction instruction)
    {
        Current.Instructions.Add(instruction);
        return instruction;
    }

    /// <summary>Writes the result and closes the program.</summary>
    protected void Finish(Value result)
    {
        Append(Instruction.Store(Append(Instruction.PtrAdd(Kernel.Parameters[0], Thread(), 4)), result, 0, 4));
        Kernel.Blocks = new ILGPU.Compiler.Analysis.ControlFlow(Kernel.Entry).Blocks;
    }
}
