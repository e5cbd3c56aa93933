using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>
/// Makes a product and a sum that is its only use one operation that rounds once. It is done here, for all back ends alike, so
/// that they compute the same bits.
/// </summary>
internal static class ContractMultiplyAdd
{
    public static void Run(IrKernel kernel)
    {
        var uses = new Dictionary<Value, int>(ReferenceEqualityComparer.Instance);
        foreach (Value value in kernel.Instructions.SelectMany(i => i.Operands)
            .Concat(kernel.Blocks.SelectMany(block => block.Terminator.Edges).SelectMany(edge => edge.Arguments)))
            uses[value] = uses.GetValueOrDefault(value) + 1;

        var substitution = new Substitution();
        foreach (Block block in kernel.Blocks)
        {
            var instructions = new List<Instruction>(block.Instructions.Count);
            foreach (Instruction i in block.Instructions)
            {
                Instruction? fused = i.Op switch
                {
                    Opcode.FAdd when Product(i.Operands[0]) is { } product => Fuse(product.Operands[0], product.Operands[1], i.Operands[1]),
                    Opcode.FAdd when Product(i.Operands[1]) is { } product => Fuse(product.Operands[0], product.Operands[1], i.Operands[0]),
                    Opcode.FSub when Product(i.Operands[0]) is { } product =>
                        Fuse(product.Operands[0], product.Operands[1], Negate(i.Operands[1])),
                    Opcode.FSub when Product(i.Operands[1]) is { } product =>
                        Fuse(Negate(product.Operands[0]), product.Operands[1], i.Operands[0]),
                    _ => null,
                };
                instructions.Add(fused ?? i);
                if (fused is not null)
                    substitution.Replace(i, fused);

                Instruction Fuse(Value a, Value b, Value c) => new(Opcode.Fma, i.Type, a, b, c) { Location = i.Location };

                Instruction Negate(Value value)
                {
                    var negated = new Instruction(Opcode.FNeg, value.Type, value) { Location = i.Location };
                    instructions.Add(negated);
                    return negated;
                }
            }
            block.Instructions = instructions;
        }
        if (!substitution.IsEmpty)
            kernel.Blocks.ForEach(substitution.Apply);

        Instruction? Product(Value value) =>
            value is Instruction { Op: Opcode.FMul } product && uses[product] == 1 && product.Type != IrType.F16 ? product : null;
    }
}
