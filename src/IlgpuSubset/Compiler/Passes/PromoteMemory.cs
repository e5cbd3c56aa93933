using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>
/// Turns local allocations that are only read and written at constant places into values: variables, structures, and local arrays
/// whose indices have become constant. Block parameters go to the iterated dominance frontier of the writes, where the value is
/// still needed (Cytron et al., 1991). What is read before it was written is zero.
/// </summary>
internal static class PromoteMemory
{
    public static void Run(IrKernel kernel)
    {
        var flow = new ControlFlow(kernel.Entry);
        kernel.Blocks = flow.Blocks;
        Dictionary<Instruction, Allocation> allocations = FindPromotable(flow);
        if (allocations.Count == 0)
            return;
        var slots = new List<IrType>();
        foreach (Allocation allocation in allocations.Values)
        {
            foreach ((long offset, IrType type) in allocation.Parts)
            {
                allocation.Slots.Add(offset, slots.Count);
                slots.Add(type.IsPointer ? IrType.PointerTo(AddressSpace.Generic) : type);
            }
        }
        Dictionary<Block, List<int>> merged = PlaceParameters(flow, allocations, slots);
        Rename(flow, allocations, slots, merged);
    }

    /// <summary>Where a pointer points: into an allocation, at a constant place.</summary>
    private static Dictionary<Value, (Instruction Allocation, long Offset)> ConstantPlaces(ControlFlow flow)
    {
        var places = new Dictionary<Value, (Instruction, long)>(ReferenceEqualityComparer.Instance);
        foreach (Instruction i in flow.Blocks.SelectMany(block => block.Instructions))
        {
            if (i.Op == Opcode.LocalAlloc && i.Operands.Length == 0)
                places.Add(i, (i, 0));
            else if (i.Op == Opcode.PtrAdd && i.Operands[1] is Constant index
                && places.TryGetValue(i.Operands[0], out (Instruction, long) at))
                places.Add(i, (at.Item1, at.Item2 + index.Bits * i.Immediate));
        }
        return places;
    }

    private static Dictionary<Instruction, Allocation> FindPromotable(ControlFlow flow)
    {
        Dictionary<Value, (Instruction Allocation, long Offset)> places = ConstantPlaces(flow);
        var allocations = new Dictionary<Instruction, Allocation>(ReferenceEqualityComparer.Instance);
        foreach ((Value value, (Instruction root, long _)) in places)
        {
            if (value == root)
                allocations.Add(root, new Allocation());
        }
        foreach (Block block in flow.Blocks)
        {
            foreach (Instruction i in block.Instructions)
            {
                for (int o = 0; o < i.Operands.Length; o++)
                {
                    if (!places.TryGetValue(i.Operands[o], out (Instruction Allocation, long Offset) at))
                        continue;
                    if (o == 0 && i.Op is Opcode.Load or Opcode.Store)
                    {
                        IrType type = i.Op == Opcode.Load ? i.Type : i.Operands[1].Type;
                        if (allocations.TryGetValue(at.Allocation, out Allocation? allocation))
                        {
                            if (!allocation.TryAdd(i, at.Offset + i.Immediate, type, at.Allocation.Immediate))
                                allocations.Remove(at.Allocation);
                        }
                    }
                    else if (!(o == 0 && i.Op == Opcode.PtrAdd && places.ContainsKey(i)))
                    {
                        allocations.Remove(at.Allocation);
                    }
                }
            }
            foreach (Value argument in block.Terminator.Edges.SelectMany(edge => edge.Arguments))
            {
                if (places.TryGetValue(argument, out (Instruction Allocation, long Offset) at))
                    allocations.Remove(at.Allocation);
            }
        }
        return allocations;
    }

    /// <summary>For each block the slots for which it gets a parameter; the parameters are added.</summary>
    private static Dictionary<Block, List<int>> PlaceParameters(
        ControlFlow flow, Dictionary<Instruction, Allocation> allocations, List<IrType> slots)
    {
        int count = flow.Blocks.Count;
        var writes = new List<int>[slots.Count];
        var readFirst = new List<int>[slots.Count];
        for (int slot = 0; slot < slots.Count; slot++)
            (writes[slot], readFirst[slot]) = ([], []);
        Dictionary<Instruction, (Allocation Allocation, long Offset)> accesses = Accesses(allocations);
        for (int b = 0; b < count; b++)
        {
            var written = new HashSet<int>();
            var read = new HashSet<int>();
            foreach (Instruction i in flow.Blocks[b].Instructions)
            {
                if (!accesses.TryGetValue(i, out (Allocation Allocation, long Offset) access))
                    continue;
                foreach (int slot in access.Allocation.SlotsOf(i, access.Offset))
                {
                    if (i.Op == Opcode.Store)
                        written.Add(slot);
                    else if (!written.Contains(slot))
                        read.Add(slot);
                }
            }
            foreach (int slot in written)
                writes[slot].Add(b);
            foreach (int slot in read)
                readFirst[slot].Add(b);
        }

        List<int>[] frontier = Frontiers(flow);
        var merged = new Dictionary<Block, List<int>>();
        for (int slot = 0; slot < slots.Count; slot++)
        {
            if (readFirst[slot].Count == 0)
                continue;
            // Live on entry: reaches a read without passing a write.
            var live = new HashSet<int>();
            var writing = new HashSet<int>(writes[slot]);
            var work = new Stack<int>(readFirst[slot]);
            while (work.TryPop(out int block))
            {
                if (!live.Add(block))
                    continue;
                foreach (Block predecessor in flow.Predecessors(flow.Blocks[block]))
                {
                    if (flow.IndexOf(predecessor) is var index && !writing.Contains(index))
                        work.Push(index);
                }
            }
            var placed = new HashSet<int>();
            var defining = new Stack<int>(writes[slot]);
            while (defining.TryPop(out int block))
            {
                foreach (int join in frontier[block])
                {
                    if (live.Contains(join) && placed.Add(join))
                        defining.Push(join);
                }
            }
            foreach (Block block in placed.Order().Select(index => flow.Blocks[index]))
            {
                if (!merged.TryGetValue(block, out List<int>? list))
                    merged.Add(block, list = []);
                list.Add(slot);
                block.Parameters.Add(new BlockParameter(slots[slot]));
            }
        }
        return merged;
    }

    private static List<int>[] Frontiers(ControlFlow flow)
    {
        var frontier = new List<int>[flow.Blocks.Count];
        for (int i = 0; i < frontier.Length; i++)
            frontier[i] = [];
        for (int i = 1; i < frontier.Length; i++)
        {
            Block block = flow.Blocks[i];
            if (flow.Incoming(block).Count < 2)
                continue;
            Block dominator = flow.ImmediateDominator(block)!;
            foreach (Block predecessor in flow.Predecessors(block))
            {
                for (Block? runner = predecessor; runner != dominator; runner = flow.ImmediateDominator(runner!))
                {
                    if (!frontier[flow.IndexOf(runner!)].Contains(i))
                        frontier[flow.IndexOf(runner!)].Add(i);
                }
            }
        }
        return frontier;
    }

    private static Dictionary<Instruction, (Allocation Allocation, long Offset)> Accesses(Dictionary<Instruction, Allocation> allocations)
    {
        var accesses = new Dictionary<Instruction, (Allocation, long)>(ReferenceEqualityComparer.Instance);
        foreach (Allocation allocation in allocations.Values)
        {
            foreach ((Instruction access, long offset) in allocation.Accesses)
                accesses.Add(access, (allocation, offset));
        }
        return accesses;
    }

    private static void Rename(
        ControlFlow flow, Dictionary<Instruction, Allocation> allocations, List<IrType> slots, Dictionary<Block, List<int>> merged)
    {
        Dictionary<Instruction, (Allocation Allocation, long Offset)> accesses = Accesses(allocations);
        var substitution = new Substitution();
        var atEnd = new Value[flow.Blocks.Count][];
        Value[] initial = [.. slots.Select(type => new Constant(type, 0))];
        for (int b = 0; b < flow.Blocks.Count; b++)
        {
            Block block = flow.Blocks[b];
            Value[] inherited = b == 0 ? initial : atEnd[flow.IndexOf(flow.ImmediateDominator(block)!)];
            Value[]? own = null;
            if (merged.TryGetValue(block, out List<int>? slotsHere))
            {
                for (int i = 0; i < slotsHere.Count; i++)
                    Write(slotsHere[i], block.Parameters[block.Parameters.Count - slotsHere.Count + i]);
            }
            var instructions = new List<Instruction>(block.Instructions.Count);
            foreach (Instruction i in block.Instructions)
            {
                if (!accesses.TryGetValue(i, out (Allocation Allocation, long Offset) access))
                {
                    instructions.Add(i);
                    continue;
                }
                int[] parts = [.. access.Allocation.SlotsOf(i, access.Offset)];
                if (i.Op == Opcode.Load)
                {
                    IrType part = i.Type.Element;
                    Value[] values = [.. parts.Select(slot => As((own ?? inherited)[slot], part))];
                    substitution.Replace(i, values.Length == 1 ? values[0] : Add(new Instruction(Opcode.BuildVector, i.Type, values)));
                }
                else
                {
                    Value stored = substitution.Resolve(i.Operands[1]);
                    for (int lane = 0; lane < parts.Length; lane++)
                    {
                        Value value = parts.Length == 1 ? stored : Add(Instruction.Extract(stored, lane, i.Location));
                        Write(parts[lane], As(value, slots[parts[lane]]));
                    }
                }

                Value As(Value value, IrType type) => value.Type == type || (value.Type.IsPointer && type.IsPointer)
                    ? value
                    : Add(Instruction.Convert(ConvertKind.Bitcast, value, type, i.Location));
            }
            block.Instructions = instructions;
            atEnd[b] = own ?? inherited;

            Instruction Add(Instruction instruction)
            {
                instructions.Add(instruction);
                return instruction;
            }

            void Write(int slot, Value value)
            {
                own ??= (Value[])inherited.Clone();
                own[slot] = value;
            }
        }
        for (int b = 0; b < flow.Blocks.Count; b++)
        {
            foreach (Edge edge in flow.Blocks[b].Terminator.Edges)
            {
                if (merged.TryGetValue(edge.Target, out List<int>? slotsThere))
                    edge.Arguments = [.. edge.Arguments, .. slotsThere.Select(slot => atEnd[b][slot])];
            }
        }
        flow.Blocks.ForEach(substitution.Apply);
    }

    /// <summary>What is known of an allocation while it can still be promoted.</summary>
    private sealed class Allocation
    {
        /// <summary>The loads and stores, with their place in bytes.</summary>
        public Dictionary<Instruction, long> Accesses { get; } = new(ReferenceEqualityComparer.Instance);

        /// <summary>The numbers it consists of, by place in bytes.</summary>
        public SortedDictionary<long, IrType> Parts { get; } = [];

        /// <summary>The promoted variable of each part.</summary>
        public Dictionary<long, int> Slots { get; } = [];

        /// <summary>Adds an access; false if it overlaps another one in part, or lies outside.</summary>
        public bool TryAdd(Instruction access, long offset, IrType type, long size)
        {
            Accesses.Add(access, offset);
            IrType part = type.Element;
            for (int lane = 0; lane < type.Lanes; lane++, offset += part.SizeInBytes)
            {
                if (offset < 0 || offset + part.SizeInBytes > size)
                    return false;
                if (Parts.TryGetValue(offset, out IrType known))
                {
                    if (known.SizeInBytes != part.SizeInBytes)
                        return false;
                    continue;
                }
                // A sorted dictionary has no neighbour search; parts are at most 8 bytes.
                for (long near = offset - 7; near < offset + part.SizeInBytes; near++)
                {
                    if (Parts.TryGetValue(near, out IrType other) && near + other.SizeInBytes > offset)
                        return false;
                }
                Parts.Add(offset, part);
            }
            return true;
        }

        public IEnumerable<int> SlotsOf(Instruction access, long offset)
        {
            IrType type = access.Op == Opcode.Load ? access.Type : access.Operands[1].Type;
            for (int lane = 0; lane < type.Lanes; lane++)
                yield return Slots[offset + lane * type.Element.SizeInBytes];
        }
    }
}
