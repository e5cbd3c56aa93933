using ILGPU.Compiler.Analysis;

namespace ILGPU.Compiler.IR;

/// <summary>Checks the rules of the IR (see README.md); a violation is a fault of the compiler.</summary>
internal static class IrVerifier
{
    /// <summary>Checks a kernel; <paramref name="finished"/> adds the rules that back ends rely on.</summary>
    /// <exception cref="InvalidOperationException">A rule is broken; the message has the rule and the kernel's text.</exception>
    public static void Verify(IrKernel kernel, bool finished)
    {
        var flow = new ControlFlow(kernel.Entry);
        var place = new Dictionary<Value, (Block Block, int Index)>(ReferenceEqualityComparer.Instance);
        foreach (Block block in flow.Blocks)
        {
            block.Parameters.ForEach(parameter => place.Add(parameter, (block, -1)));
            for (int i = 0; i < block.Instructions.Count; i++)
                Check(place.TryAdd(block.Instructions[i], (block, i)), block.Instructions[i], "an instruction stands in two places");
        }

        Check(
            flow.Incoming(kernel.Entry).Count == 0 && kernel.Entry.Parameters.Count == 0, null, "the entry has predecessors or parameters");
        foreach (Block block in flow.Blocks)
        {
            for (int i = 0; i < block.Instructions.Count; i++)
            {
                Instruction instruction = block.Instructions[i];
                foreach (Value operand in instruction.Operands)
                    CheckUse(operand, block, i, instruction);
                CheckTypes(instruction);
                if (finished)
                    CheckFinished(instruction, block);
            }
            Terminator terminator = block.Terminator;
            Check(
                terminator.Edges.Length <= 2 && (terminator.Edges.Length == 2) == (terminator.Condition is not null), null,
                "a branch without condition");
            if (terminator.Condition is { } condition)
            {
                CheckUse(condition, block, int.MaxValue, null);
                Check(condition.Type == IrType.I1, null, "a condition that is no i1");
            }
            foreach (Edge edge in terminator.Edges)
            {
                Check(edge.Arguments.Length == edge.Target.Parameters.Count, null, "an edge with the wrong number of arguments");
                for (int i = 0; i < edge.Arguments.Length; i++)
                {
                    CheckUse(edge.Arguments[i], block, int.MaxValue, null);
                    Check(edge.Arguments[i].Type == edge.Target.Parameters[i].Type, null,
                        $"an argument of type {edge.Arguments[i].Type} for a parameter of type {edge.Target.Parameters[i].Type}");
                }
            }
        }
        if (finished)
        {
            Check(kernel.Blocks.SequenceEqual(flow.Blocks), null, "Blocks is not the reverse postorder");
            Check(flow.Blocks.Count(block => block.Terminator.Edges.Length == 0) == 1 && flow.Blocks[^1].Terminator.Edges.Length == 0,
                null, "there is not exactly one return, in the last block");
            Check(flow.Blocks.All(block => block.Terminator.Edges.Length < 2
                || block.Terminator.Edges.All(edge => edge.Arguments.Length == 0 || flow.Incoming(edge.Target).Count == 1)),
                null, "a critical edge has arguments");
            foreach (Parameter parameter in kernel.Parameters)
            {
                Check(
                    !parameter.Type.IsPointer || parameter.Type.Space == AddressSpace.Global, null,
                    "a pointer parameter that is not global");
            }
        }

        void CheckUse(Value value, Block block, int index, Instruction? user)
        {
            if (value is Constant)
                return;
            if (value is Parameter parameter)
            {
                Check(kernel.Parameters.Contains(parameter), user, $"parameter {parameter.Name} is not the kernel's");
                return;
            }
            bool defined = place.TryGetValue(value, out (Block Block, int Index) at);
            Check(defined, user, "a value that is not defined in a reachable block");
            Check(at.Block == block ? at.Index < index : flow.Dominates(at.Block, block), user, "a value that does not dominate its use");
        }

        void CheckFinished(Instruction i, Block block)
        {
            Check(i.Op != Opcode.Trap, i, "a trap");
            Check(i.Op is not (Opcode.SharedAlloc or Opcode.LocalAlloc) || (block == kernel.Entry && i.Operands.Length == 0), i,
                "an allocation outside the entry or of unknown size");
            Check(!i.Type.IsPointer || i.Type.Space != AddressSpace.Generic, i, "a generic pointer");
            if (i.Op is Opcode.Load or Opcode.Store)
            {
                int size = (i.Op == Opcode.Load ? i.Type : i.Operands[1].Type).SizeInBytes;
                Check(i.Alignment == size, i, "an access that is not aligned to its size");
            }
        }

        void CheckTypes(Instruction i)
        {
            IrType a = i.Operands.Length > 0 ? i.Operands[0].Type : IrType.Void;
            bool same = i.Operands.All(operand => operand.Type == a);
            bool correct = i.Op switch
            {
                >= Opcode.Add and <= Opcode.MaxU => i.Operands.Length == 2 && same && a == i.Type && a.IsInteger,
                >= Opcode.FAdd and <= Opcode.FMax => i.Operands.Length == 2 && same && a == i.Type && a.IsFloat,
                Opcode.FNeg => a == i.Type && a.IsFloat,
                Opcode.Fma => i.Operands.Length == 3 && same && a == i.Type && a.IsFloat,
                Opcode.Compare => i.Operands.Length == 2 && same && i.Type == IrType.I1 && a.IsFloat == i.Comparison >= CompareKind.FEq,
                Opcode.Select => a == IrType.I1 && i.Operands[1].Type == i.Type && i.Operands[2].Type == i.Type,
                Opcode.Math => same && a == i.Type,
                Opcode.Convert => ConversionFits(i.Conversion, a, i.Type),
                Opcode.PtrAdd => a.IsPointer && a == i.Type && (i.Operands[1].Type == IrType.I32 || i.Operands[1].Type == IrType.I64),
                Opcode.Load => a.IsPointer && i.Type != IrType.Void && i.Type != IrType.I1 && i.Alignment > 0,
                Opcode.Store => a.IsPointer && i.Operands[1].Type != IrType.I1 && i.Alignment > 0,
                Opcode.Atomic => a.IsPointer && i.Operands[1..].All(operand => operand.Type == i.Type),
                Opcode.Extract => a.IsVector && a.Element == i.Type && i.Immediate >= 0 && i.Immediate < a.Lanes,
                Opcode.BuildVector => same && i.Type == IrType.VectorOf(a, i.Operands.Length),
                Opcode.Shuffle => a == i.Type && a.Bits >= 32 && i.Operands[1].Type == IrType.I32 && i.Immediate > 0,
                Opcode.Broadcast => a == i.Type && i.Operands[1].Type == IrType.I32,
                Opcode.BarrierReduce => a == IrType.I1 && i.Type == (i.Reduction == BarrierReduction.PopCount ? IrType.I32 : IrType.I1),
                Opcode.MatrixMultiply => i.Operands.Length == 10 && i.Type == IrType.VectorOf(IrType.F32, 4)
                    && i.Operands[..6].All(operand => operand.Type == IrType.I32)
                    && i.Operands[6..].All(operand => operand.Type == IrType.F32),
                Opcode.MatrixLoad => a.IsPointer && i.Type == IrType.VectorOf(IrType.I32, 4),
                Opcode.CopyAsync => a.IsPointer && i.Operands[1].Type.IsPointer && i.Operands[2].Type == IrType.I32,
                Opcode.CopyWait => i.Operands.Length == 1 && a == IrType.I32,
                Opcode.BoundsCheck => a == IrType.I64 && i.Operands[1].Type == IrType.I64,
                Opcode.Special => i.Type == IrType.I32,
                _ => true,
            };
            Check(correct, i, $"operands of types {string.Join(", ", i.Operands.Select(operand => operand.Type))}");
        }

        void Check(bool condition, Instruction? instruction, string rule)
        {
            if (condition)
                return;
            kernel.Blocks = flow.Blocks;
            string where = instruction is null ? "" : $" ({instruction.Op}.{IrPrinter.Variant(instruction)} of {instruction.Location})";
            throw new InvalidOperationException($"Kernel {kernel.Name}: {rule}{where}.\n{IrPrinter.Print(kernel)}");
        }
    }

    private static bool ConversionFits(ConvertKind kind, IrType from, IrType to) => kind switch
    {
        ConvertKind.SignExtend or ConvertKind.ZeroExtend => from.IsInteger && to.IsInteger && from.Bits < to.Bits,
        ConvertKind.Truncate => from.IsInteger && to.IsInteger && from.Bits > to.Bits,
        ConvertKind.SignedToFloat or ConvertKind.UnsignedToFloat => from.IsInteger && to.IsFloat,
        ConvertKind.FloatToSigned or ConvertKind.FloatToUnsigned => from.IsFloat && to.IsInteger,
        ConvertKind.FloatExtend => from.IsFloat && to.IsFloat && from.Bits < to.Bits,
        ConvertKind.FloatTruncate => from.IsFloat && to.IsFloat && from.Bits > to.Bits,
        ConvertKind.RoundToBFloat16 => from == IrType.F32 && to == IrType.I16,
        _ => from.SizeInBytes == to.SizeInBytes,
    };
}
