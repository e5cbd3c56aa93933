using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.Passes;
using ILGPU.Compiler.Structure;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// Turns a finished kernel into a <see cref="LaneProgram"/>: gives every value a place, and every region of the structured view a step.
/// </summary>
/// <remarks>
/// <para>
/// A value is kept once for all threads ("uniform") where it is the same for all and all threads are there when it is computed. Values that live
/// inside one block share places as registers would, so that the sums of a register tile stay in the first-level cache.
/// </para>
/// <para>
/// Operations without effects run for all lanes, whatever the mask. That would overwrite what a lane has computed before it left a loop, if the
/// value is used behind the loop: such values are written through the mask ("kept"). Loads and assignments to block parameters always are.
/// </para>
/// </remarks>
internal sealed class LaneCompiler
{
    private readonly IrKernel _kernel;
    private readonly Uniformity _uniformity;
    private readonly Dictionary<Value, int[]> _units = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Constant, int> _constants = [];
    private readonly List<(int Unit, Parameter Parameter)> _parameters = [];
    private readonly HashSet<Value> _uniform = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Value> _spread = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Value> _kept = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Value> _beyondBlock = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Instruction, LaneAddress> _addresses = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Label, (int Broken, int Continued)> _labels = [];
    private readonly Dictionary<Value, Loop[]> _loopsOf = new(ReferenceEqualityComparer.Instance);
    private readonly IReadOnlyDictionary<Instruction, int> _sharedOffsets;
    private readonly Dictionary<Instruction, int> _localOffsets = [];
    private readonly Stack<int> _freeNarrow = [];
    private readonly Stack<int> _freeWide = [];
    private int _nextUnit = LaneProgram.MaskUnit + 1;
    private int _localBytes;

    private LaneCompiler(IrKernel kernel)
    {
        _kernel = kernel;
        _uniformity = new Uniformity(kernel);
        (_sharedOffsets, StaticSharedBytes) = kernel.LayOutSharedMemory();
    }

    private int StaticSharedBytes { get; }

    /// <summary>Compiles a kernel.</summary>
    public static LaneProgram Compile(IrKernel kernel)
    {
        LaneCompiler compiler = new(kernel);
        Region structure = Structurizer.Structure(kernel, compiler._uniformity);
        compiler.FindUniform();
        compiler.FindUses(structure, []);
        foreach (Parameter parameter in kernel.Parameters)
        {
            compiler._units[parameter] = [compiler.NewUnit(GroupState.IsWide(parameter.Type))];
            compiler._parameters.Add((compiler._units[parameter][0], parameter));
        }
        foreach (BlockParameter parameter in kernel.Blocks.SelectMany(block => block.Parameters))
            compiler._units[parameter] = compiler.NewUnits(parameter.Type);
        LaneStep body = compiler.Step(structure) ?? (_ => { });
        return new LaneProgram(kernel)
        {
            Body = body,
            Units = compiler._nextUnit,
            StaticSharedBytes = compiler.StaticSharedBytes,
            LocalBytesPerThread = compiler._localBytes,
            Constants = [.. compiler._constants.Select(c =>
                (c.Value, GroupState.IsWide(c.Key.Type), c.Key.Type.Scalar == ScalarType.I1 ? -c.Key.Bits : c.Key.Bits))],
            Parameters = compiler._parameters,
        };
    }

    private void FindUniform()
    {
        foreach (Block block in _kernel.Blocks.Where(_uniformity.RunsTogether))
        {
            foreach (Value value in block.Parameters.Concat<Value>(block.Instructions).Where(_uniformity.IsUniform))
            {
                if (value is not Instruction { Op: Opcode.Shuffle or Opcode.Atomic or Opcode.BarrierReduce or Opcode.Broadcast or Opcode.LocalAlloc })
                    _uniform.Add(value);
            }
        }
    }

    /// <summary>Finds which values are used outside their block, in all lanes, or behind a loop that lanes leave one by one.</summary>
    private void FindUses(Region region, Loop[] loops)
    {
        switch (region)
        {
            case Sequence sequence:
                foreach (Region item in sequence.Items)
                    FindUses(item, loops);
                break;
            case Straight straight:
                HashSet<Value> here = new(straight.Block.Instructions, ReferenceEqualityComparer.Instance);
                foreach (Instruction instruction in straight.Block.Instructions)
                {
                    _loopsOf[instruction] = loops;
                    foreach (Value operand in instruction.Operands)
                        Use(operand, loops, !_uniform.Contains(instruction), here.Contains(operand));
                }
                break;
            case Assign assign:
                foreach ((BlockParameter parameter, Value value) in assign.Items)
                {
                    _loopsOf.TryAdd(parameter, loops);
                    Use(value, loops, !_uniform.Contains(parameter), sameBlock: false);
                }
                break;
            case If branch:
                Use(branch.Condition, loops, !IsUniform(branch.Condition), sameBlock: false);
                FindUses(branch.Then, loops);
                FindUses(branch.Else, loops);
                break;
            case Loop loop:
                FindUses(loop.Body, loop.IsUniform ? loops : [.. loops, loop]);
                break;
            case Labeled labeled:
                FindUses(labeled.Body, loops);
                break;
        }
    }

    private void Use(Value value, Loop[] loops, bool byAllLanes, bool sameBlock)
    {
        if (!sameBlock)
            _beyondBlock.Add(value);
        if (byAllLanes)
            _spread.Add(value);
        if (_loopsOf.TryGetValue(value, out Loop[]? defined) && defined.Except(loops).Any())
            _kept.Add(value);
        // An address or a part of a vector is no value of its own: what it is made of is used here.
        if (value is Instruction { Op: Opcode.PtrAdd or Opcode.Extract or Opcode.BuildVector } composed)
        {
            foreach (Value operand in composed.Operands)
                Use(operand, loops, byAllLanes, sameBlock);
        }
    }

    private bool IsUniform(Value value) => value is Constant or Parameter || _uniform.Contains(value);

    private int NewUnit(bool wide)
    {
        int unit = _nextUnit;
        _nextUnit += wide ? 2 : 1;
        return unit;
    }

    private int[] NewUnits(IrType type) => [.. Enumerable.Range(0, type.Lanes).Select(_ => NewUnit(GroupState.IsWide(type)))];

    private int[] Units(Value value)
    {
        if (value is not Constant constant)
            return _units[value];
        if (!_constants.TryGetValue(constant, out int unit))
            _constants.Add(constant, unit = NewUnit(GroupState.IsWide(constant.Type)));
        return [unit];
    }

    private LaneStep? Step(Region region)
    {
        switch (region)
        {
            case Sequence sequence:
                LaneStep[] steps = [.. sequence.Items.Select(Step).OfType<LaneStep>()];
                return steps.Length == 0 ? null : LaneFlow.Sequence(steps);
            case Straight straight:
                return Straight(straight.Block);
            case Assign assign:
                return Assign(assign);
            case If branch:
                LaneStep? whenTrue = Step(branch.Then), whenFalse = Step(branch.Else);
                int condition = Units(branch.Condition)[0];
                return IsUniform(branch.Condition)
                    ? LaneFlow.UniformIf(condition, whenTrue, whenFalse)
                    : LaneFlow.DivergentIf(condition, NewUnit(wide: false), NewUnit(wide: false), whenTrue, whenFalse);
            case Loop loop:
                (int broken, int continued) = Places(loop.Label);
                return LaneFlow.Loop(Step(loop.Body)!, broken, continued);
            case Labeled labeled:
                int left = Places(labeled.Label).Broken;
                return Step(labeled.Body) is { } body ? LaneFlow.Labeled(body, left) : null;
            case Break leaving:
                return LaneFlow.Leave(Places(leaving.Label).Broken);
            default:
                return LaneFlow.Leave(Places(((Continue)region).Label).Continued);
        }
    }

    private (int Broken, int Continued) Places(Label label)
    {
        if (!_labels.TryGetValue(label, out (int, int) places))
            _labels.Add(label, places = (NewUnit(wide: false), NewUnit(wide: false)));
        return places;
    }

    private LaneStep? Straight(Block block)
    {
        List<LaneStep> steps = [];
        Dictionary<Value, int> lastUse = new(ReferenceEqualityComparer.Instance);
        for (int i = 0; i < block.Instructions.Count; i++)
            MarkUse(block.Instructions[i], i, lastUse);
        Dictionary<int, List<Value>> endingAt = [];
        foreach ((Value value, int at) in lastUse)
        {
            if (!endingAt.TryGetValue(at, out List<Value>? ending))
                endingAt.Add(at, ending = []);
            ending.Add(value);
        }
        for (int i = 0; i < block.Instructions.Count; i++)
        {
            Instruction instruction = block.Instructions[i];
            // Places end before the result gets one: a sum may go where its last addend was. Memory and exchanges read other lanes' or
            // several components' places while they write, so theirs end after.
            bool inPlace = instruction.IsPure;
            if (inPlace)
                Release(endingAt.GetValueOrDefault(i));
            if (Operation(instruction) is { } step)
                steps.Add(step);
            if (!inPlace)
                Release(endingAt.GetValueOrDefault(i));
        }
        return steps.Count == 0 ? null : LaneFlow.Sequence([.. steps]);
    }

    /// <summary>Notes the last use of what lives in this block only, through addresses and vectors to what they are made of.</summary>
    private static void MarkUse(Instruction user, int at, Dictionary<Value, int> lastUse)
    {
        foreach (Value operand in user.Operands)
        {
            lastUse[operand] = at;
            if (operand is Instruction { Op: Opcode.PtrAdd or Opcode.Extract or Opcode.BuildVector } composed)
                MarkUse(composed, at, lastUse);
        }
    }

    private void Release(List<Value>? values)
    {
        foreach (Value value in values ?? [])
        {
            if (value is Instruction { Op: not (Opcode.PtrAdd or Opcode.Extract or Opcode.BuildVector) } instruction && IsLocal(instruction)
                && _units.TryGetValue(instruction, out int[]? units))
            {
                foreach (int unit in units)
                    (GroupState.IsWide(instruction.Type) ? _freeWide : _freeNarrow).Push(unit);
            }
        }
    }

    private bool IsLocal(Instruction instruction) => !_beyondBlock.Contains(instruction) && !_kept.Contains(instruction);

    private int[] Place(Instruction instruction)
    {
        bool wide = GroupState.IsWide(instruction.Type);
        Stack<int> free = wide ? _freeWide : _freeNarrow;
        int[] units = [.. Enumerable.Range(0, instruction.Type.Lanes).Select(_ => IsLocal(instruction) && free.Count > 0 ? free.Pop() : NewUnit(wide))];
        _units[instruction] = units;
        return units;
    }

    private LaneStep? Assign(Assign assign)
    {
        List<LaneStep> copies = [], saves = [];
        HashSet<int> targets = [.. assign.Items.SelectMany(item => Units(item.Parameter))];
        foreach ((BlockParameter parameter, Value value) in assign.Items)
        {
            int[] to = Units(parameter), from = Units(value);
            bool wide = GroupState.IsWide(parameter.Type), uniform = _uniform.Contains(parameter), spread = uniform && _spread.Contains(parameter);
            for (int k = 0; k < to.Length; k++)
            {
                int source = from[k], target = to[k];
                if (source == target)
                    continue;
                // All are assigned at once: what another assignment overwrites is read before.
                if (targets.Contains(source))
                {
                    int saved = NewUnit(wide), original = source;
                    saves.Add(group => Copy(group, original, saved, wide, group.Count(uniform)));
                    source = saved;
                }
                copies.Add(uniform
                    ? group =>
                    {
                        Copy(group, source, target, wide, 1);
                        if (spread)
                            group.Spread(target, wide);
                    }
                : group => CopyActive(group, source, target, wide));
            }
        }
        return copies.Count == 0 ? null : LaneFlow.Sequence([.. saves, .. copies]);
    }

    private static void Copy(GroupState group, int source, int target, bool wide, int count)
    {
        if (wide)
            group.Int64s(source, count).CopyTo(group.Int64s(target, count));
        else
            group.Int32s(source, count).CopyTo(group.Int32s(target, count));
    }

    private static unsafe void CopyActive(GroupState group, int source, int target, bool wide)
    {
        if (group.IsFull)
        {
            Copy(group, source, target, wide, group.Lanes);
            return;
        }
        int* mask = group.Mask;
        for (int lane = 0; lane < group.Threads; lane++)
        {
            if (mask[lane] == 0)
                continue;
            if (wide)
                group.Int64(target)[lane] = group.Int64(source)[lane];
            else
                group.Int32(target)[lane] = group.Int32(source)[lane];
        }
    }

    private LaneStep? Operation(Instruction i)
    {
        bool uniform = _uniform.Contains(i);
        switch (i.Op)
        {
            case Opcode.Extract:
                _units[i] = [Units(i.Operands[0])[i.Immediate]];
                return null;
            case Opcode.BuildVector:
                _units[i] = [.. i.Operands.Select(operand => Units(operand)[0])];
                return null;
            case Opcode.PtrAdd:
                return Address(i, uniform);
            case Opcode.Barrier or Opcode.WarpBarrier or Opcode.Fence:
                // Every step ends for all lanes before the next begins; groups share nothing but atomics.
                return null;
            case Opcode.Store:
                return LaneMemory.Store(AddressOf(i), i.Operands[1].Type, Units(i.Operands[1]));
            case Opcode.BoundsCheck:
                return Check(i);
        }
        LaneStep step;
        bool wide = GroupState.IsWide(i.Type);
        switch (i.Op)
        {
            case Opcode.Load:
                LaneAddress at = AddressOf(i);
                step = LaneMemory.Load(at, i.Type, Place(i), uniform);
                break;
            case Opcode.Atomic:
                int value = Units(i.Operands[1])[0], comparand = i.Operands.Length > 2 ? Units(i.Operands[2])[0] : -1;
                step = LaneMemory.Atomic(AddressOf(i), i.Type, value, comparand, Place(i)[0], Update(i));
                break;
            case Opcode.Shuffle or Opcode.Broadcast or Opcode.BarrierReduce:
                step = LaneExchange.Create(i, Units(i.Operands[0])[0], i.Operands.Length > 1 ? Units(i.Operands[1])[0] : -1, Place(i)[0], _kernel.WarpSize);
                break;
            case Opcode.Special or Opcode.DynamicSharedSize or Opcode.SharedAlloc or Opcode.LocalAlloc:
                step = Given(i, Place(i)[0], uniform);
                break;
            default:
                int[] operands = [.. i.Operands.Select(operand => Units(operand)[0])];
                int target = Place(i)[0];
                if (!_kept.Contains(i))
                {
                    step = LaneOperations.Create(i, operands, target, uniform);
                    break;
                }
                int scratch = NewUnit(wide);
                LaneStep compute = LaneOperations.Create(i, operands, scratch, uniform: false);
                return group =>
                {
                    compute(group);
                    CopyActive(group, scratch, target, wide);
                };
        }
        if (!uniform || !_spread.Contains(i))
            return step;
        int[] units = Units(i);
        return group =>
        {
            step(group);
            foreach (int unit in units)
                group.Spread(unit, wide);
        };
    }

    /// <summary>What the launch gives.</summary>
    private unsafe LaneStep Given(Instruction i, int target, bool uniform)
    {
        switch (i.Op)
        {
            case Opcode.DynamicSharedSize:
                return group => *group.Int64(target) = group.DynamicSharedBytes;
            case Opcode.SharedAlloc:
                int shared = _sharedOffsets[i];
                return group => group.Int64s(target, group.Count(uniform)).Fill((long)(group.Shared + shared));
            case Opcode.LocalAlloc:
                int size = (int)i.Immediate, alignment = Math.Max(1, i.Alignment);
                int offset = (_localBytes + alignment - 1) / alignment * alignment;
                int stride = (size + 15) / 16 * 16;
                _localBytes = offset + stride;
                return group =>
                {
                    // All threads' copies of one array lie together, so that equal indices are near.
                    byte* start = group.Local + ((long)offset * group.Lanes);
                    for (int lane = 0; lane < group.Lanes; lane++)
                        group.Int64(target)[lane] = (long)(start + ((long)lane * stride));
                };
        }
        int warp = _kernel.WarpSize;
        Func<GroupState, int, int> number = i.Number switch
        {
            SpecialNumber.GroupIdX => (group, thread) => thread % group.GroupDim.X,
            SpecialNumber.GroupIdY => (group, thread) => thread / group.GroupDim.X % group.GroupDim.Y,
            SpecialNumber.GroupIdZ => (group, thread) => thread / group.GroupDim.X / group.GroupDim.Y,
            SpecialNumber.GroupDimX => (group, _) => group.GroupDim.X,
            SpecialNumber.GroupDimY => (group, _) => group.GroupDim.Y,
            SpecialNumber.GroupDimZ => (group, _) => group.GroupDim.Z,
            SpecialNumber.GridIdX => (group, _) => group.Group.X,
            SpecialNumber.GridIdY => (group, _) => group.Group.Y,
            SpecialNumber.GridIdZ => (group, _) => group.Group.Z,
            SpecialNumber.GridDimX => (group, _) => group.GridDim.X,
            SpecialNumber.GridDimY => (group, _) => group.GridDim.Y,
            SpecialNumber.GridDimZ => (group, _) => group.GridDim.Z,
            _ => (_, thread) => thread % warp,
        };
        return group =>
        {
            int* to = group.Int32(target);
            for (int lane = 0; lane < group.Count(uniform); lane++)
                to[lane] = number(group, lane);
        };
    }

    /// <summary>
    /// A pointer becomes numbers only if it is uniform or something else than an access wants it; otherwise it stays a recipe that the
    /// accesses follow.
    /// </summary>
    private LaneStep? Address(Instruction i, bool uniform)
    {
        bool int32 = i.Operands[1].Type == IrType.I32, indexIsUniform = IsUniform(i.Operands[1]);
        LaneAddress recipe = new(Units(i.Operands[0])[0], IsUniform(i.Operands[0]), int32 ? Units(i.Operands[1])[0] : -1, i.Immediate, 0);
        // What the recipe is made of lives as long as the pointer: see Use.
        bool asRecipe = int32 && !uniform;
        if (asRecipe)
            _addresses[i] = recipe;
        if (asRecipe && OnlyAccessed(i))
            return null;
        bool wide = true;
        int target = _units.TryGetValue(i, out int[]? placed) ? placed[0] : (_units[i] = [NewUnit(wide)])[0];
        int pointer = recipe.Pointer, index = Units(i.Operands[1])[0];
        long scale = i.Immediate;
        bool spread = uniform && _spread.Contains(i), kept = _kept.Contains(i);
        int result = kept ? NewUnit(wide) : target;
        return group =>
        {
            Add(group, pointer, index, int32, scale, result, group.Count(uniform));
            if (spread)
                group.Spread(result, wide);
            if (kept)
                CopyActive(group, result, target, wide);
        };
    }

    private static unsafe void Add(GroupState group, int pointer, int index, bool int32, long scale, int target, int count)
    {
        long* from = group.Int64(pointer), to = group.Int64(target);
        int* narrow = group.Int32(index);
        long* wide = group.Int64(index);
        for (int lane = 0; lane < count; lane++)
            to[lane] = from[lane] + ((int32 ? narrow[lane] : wide[lane]) * scale);
    }

    private readonly Dictionary<Value, bool> _onlyAccessed = new(ReferenceEqualityComparer.Instance);

    private bool OnlyAccessed(Instruction pointer)
    {
        if (_onlyAccessed.Count == 0)
        {
            foreach (Instruction user in _kernel.Instructions)
            {
                for (int k = 0; k < user.Operands.Length; k++)
                {
                    bool access = k == 0 && user.Op is Opcode.Load or Opcode.Store or Opcode.Atomic;
                    _onlyAccessed[user.Operands[k]] = _onlyAccessed.GetValueOrDefault(user.Operands[k], true) && access && k == 0;
                }
            }
        }
        return _onlyAccessed.GetValueOrDefault(pointer, true);
    }

    private LaneAddress AddressOf(Instruction access)
    {
        Value pointer = access.Operands[0];
        return pointer is Instruction i && _addresses.TryGetValue(i, out LaneAddress recipe)
            ? recipe with { Offset = access.Immediate }
            : new LaneAddress(Units(pointer)[0], IsUniform(pointer), -1, 0, access.Immediate);
    }

    private static Func<long, long, long, long> Update(Instruction i)
    {
        switch (i.Update)
        {
            case AtomicKind.Exchange:
                return (_, value, _) => value;
            case AtomicKind.CompareExchange:
                // Operands: the new value and what it is compared with, in the IR's order.
                return (before, value, comparand) => before == comparand ? value : before;
        }
        Opcode op = i.Update switch
        {
            AtomicKind.Add => Opcode.Add,
            AtomicKind.MinS => Opcode.MinS,
            AtomicKind.MaxS => Opcode.MaxS,
            AtomicKind.MinU => Opcode.MinU,
            AtomicKind.MaxU => Opcode.MaxU,
            _ => Opcode.FAdd,
        };
        Instruction addition = new(op, i.Type, i.Operands[1], i.Operands[1]);
        return (before, value, _) => Fold.TryEvaluate(addition, [new Constant(i.Type, before), new Constant(i.Type, value)])!.Bits;
    }

    private LaneStep Check(Instruction i)
    {
        int index = Units(i.Operands[0])[0], length = Units(i.Operands[1])[0];
        bool indexIsUniform = IsUniform(i.Operands[0]), lengthIsUniform = IsUniform(i.Operands[1]);
        string kernel = _kernel.MethodName;
        return group =>
        {
            for (int lane = 0; lane < group.Threads; lane++)
            {
                long at = group.Read(index, IrType.I64, indexIsUniform ? 0 : lane), count = group.Read(length, IrType.I64, lengthIsUniform ? 0 : lane);
                if (group.Int32s(LaneProgram.MaskUnit, group.Threads)[lane] != 0 && (at < 0 || at >= count))
                    throw new IndexOutOfRangeException($"{kernel}: index {at} of {i.Name}, which has {count} elements ({i.Location}).");
            }
        };
    }
}
