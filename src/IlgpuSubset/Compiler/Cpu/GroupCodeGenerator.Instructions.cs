using System.Reflection.Emit;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.Structure;
using Target = System.Reflection.Emit.Label;

namespace ILGPU.Compiler.Cpu;

/// <content>Instructions: numbers that lanes share, vectors, and lane by lane what is neither.</content>
internal sealed partial class GroupCodeGenerator
{
    private const int OperandSlots = 24;
    private const int ResultSlot = OperandSlots;
    private const int ScratchSlots = OperandSlots + 4;

    private readonly Dictionary<Value, int> _spilled = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Value, LocalBuilder> _broadcasts = new(ReferenceEqualityComparer.Instance);
    private bool _inRun;

    /// <summary>Scratch for operations lane by lane: an element of 8 bytes for each lane in each slot.</summary>
    private int ScratchSlotBytes => Lanes * sizeof(long);

    private int ScratchBytes => ScratchSlots * ScratchSlotBytes;

    /// <summary>Instructions one after the other; locals of values that only they use are used again.</summary>
    private void EmitRun(IReadOnlyList<Instruction> instructions, LocalBuilder[]? mask)
    {
        var last = new Dictionary<Value, (int Index, int Uses)>(ReferenceEqualityComparer.Instance);
        for (int k = 0; k < instructions.Count; k++)
        {
            foreach (Value operand in _residence.Reads(instructions[k]))
                last[operand] = (k, last.GetValueOrDefault(operand).Uses + 1);
        }
        var ending = last.Where(item => item.Value.Uses == _residence.Uses[item.Key]).ToLookup(item => item.Value.Index, item => item.Key);
        var born = new HashSet<Value>(ReferenceEqualityComparer.Instance);
        _inRun = true;
        for (int k = 0; k < instructions.Count; k++)
        {
            Instruction i = instructions[k];
            if (_lanes.ConstantOf(i) is null && !Residence.IsPosition(i) && !_residence.IsAddressOnly(i))
                EmitInstruction(i, mask);
            born.Add(i);
            foreach (Value value in ending[k])
            {
                if (_broadcasts.Remove(value, out LocalBuilder? broadcast))
                    Free(broadcast);
                if (!born.Contains(value) || _lanes.IsBlended(value) || Residence.IsPosition(value)
                    || _lanes.Of(value).Kind == LaneKind.Group || !_locals.Remove(value, out LocalBuilder[]? locals))
                    continue;
                foreach (LocalBuilder local in locals)
                {
                    _phaseLocals.Remove(local);
                    Free(local);
                }
            }
        }
        ForgetBroadcasts();
        _inRun = false;
    }

    private void EmitInstruction(Instruction i, LocalBuilder[]? mask)
    {
        LaneShape shape = _lanes.Of(i);
        switch (i.Op)
        {
            case Opcode.Load:
                EmitLoad(i, mask);
                break;
            case Opcode.Store:
                EmitStore(i, mask);
                break;
            case Opcode.Atomic:
                EmitAtomic(i, mask);
                break;
            case Opcode.Shuffle:
                EmitShuffle(i, mask);
                break;
            case Opcode.MatrixMultiply:
                EmitMatrixMultiply(i, mask);
                break;
            case Opcode.MatrixLoad:
                EmitMatrixLoad(i, mask);
                break;
            case Opcode.CopyAsync:
                EmitCopyAsync(i, mask);
                break;
            case Opcode.CopyCommit or Opcode.CopyWait:
                // A copy has ended when it was started.
                break;
            case Opcode.BoundsCheck:
                EmitBoundsCheck(i, mask);
                break;
            case Opcode.Fence:
                ScalarCode.Call(_il, typeof(Thread), nameof(Thread.MemoryBarrier));
                break;
            case Opcode.WarpBarrier:
                // A warp is a vector: its lanes are in step, and each sees what the others wrote.
                break;
            case Opcode.Extract or Opcode.BuildVector:
                for (int c = 0; c < i.Type.Lanes; c++)
                    EmitCopy(i, c, i.Operands[i.Op == Opcode.Extract ? 0 : c], i.Op == Opcode.Extract ? (int)i.Immediate : 0, mask);
                break;
            case Opcode.Special or Opcode.SharedAlloc or Opcode.DynamicSharedSize:
                DefineScalar(i, 0, () => PushNumber(i));
                break;
            default:
                for (int c = 0; c < i.Type.Lanes; c++)
                    EmitOperation(i, c, shape, mask);
                break;
        }
    }

    private void EmitOperation(Instruction i, int component, LaneShape shape, LocalBuilder[]? mask)
    {
        if (shape.HasBase)
        {
            // What holds of the first lane's operands holds of its result.
            DefineScalar(i, component, () => EmitScalar(i, operand => PushBase(operand, operand.Type.IsVector ? component : 0)));
            return;
        }
        Type element = LaneVectors.Element(i.Type);
        bool count = i.Operands.Length > 1 && _lanes.Of(i.Operands[1]).IsScalar;
        if (VectorCode.Knows(i, count))
        {
            for (int part = 0; part < _vectors.Parts(element); part++)
            {
                DefinePart(i, component, part, mask, () => _code.Emit(
                    i, part,
                    (operand, p) => PushPart(i.Operands[operand], i.Operands[operand].Type.IsVector ? component : 0, p),
                    () => PushShiftCount(i)));
            }
            return;
        }
        Spill(i.Operands);
        ForLanes(null, () =>
        {
            PushResultOfLane(0, element);
            EmitScalar(i, operand => PushLane(operand, operand.Type.IsVector ? component : 0));
            if (i.Type.Scalar == ScalarType.I1)
                _il.Emit(OpCodes.Neg);
            ScalarCode.StoreElement(_il, element);
        });
        _spilled.Clear();
        DefineFromScratch(i, component, ResultSlot * ScratchSlotBytes, mask);
    }

    private void PushShiftCount(Instruction i)
    {
        PushBase(i.Operands[1]);
        if (i.Type.Bits == 64)
            _il.Emit(OpCodes.Conv_I4);
        _il.Emit(OpCodes.Ldc_I4, i.Type.Bits - 1);
        _il.Emit(OpCodes.And);
    }

    /// <summary>An operation on numbers.</summary>
    private void EmitScalar(Instruction i, Action<Value> push)
    {
        switch (i.Op)
        {
            case Opcode.PtrAdd:
                push(i.Operands[0]);
                push(i.Operands[1]);
                if (i.Operands[1].Type == IrType.I32)
                    _il.Emit(OpCodes.Conv_I8);
                PushTimes(typeof(long), i.Immediate);
                _il.Emit(OpCodes.Add);
                break;
            case Opcode.Select:
                Target otherwise = _il.DefineLabel();
                Target end = _il.DefineLabel();
                LocalBuilder chosen = Take(LaneVectors.Element(i.Type));
                push(i.Operands[0]);
                _il.Emit(OpCodes.Brfalse, otherwise);
                push(i.Operands[1]);
                _il.Emit(OpCodes.Stloc, chosen);
                _il.Emit(OpCodes.Br, end);
                _il.MarkLabel(otherwise);
                push(i.Operands[2]);
                _il.Emit(OpCodes.Stloc, chosen);
                _il.MarkLabel(end);
                _il.Emit(OpCodes.Ldloc, chosen);
                Free(chosen);
                break;
            default:
                ScalarCode.Emit(_il, i, operand => push(i.Operands[operand]));
                break;
        }
    }

    /// <summary>A number that the launch gives the group.</summary>
    private void PushNumber(Instruction i)
    {
        switch (i.Op)
        {
            case Opcode.SharedAlloc:
                _il.Emit(OpCodes.Ldarg_2);
                _il.Emit(OpCodes.Ldc_I4, _sharedOffsets[i]);
                _il.Emit(OpCodes.Add);
                _il.Emit(OpCodes.Conv_I8);
                break;
            case Opcode.DynamicSharedSize:
                PushArgument(_kernel.Parameters.Count + GroupCode.DynamicShared);
                _il.Emit(OpCodes.Ldind_I8);
                break;
            default:
                switch (i.Number)
                {
                    case SpecialNumber.GridIdX or SpecialNumber.GridIdY or SpecialNumber.GridIdZ:
                        _il.Emit(OpCodes.Ldarg, (short)(3 + (i.Number - SpecialNumber.GridIdX)));
                        break;
                    default:
                        PushArgument(_kernel.Parameters.Count + GroupCode.GridDimX + (i.Number - SpecialNumber.GridDimX));
                        _il.Emit(OpCodes.Ldind_I4);
                        break;
                }
                break;
        }
    }

    /// <summary>
    /// Lets what becomes a parameter be computed in the parameter's own locals where nothing reads those afterwards: a sum that a loop
    /// carries then has one place, not two with a copy in between.
    /// </summary>
    private void ShareLocals(List<Instruction> instructions, Assign assign, LocalBuilder[]? mask)
    {
        foreach ((BlockParameter parameter, Value value) in assign.Items)
        {
            if (value is not Instruction
                {
                    Op: Opcode.Add or Opcode.Sub or Opcode.Mul or Opcode.FAdd or Opcode.FSub or Opcode.FMul or Opcode.FMin or Opcode.FMax
                        or Opcode.Fma
                } i
                || _residence.Uses[i] != 1 || _lanes.Of(i).HasBase || _lanes.Of(parameter).HasBase || _lanes.IsBlended(i)
                || (_lanes.IsBlended(parameter) && mask is not null) || (_residence.IsFramed(parameter) && !_liveOut.Contains(parameter))
                || _residence.IsFramed(i)
                || assign.Items.Any(item => item.Value == parameter))
                continue;
            int place = instructions.IndexOf(i);
            if (place >= 0 && !instructions.Skip(place + 1).SelectMany(_residence.Reads).Contains(parameter))
                _locals[i] = LocalsOf(parameter);
        }
    }

    private bool SharesLocals(Value a, Value b) =>
        _locals.TryGetValue(a, out LocalBuilder[]? locals) && _locals.TryGetValue(b, out LocalBuilder[]? others) && locals == others;

    /// <summary>Parallel copies: what is overwritten while another still needs it goes through a temporary.</summary>
    private void EmitAssign(IReadOnlyList<(BlockParameter Parameter, Value Value)> items, LocalBuilder[]? mask)
    {
        (BlockParameter Parameter, Value Value)[] moves =
            [.. items.Where(item => item.Parameter != item.Value && !SharesLocals(item.Parameter, item.Value))];
        var targets = new HashSet<Value>(moves.Select(move => (Value)move.Parameter), ReferenceEqualityComparer.Instance);
        var saved = new Dictionary<Value, LocalBuilder[]>(ReferenceEqualityComparer.Instance);
        foreach (Value value in moves.Select(move => move.Value).Where(targets.Contains).Distinct())
        {
            LocalBuilder[] locals = LocalsOf(value);
            LocalBuilder[] copies = [.. locals.Select(local => Take(local.LocalType))];
            for (int k = 0; k < locals.Length; k++)
            {
                _il.Emit(OpCodes.Ldloc, locals[k]);
                _il.Emit(OpCodes.Stloc, copies[k]);
            }
            saved.Add(value, copies);
        }
        foreach ((BlockParameter parameter, Value value) in moves)
        {
            for (int c = 0; c < parameter.Type.Lanes; c++)
                EmitCopy(parameter, c, value, c, mask, saved.GetValueOrDefault(value));
        }
        foreach (LocalBuilder copy in saved.Values.SelectMany(copies => copies))
            Free(copy);
        // The other copy of a region may need a place of its own, to blend from.
        foreach ((BlockParameter parameter, Value value) in items)
        {
            if (parameter != value && SharesLocals(parameter, value))
                _locals.Remove(value);
        }
    }

    /// <summary>A component of one value becomes that of another.</summary>
    private void EmitCopy(
        Value target, int targetComponent, Value source, int sourceComponent, LocalBuilder[]? mask, LocalBuilder[]? saved = null)
    {
        // The source is a parameter itself and was overwritten: its copy stands for it meanwhile.
        LocalBuilder[]? own = saved is null ? null : _locals[source];
        LocalBuilder[] targets = LocalsOf(target);
        if (saved is not null)
            _locals[source] = saved;
        if (_lanes.Of(target).HasBase)
        {
            DefineScalar(target, targetComponent, () => PushBase(source, sourceComponent), targets);
        }
        else
        {
            for (int part = 0; part < _vectors.Parts(LaneVectors.Element(target.Type)); part++)
                DefinePart(target, targetComponent, part, mask, () => PushPart(source, sourceComponent, part), targets);
        }
        if (own is not null)
            _locals[source] = own;
    }

    /// <summary>Gives a value the number that <paramref name="push"/> puts on the stack: the one of all lanes, or of the first.</summary>
    private void DefineScalar(Value value, int component, Action push, LocalBuilder[]? locals = null)
    {
        if (!_lanes.Of(value).HasBase)
            throw new InvalidOperationException($"{_kernel.MethodName}: one number for lanes that differ.");
        push();
        LocalBuilder local = (locals ?? LocalsOf(value))[component];
        _il.Emit(OpCodes.Stloc, local);
        if (_residence.IsFramed(value) && !_liveOut.Contains(value))
            StorePlace(value, component, local);
    }

    /// <summary>Gives the active lanes of a value the vector that <paramref name="push"/> puts on the stack.</summary>
    private void DefinePart(
        Value value, int component, int part, LocalBuilder[]? mask, Action push, LocalBuilder[]? locals = null)
    {
        Type element = LaneVectors.Element(value.Type);
        int k = component * _vectors.Parts(element) + part;
        LocalBuilder local = (locals ?? LocalsOf(value))[k];
        if (mask is not null && _lanes.IsBlended(value))
        {
            _code.Mask(element, part, p => _il.Emit(OpCodes.Ldloc, mask[p]));
            push();
            _il.Emit(OpCodes.Ldloc, local);
            _code.Call("ConditionalSelect", element, 3);
        }
        else
        {
            push();
        }
        _il.Emit(OpCodes.Stloc, local);
        if (_residence.IsFramed(value) && !_liveOut.Contains(value))
            StorePlace(value, k, local);
    }

    /// <summary>Gives a component the vectors that lie in the scratch memory.</summary>
    private void DefineFromScratch(Value value, int component, int offset, LocalBuilder[]? mask)
    {
        Type element = LaneVectors.Element(value.Type);
        for (int part = 0; part < _vectors.Parts(element); part++)
        {
            DefinePart(value, component, part, mask, () =>
            {
                PushScratch(offset + part * _vectors.Bytes);
                LoadVector(element);
            });
        }
    }

    /// <summary>The number that all lanes share, or the first lane's.</summary>
    private void PushBase(Value value, int component = 0)
    {
        if (_lanes.ConstantOf(value) is { } constant)
            ScalarCode.Constant(_il, constant);
        else
            _il.Emit(OpCodes.Ldloc, LocalsOf(value)[component]);
    }

    /// <summary>A vector of a value.</summary>
    private void PushPart(Value value, int component, int part)
    {
        Type element = LaneVectors.Element(value.Type);
        LaneShape shape = _lanes.Of(value);
        if (shape.Kind == LaneKind.Varying)
        {
            _il.Emit(OpCodes.Ldloc, LocalsOf(value)[component * _vectors.Parts(element) + part]);
        }
        else if (shape.Kind == LaneKind.Affine)
        {
            PushSequence(element, shape.Stride, part, () => PushBase(value));
        }
        else if (_inRun && !value.Type.IsVector && _lanes.ConstantOf(value) is null)
        {
            if (!_broadcasts.TryGetValue(value, out LocalBuilder? broadcast))
            {
                broadcast = Take(_vectors.Vector(element));
                _broadcasts.Add(value, broadcast);
                PushBroadcast();
                _il.Emit(OpCodes.Stloc, broadcast);
            }
            _il.Emit(OpCodes.Ldloc, broadcast);
        }
        else
        {
            PushBroadcast();
        }

        void PushBroadcast()
        {
            PushBase(value, component);
            if (value.Type.Scalar == ScalarType.I1)
                _il.Emit(OpCodes.Neg);
            _code.Broadcast(element);
        }
    }

    /// <summary>The vector of base, base + stride, ..., from the lane at which a part begins.</summary>
    private void PushSequence(Type element, long stride, int part, Action pushBase)
    {
        pushBase();
        PushNumber(element, part * _vectors.Count(element) * stride);
        _il.Emit(OpCodes.Add);
        PushNumber(element, stride);
        _il.Emit(OpCodes.Call, _vectors.Method("CreateSequence", element, element, element));
    }

    private void PushNumber(Type element, long number)
    {
        if (element == typeof(long))
            _il.Emit(OpCodes.Ldc_I8, number);
        else
            _il.Emit(OpCodes.Ldc_I4, (int)number);
    }

    /// <summary>The integer on the stack times a constant.</summary>
    private void PushTimes(Type element, long factor)
    {
        if (element == typeof(long))
            _il.Emit(OpCodes.Conv_I8);
        if (factor == 1)
            return;
        PushNumber(element, factor);
        _il.Emit(OpCodes.Mul);
    }

    /// <summary>Writes the vectors of values to the scratch memory, so that <see cref="PushLane"/> finds their lanes.</summary>
    private void Spill(IEnumerable<Value> values)
    {
        int slot = 0;
        foreach (Value value in values)
        {
            if (_lanes.Of(value).HasBase || _spilled.ContainsKey(value))
                continue;
            _spilled.Add(value, slot);
            Type element = LaneVectors.Element(value.Type);
            for (int c = 0; c < value.Type.Lanes; c++, slot++)
            {
                if (slot >= OperandSlots)
                    throw new NotSupportedException($"{_kernel.MethodName}: an instruction with more than {OperandSlots} vectors.");
                for (int part = 0; part < _vectors.Parts(element); part++)
                {
                    PushScratch(slot * ScratchSlotBytes + part * _vectors.Bytes);
                    PushPart(value, c, part);
                    StoreVector(element);
                }
            }
        }
    }

    private void PushScratch(int offset)
    {
        _il.Emit(OpCodes.Ldloc, _scratch);
        _il.Emit(OpCodes.Ldc_I4, offset);
        _il.Emit(OpCodes.Add);
    }

    /// <summary>A value in the present lane.</summary>
    private void PushLane(Value value, int component = 0)
    {
        LaneShape shape = _lanes.Of(value);
        Type element = LaneVectors.Element(value.Type);
        if (shape.HasBase)
        {
            PushBase(value, component);
            if (shape.Kind == LaneKind.Affine)
            {
                _il.Emit(OpCodes.Ldloc, _lane);
                PushTimes(element, shape.Stride);
                _il.Emit(OpCodes.Add);
            }
            return;
        }
        PushScratch((_spilled[value] + component) * ScratchSlotBytes);
        PushLaneOffset(element);
        ScalarCode.LoadElement(_il, element);
        if (value.Type.Scalar == ScalarType.I1)
            _il.Emit(OpCodes.Neg);
    }

    private void PushLaneOffset(Type element)
    {
        _il.Emit(OpCodes.Ldloc, _lane);
        _il.Emit(OpCodes.Ldc_I4, LaneVectors.SizeOf(element));
        _il.Emit(OpCodes.Mul);
        _il.Emit(OpCodes.Add);
    }

    /// <summary>Where the present lane's result goes.</summary>
    private void PushResultOfLane(int component, Type element)
    {
        PushScratch((ResultSlot + component) * ScratchSlotBytes);
        PushLaneOffset(element);
    }
}
