using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>
/// Repeats the bodies of loops whose number of rounds is constant, so that indices of local arrays become constant. Rounds are
/// counted by computing the exit condition round by round, whatever the loop does to its variable.
/// </summary>
internal static class UnrollLoops
{
    private const int MaxRounds = 4096;

    /// <summary>How deep an expression is followed: no counter needs more, and long chains of sums would overflow the stack.</summary>
    private const int MaxDepth = 200;

    /// <summary>Unrolls what can be, inner loops before those around them.</summary>
    /// <returns>Whether anything was; then the kernel wants simplification, and another attempt.</returns>
    public static bool Run(IrKernel kernel, CompilerOptions options)
    {
        // What was copied in this round is simplified before the loop around it is looked at.
        var copied = new HashSet<Block>();
        var refused = new HashSet<Block>();
        while (UnrollOne(kernel, options, copied, refused))
        {
        }
        return copied.Count > 0;
    }

    private static bool UnrollOne(IrKernel kernel, CompilerOptions options, HashSet<Block> copied, HashSet<Block> refused)
    {
        var flow = new ControlFlow(kernel.Entry);
        kernel.Blocks = flow.Blocks;
        int total = kernel.Instructions.Count();
        foreach (LoopBlocks loop in flow.Loops)
        {
            if (loop.Blocks.Overlaps(copied) || !refused.Add(loop.Header) || CountRounds(flow, loop) is not ({ } exit, var rounds))
                continue;
            int size = loop.Blocks.Sum(block => block.Instructions.Count);
            long unrolled = (long)size * rounds;
            int limit = IndexesLocalMemory(loop) ? options.UnrolledInstructionsForRegisters : options.UnrolledInstructions;
            if (unrolled > limit || total + unrolled > 4L * options.UnrolledInstructionsForRegisters)
                continue;
            DemoteOutsideUses(kernel, flow, loop);
            copied.UnionWith(Unroll(flow, loop, exit, rounds));
            return true;
        }
        return false;
    }

    /// <summary>The block by which the loop is left, and the number of times it is reached; null where that is not constant.</summary>
    private static (Block? Exit, int Rounds) CountRounds(ControlFlow flow, LoopBlocks loop)
    {
        foreach (Block exit in flow.Blocks.Where(loop.Blocks.Contains))
        {
            if (exit.Terminator.Edges is [var a, var b]
                && loop.Blocks.Contains(a.Target) != loop.Blocks.Contains(b.Target)
                && loop.Latches.TrueForAll(latch => flow.Dominates(exit, latch))
                && SimulateExit(flow, loop, exit) is { } rounds)
                return (exit, rounds);
        }
        return (null, 0);
    }

    private static int? SimulateExit(ControlFlow flow, LoopBlocks loop, Block exit)
    {
        List<BlockParameter> parameters = loop.Header.Parameters;
        List<Edge> entering = [];
        List<Edge> back = [];
        foreach ((Edge edge, Block from) in flow.Incoming(loop.Header).Zip(flow.Predecessors(loop.Header)))
            (loop.Blocks.Contains(from) ? back : entering).Add(edge);
        bool leavesWhenTrue = !loop.Blocks.Contains(exit.Terminator.Edges[0].Target);
        var inside = new HashSet<Value>(ReferenceEqualityComparer.Instance);
        foreach (Block block in loop.Blocks)
            inside.UnionWith(block.Instructions);

        var known = new Dictionary<Value, Constant?>(ReferenceEqualityComparer.Instance);
        for (int p = 0; p < parameters.Count; p++)
            known[parameters[p]] = Common(entering, p, (value, _) => value as Constant);
        for (int round = 1; round <= MaxRounds; round++)
        {
            if (Evaluate(exit.Terminator.Condition!, 0) is not { } condition)
                return null;
            if (condition.IsZero != leavesWhenTrue)
                return round;
            var next = new Dictionary<Value, Constant?>(ReferenceEqualityComparer.Instance);
            for (int p = 0; p < parameters.Count; p++)
                next[parameters[p]] = Common(back, p, Evaluate);
            known = next;
        }
        return null;

        Constant? Common(List<Edge> edges, int parameter, Func<Value, int, Constant?> evaluate)
        {
            Constant? common = null;
            foreach (Edge edge in edges)
            {
                Constant? value = evaluate(edge.Arguments[parameter], 0);
                if (value is null || (common is not null && !common.Equals(value)))
                    return null;
                common = value;
            }
            return common;
        }

        Constant? Evaluate(Value value, int depth)
        {
            if (value is Constant constant)
                return constant;
            if (known.TryGetValue(value, out Constant? result))
                return result;
            if (depth < MaxDepth && value is Instruction { IsPure: true } instruction && inside.Contains(value))
            {
                var operands = new Value[instruction.Operands.Length];
                result = null;
                known[value] = null;
                for (int i = 0; i < operands.Length; i++)
                {
                    if (Evaluate(instruction.Operands[i], depth + 1) is not { } operand)
                        return null;
                    operands[i] = operand;
                }
                result = Fold.TryEvaluate(instruction, operands);
            }
            return known[value] = result;
        }
    }

    /// <summary>Whether an element of a local array is chosen by something that changes from round to round.</summary>
    private static bool IndexesLocalMemory(LoopBlocks loop)
    {
        var varying = new HashSet<Value>(loop.Header.Parameters, ReferenceEqualityComparer.Instance);
        bool grown = true;
        while (grown)
        {
            grown = false;
            foreach (Instruction i in loop.Blocks.SelectMany(block => block.Instructions))
                grown |= i.IsPure && i.Operands.Any(varying.Contains) && varying.Add(i);
        }
        return loop.Blocks.SelectMany(block => block.Instructions)
            .Any(i => i.Op == Opcode.PtrAdd && varying.Contains(i.Operands[1]) && Root(i) is Instruction { Op: Opcode.LocalAlloc });
    }

    private static Value Root(Value pointer)
    {
        while (pointer is Instruction { Op: Opcode.PtrAdd } moved)
            pointer = moved.Operands[0];
        return pointer;
    }

    /// <summary>
    /// Passes values of the loop to code behind it through memory, which promotion turns back into values: then copying the loop
    /// needs no care for what comes after.
    /// </summary>
    private static void DemoteOutsideUses(IrKernel kernel, ControlFlow flow, LoopBlocks loop)
    {
        var inside = new Dictionary<Value, Block>(ReferenceEqualityComparer.Instance);
        foreach (Block block in loop.Blocks)
        {
            foreach (Value value in block.Parameters.Concat<Value>(block.Instructions))
                inside.Add(value, block);
        }
        var memory = new Dictionary<Value, Instruction>(ReferenceEqualityComparer.Instance);
        foreach (Block block in flow.Blocks.Where(block => !loop.Blocks.Contains(block)))
        {
            var instructions = new List<Instruction>(block.Instructions.Count);
            foreach (Instruction i in block.Instructions)
            {
                Reload(i.Operands, instructions);
                instructions.Add(i);
            }
            foreach (Edge edge in block.Terminator.Edges)
                Reload(edge.Arguments, instructions);
            if (block.Terminator.Condition is { } condition)
            {
                Value[] conditions = [condition];
                Reload(conditions, instructions);
                block.Terminator.Condition = conditions[0];
            }
            block.Instructions = instructions;
        }
        foreach ((Value value, Instruction slot) in memory)
        {
            List<Instruction> instructions = inside[value].Instructions;
            int place = value is Instruction instruction ? instructions.IndexOf(instruction) + 1 : 0;
            IrType type = value.Type;
            if (type == IrType.I1)
            {
                var widened = Instruction.Convert(ConvertKind.ZeroExtend, value, IrType.I8);
                instructions.Insert(place++, widened);
                instructions.Insert(place, Instruction.Store(slot, widened, 0, 1));
            }
            else
            {
                instructions.Insert(place, Instruction.Store(slot, value, 0, type.SizeInBytes));
            }
        }

        void Reload(Value[] values, List<Instruction> instructions)
        {
            for (int i = 0; i < values.Length; i++)
            {
                Value value = values[i];
                if (!inside.ContainsKey(value))
                    continue;
                if (!memory.TryGetValue(value, out Instruction? slot))
                {
                    slot = new Instruction(Opcode.LocalAlloc, IrType.PointerTo(AddressSpace.Local))
                    {
                        Immediate = value.Type.SizeInBytes,
                        Alignment = 16,
                    };
                    memory.Add(value, slot);
                    kernel.Entry.Instructions.Insert(0, slot);
                }
                bool truth = value.Type == IrType.I1;
                var load = Instruction.Load(slot, truth ? IrType.I8 : value.Type, 0, value.Type.SizeInBytes);
                instructions.Add(load);
                values[i] = load;
                if (truth)
                {
                    var condition = Instruction.Convert(ConvertKind.Truncate, load, IrType.I1);
                    instructions.Add(condition);
                    values[i] = condition;
                }
            }
        }
    }

    /// <summary>Replaces a loop by copies of its blocks, which are returned.</summary>
    private static IEnumerable<Block> Unroll(ControlFlow flow, LoopBlocks loop, Block exit, int rounds)
    {
        List<Block> blocks = [.. flow.Blocks.Where(loop.Blocks.Contains)];
        var copies = new Dictionary<Block, Block>[rounds];
        for (int round = 0; round < rounds; round++)
            copies[round] = blocks.ToDictionary(block => block, _ => new Block());
        for (int round = 0; round < rounds; round++)
        {
            var values = new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance);
            foreach (Block block in blocks)
            {
                foreach (BlockParameter parameter in block.Parameters)
                {
                    var copy = new BlockParameter(parameter.Type) { Name = parameter.Name };
                    values.Add(parameter, copy);
                    copies[round][block].Parameters.Add(copy);
                }
            }
            foreach (Block block in blocks)
            {
                foreach (Instruction instruction in block.Instructions)
                {
                    Instruction copy = instruction.With([.. instruction.Operands.Select(Map)]);
                    values.Add(instruction, copy);
                    copies[round][block].Instructions.Add(copy);
                }
                Terminator terminator = block.Terminator;
                Edge[] edges = [.. terminator.Edges.Select(edge => new Edge(Target(edge.Target), [.. edge.Arguments.Select(Map)]))];
                if (block == exit)
                {
                    bool leaves = round == rounds - 1;
                    int stay = loop.Blocks.Contains(terminator.Edges[0].Target) ? 0 : 1;
                    copies[round][block].Terminator = Terminator.Jump(edges[leaves ? 1 - stay : stay]);
                }
                else
                {
                    copies[round][block].Terminator = new Terminator(terminator.Condition is { } condition ? Map(condition) : null, edges)
                    {
                        Location = terminator.Location,
                    };
                }
            }

            Value Map(Value value) => values.GetValueOrDefault(value, value);

            // The last round's way back is never taken.
            Block Target(Block target) => target == loop.Header ? copies[Math.Min(round + 1, rounds - 1)][target]
                : copies[round].GetValueOrDefault(target, target);
        }
        foreach ((Edge edge, Block from) in flow.Incoming(loop.Header).Zip(flow.Predecessors(loop.Header)))
        {
            if (!loop.Blocks.Contains(from))
                edge.Target = copies[0][loop.Header];
        }
        return copies.SelectMany(copy => copy.Values);
    }
}
