using System.Reflection.Emit;
using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.Structure;
using Label = ILGPU.Compiler.Structure.Label;
using Target = System.Reflection.Emit.Label;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// Compiles a kernel for groups of given dimensions to .NET code that runs one group: barriers end loops over the group's vectors of 16
/// lanes, values that lanes share are single numbers, and what lanes do apart is done under masks.
/// </summary>
/// <remarks>
/// This part has the group's steps, the loops over vectors and where values lie; the other parts have control flow under masks
/// (<c>.Regions</c>) and instructions (<c>.Instructions</c>).
/// </remarks>
internal sealed partial class GroupCodeGenerator
{

    private readonly IrKernel _kernel;
    private readonly Index3D _groupDim;
    private readonly int _threads;
    private readonly int _vectorCount;
    private readonly LaneVectors _vectors;
    private readonly LaneAnalysis _lanes;
    private readonly GroupPlan _plan;
    private readonly Residence _residence;
    private readonly IReadOnlyDictionary<Instruction, int> _sharedOffsets;
    private readonly Dictionary<Instruction, int> _localOffsets = [];
    private readonly int _localBytes;
    private readonly DynamicMethod _method;
    private readonly ILGenerator _il;
    private readonly VectorCode _code;
    private readonly Dictionary<Value, LocalBuilder[]> _locals = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Value, int> _slots = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Type, Stack<LocalBuilder>> _pool = [];
    private readonly Dictionary<Label, Target> _ends = [];
    private readonly LocalBuilder _vector;
    private readonly LocalBuilder _place;
    private readonly LocalBuilder _lane;
    private readonly LocalBuilder _bits;
    private readonly LocalBuilder _scratch;
    private readonly HashSet<LocalBuilder> _phaseLocals = [];
    private HashSet<Value> _liveOut = [];
    private int _slotCount;

    private GroupCodeGenerator(IrKernel kernel, Index3D groupDim, LaneVectors vectors)
    {
        (_kernel, _groupDim, _vectors) = (kernel, groupDim, vectors);
        (Lanes, SlotBytes, _localBytes) = (vectors.Lanes, vectors.Lanes * sizeof(int), vectors.Lanes * sizeof(int));
        _threads = groupDim.Size;
        _vectorCount = (_threads + Lanes - 1) / Lanes;
        var uniformity = new Uniformity(kernel);
        Region structure = LaneRegions.Normalize(Structurizer.Structure(kernel, uniformity));
        _lanes = new LaneAnalysis(kernel, structure, uniformity, groupDim, Lanes);
        _plan = new GroupPlan(kernel, structure, _lanes);
        while (_plan.StartedEarlier.ToArray() is { Length: > 0 } apart)
        {
            Array.ForEach(apart, _lanes.KeepPerVector);
            _plan = new GroupPlan(kernel, structure, _lanes);
        }
        _residence = new Residence(kernel, _plan, _lanes);
        (_sharedOffsets, _) = kernel.LayOutSharedMemory();
        foreach (Instruction allocation in kernel.Instructions.Where(i => i.Op == Opcode.LocalAlloc))
        {
            _localOffsets.Add(allocation, _localBytes);
            _localBytes += LaneAnalysis.LocalStride(allocation) * _vectorCount * Lanes;
        }
        _method = new DynamicMethod(
            kernel.Name, typeof(void), [typeof(nint), typeof(nint), typeof(nint), typeof(int), typeof(int), typeof(int)],
            typeof(GroupCodeGenerator).Module, skipVisibility: true)
        {
            // Every local is written before it is read; clearing hundreds of vectors for each group would be felt.
            InitLocals = false,
        };
        _il = _method.GetILGenerator();
        _code = new VectorCode(_il, vectors);
        _vector = _il.DeclareLocal(typeof(int));
        _place = _il.DeclareLocal(typeof(nint));
        _lane = _il.DeclareLocal(typeof(int));
        _bits = _il.DeclareLocal(typeof(uint));
        _scratch = _il.DeclareLocal(typeof(nint));
    }

    /// <summary>Compiles a finished kernel.</summary>
    public static GroupCode Generate(IrKernel kernel, Index3D groupDim, LaneVectors vectors)
    {
        int lanes = kernel.UsesMatrices ? kernel.LanesInStep : vectors.Lanes;
        if (kernel.UsesMatrices
            && kernel.Instructions.FirstOrDefault(i => i.Op == Opcode.Special && i.Number == SpecialNumber.LaneIdx) is { } lane)
            throw new KernelCompilerException(
                $"Warp.LaneIdx beside operations of {lanes} lanes (take Group.IdxX % {lanes})", lane.Location);
        return new GroupCodeGenerator(kernel, groupDim, lanes == vectors.Lanes ? vectors : new LaneVectors(vectors.Bytes, lanes))
            .Generate();
    }

    private int Lanes { get; }

    /// <summary>Bytes of a place in the frame: a 32-bit number of each lane.</summary>
    private int SlotBytes { get; }

    private GroupCode Generate()
    {
        // The frame: a report, local arrays, scratch, then the places of values, whose number is known at the end.
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldc_I4, Align(_localBytes));
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, _scratch);
        // Tells how the vectors of this stack frame are aligned.
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldloca, _il.DeclareLocal(_vectors.Vector(typeof(int))));
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Stind_I);
        foreach (Parameter parameter in _kernel.Parameters)
        {
            LocalBuilder local = _il.DeclareLocal(LaneVectors.Element(parameter.Type));
            _locals.Add(parameter, [local]);
            PushArgument(_kernel.Parameters.IndexOf(parameter));
            if (parameter.Type.Scalar == ScalarType.I1)
            {
                _il.Emit(OpCodes.Ldind_I4);
                _il.Emit(OpCodes.Ldc_I4_1);
                _il.Emit(OpCodes.And);
            }
            else
            {
                ScalarCode.Load(_il, parameter.Type);
            }
            _il.Emit(OpCodes.Stloc, local);
        }
        Emit(_plan.Steps);
        _il.Emit(OpCodes.Ret);
        int frame = Align(_localBytes) + ScratchBytes + _slotCount * SlotBytes * _vectorCount;
        return new GroupCode(_method.CreateDelegate<RunGroup>(), frame, _kernel, _groupDim, Lanes);
    }

    private int Align(int bytes) => (bytes + SlotBytes - 1) / SlotBytes * SlotBytes;

    private void Emit(IReadOnlyList<GroupStep> steps)
    {
        foreach (GroupStep step in steps)
        {
            switch (step)
            {
                case Phase phase:
                    EmitPhase(phase);
                    break;
                case Once once:
                    EmitOnce(once.Instruction);
                    break;
                case AssignOnce assign:
                    EmitAssign(assign.Items, null);
                    break;
                case GroupIf branch:
                    Target otherwise = _il.DefineLabel();
                    Target end = _il.DefineLabel();
                    PushBase(branch.Condition);
                    _il.Emit(OpCodes.Brfalse, otherwise);
                    Emit(branch.Then);
                    _il.Emit(OpCodes.Br, end);
                    _il.MarkLabel(otherwise);
                    Emit(branch.Else);
                    _il.MarkLabel(end);
                    break;
                case GroupLoop loop:
                    Target start = _il.DefineLabel();
                    _ends[loop.Label] = _il.DefineLabel();
                    _il.MarkLabel(start);
                    Emit(loop.Body);
                    _il.Emit(OpCodes.Br, start);
                    _il.MarkLabel(_ends[loop.Label]);
                    break;
                case GroupLabeled labeled:
                    _ends[labeled.Label] = _il.DefineLabel();
                    Emit(labeled.Body);
                    _il.MarkLabel(_ends[labeled.Label]);
                    break;
                case GroupBreak leave:
                    _il.Emit(OpCodes.Br, _ends[leave.Label]);
                    break;
            }
        }
    }

    /// <summary>A loop over the group's vectors.</summary>
    private void EmitPhase(Phase phase)
    {
        Target start = BeginVectors();
        foreach (Value value in _residence.LiveIn(phase.Number))
            EnterPhase(value);
        _liveOut = new HashSet<Value>(_residence.LiveOut(phase.Number), ReferenceEqualityComparer.Instance);
        LocalBuilder[]? active = _threads % Lanes == 0 ? null : EmitActiveLanes();
        var body = new Sequence(phase.Regions);
        if (active is not null && _vectorCount > 1 && IsWorthTwice(body))
        {
            // Only the last vector has lanes that no thread is in.
            Target last = _il.DefineLabel();
            Target end = _il.DefineLabel();
            _il.Emit(OpCodes.Ldloc, _vector);
            _il.Emit(OpCodes.Ldc_I4, _vectorCount - 1);
            _il.Emit(OpCodes.Beq, last);
            EmitTwice(body, null);
            _il.Emit(OpCodes.Br, end);
            _il.MarkLabel(last);
            EmitTwice(body, active);
            _il.MarkLabel(end);
        }
        else
        {
            EmitRegion(body, active);
        }
        foreach (Value value in _liveOut)
        {
            for (int k = 0; k < LocalsOf(value).Length; k++)
                StorePlace(value, k, LocalsOf(value)[k]);
        }
        _liveOut = [];
        EndVectors(start);
        foreach (LocalBuilder local in _phaseLocals)
            Free(local);
        _phaseLocals.Clear();
        foreach (Value value in _locals.Keys.Where(value => value is not Parameter && _lanes.Of(value).Kind != LaneKind.Group).ToArray())
            _locals.Remove(value);
    }

    private Target BeginVectors()
    {
        Target start = _il.DefineLabel();
        _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Stloc, _vector);
        _il.Emit(OpCodes.Ldloc, _scratch);
        _il.Emit(OpCodes.Ldc_I4, ScratchBytes);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, _place);
        _il.MarkLabel(start);
        return start;
    }

    private void EndVectors(Target start)
    {
        if (_vectorCount == 1)
            return;
        _il.Emit(OpCodes.Ldloc, _place);
        _il.Emit(OpCodes.Ldc_I4, SlotBytes);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, _place);
        _il.Emit(OpCodes.Ldloc, _vector);
        _il.Emit(OpCodes.Ldc_I4_1);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, _vector);
        _il.Emit(OpCodes.Ldloc, _vector);
        _il.Emit(OpCodes.Ldc_I4, _vectorCount);
        _il.Emit(OpCodes.Blt, start);
    }

    /// <summary>The lanes of a vector in which there is a thread.</summary>
    private LocalBuilder[] EmitActiveLanes()
    {
        LocalBuilder[] mask = NewMask();
        for (int part = 0; part < mask.Length; part++)
        {
            PushSequence(typeof(int), 1, part, () =>
            {
                _il.Emit(OpCodes.Ldloc, _vector);
                _il.Emit(OpCodes.Ldc_I4, Lanes);
                _il.Emit(OpCodes.Mul);
            });
            _il.Emit(OpCodes.Ldc_I4, _threads);
            _code.Broadcast(typeof(int));
            _code.Call("LessThan", typeof(int), 2);
            _il.Emit(OpCodes.Stloc, mask[part]);
        }
        _phaseLocals.UnionWith(mask);
        return mask;
    }

    /// <summary>Takes a value from the frame, or computes a position.</summary>
    private void EnterPhase(Value value)
    {
        LocalBuilder[] locals = DeclareLocals(value);
        if (Residence.IsPosition(value))
        {
            EmitPosition((Instruction)value, locals);
            return;
        }
        Type element = LaneVectors.Element(value.Type);
        for (int k = 0; k < locals.Length; k++)
        {
            PushPlace(value, k);
            if (_lanes.Of(value).HasBase)
                ScalarCode.LoadElement(_il, element);
            else
                LoadVector(element);
            _il.Emit(OpCodes.Stloc, locals[k]);
        }
    }

    private void EmitPosition(Instruction i, LocalBuilder[] locals)
    {
        if (i.Op == Opcode.LocalAlloc)
        {
            int stride = LaneAnalysis.LocalStride(i);
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldc_I4, _localOffsets[i]);
            _il.Emit(OpCodes.Add);
            _il.Emit(OpCodes.Ldloc, _vector);
            _il.Emit(OpCodes.Ldc_I4, stride * Lanes);
            _il.Emit(OpCodes.Mul);
            _il.Emit(OpCodes.Add);
            _il.Emit(OpCodes.Conv_I8);
            _il.Emit(OpCodes.Stloc, locals[0]);
        }
        else if (_lanes.Of(i).HasBase)
        {
            // The first thread of the vector.
            _il.Emit(OpCodes.Ldloc, _vector);
            _il.Emit(OpCodes.Ldc_I4, i.Number == SpecialNumber.LaneIdx ? 0 : Lanes);
            _il.Emit(OpCodes.Mul);
            if (i.Number == SpecialNumber.GroupIdX && !_lanes.Line)
                Then(OpCodes.Rem_Un, _groupDim.X);
            else if (i.Number == SpecialNumber.GroupIdY)
            {
                Then(OpCodes.Div_Un, _groupDim.X);
                Then(OpCodes.Rem_Un, _groupDim.Y);
            }
            else if (i.Number == SpecialNumber.GroupIdZ)
                Then(OpCodes.Div_Un, _groupDim.X * _groupDim.Y);
            _il.Emit(OpCodes.Stloc, locals[0]);
        }
        else
        {
            for (int part = 0; part < locals.Length; part++)
            {
                PushArgument(_kernel.Parameters.Count + GroupCode.PositionTable);
                _il.Emit(OpCodes.Ldind_I);
                _il.Emit(OpCodes.Ldc_I4, (i.Number - SpecialNumber.GroupIdX) * _vectorCount * Lanes * sizeof(int) + part * _vectors.Bytes);
                _il.Emit(OpCodes.Add);
                _il.Emit(OpCodes.Ldloc, _vector);
                _il.Emit(OpCodes.Ldc_I4, Lanes * sizeof(int));
                _il.Emit(OpCodes.Mul);
                _il.Emit(OpCodes.Add);
                LoadVector(typeof(int));
                _il.Emit(OpCodes.Stloc, locals[part]);
            }
        }

        void Then(OpCode op, int number)
        {
            _il.Emit(OpCodes.Ldc_I4, number);
            _il.Emit(op);
        }
    }

    /// <summary>What is done once for the group.</summary>
    private void EmitOnce(Instruction i)
    {
        switch (i.Op)
        {
            case Opcode.Barrier:
                // The loop over vectors has ended: that is all.
                break;
            case Opcode.BarrierReduce:
                EmitReduction(i);
                break;
            case Opcode.Broadcast:
                EmitBroadcast(i);
                break;
            default:
                EmitInstruction(i, null);
                break;
        }
    }

    private void EmitReduction(Instruction i)
    {
        Value value = i.Operands[0];
        DefineScalar(i, 0, () =>
        {
            LaneShape shape = _lanes.Of(value);
            if (shape.Kind == LaneKind.Group)
            {
                PushBase(value);
                if (i.Reduction == BarrierReduction.PopCount)
                {
                    _il.Emit(OpCodes.Ldc_I4, _threads);
                    _il.Emit(OpCodes.Mul);
                }
                return;
            }
            // The masks of all vectors lie one after the other in the frame. One number for a vector is spread over its place first.
            if (shape.HasBase)
            {
                Target start = BeginVectors();
                for (int part = 0; part < _vectors.Parts(typeof(int)); part++)
                {
                    _il.Emit(OpCodes.Ldloc, _place);
                    _il.Emit(OpCodes.Ldc_I4, SpreadSlot * SlotBytes * _vectorCount + part * _vectors.Bytes);
                    _il.Emit(OpCodes.Add);
                    PushPlace(value, 0);
                    ScalarCode.LoadElement(_il, typeof(int));
                    _il.Emit(OpCodes.Neg);
                    _code.Broadcast(typeof(int));
                    StoreVector(typeof(int));
                }
                EndVectors(start);
            }
            _il.Emit(OpCodes.Ldloc, _scratch);
            _il.Emit(OpCodes.Ldc_I4, ScratchBytes + (shape.HasBase ? SpreadSlot : Slot(value)) * SlotBytes * _vectorCount);
            _il.Emit(OpCodes.Add);
            _il.Emit(OpCodes.Ldc_I4, _threads);
            _il.Emit(OpCodes.Ldc_I4, (int)i.Reduction);
            ScalarCode.Call(_il, nameof(LaneFunctions.Reduce), typeof(int*), typeof(int), typeof(int));
        });
    }

    private int? _spreadSlot;

    private int SpreadSlot => _spreadSlot ??= _slotCount++;

    /// <summary>All threads get the value of one, or each of one that it names.</summary>
    private void EmitBroadcast(Instruction i)
    {
        Type element = LaneVectors.Element(i.Type);
        LocalBuilder thread = Take(typeof(int));
        if (_lanes.Of(i).Kind == LaneKind.Group)
        {
            PushBase(i.Operands[1]);
            _il.Emit(OpCodes.Stloc, thread);
            for (int c = 0; c < i.Type.Lanes; c++)
            {
                int component = c;
                DefineScalar(i, c, () => PushOfThread(i.Operands[0], component, thread));
            }
        }
        else
        {
            Target start = BeginVectors();
            ForLanes(null, () =>
            {
                PushThreadNumber(i.Operands[1]);
                _il.Emit(OpCodes.Stloc, thread);
                for (int c = 0; c < i.Type.Lanes; c++)
                {
                    PushPlace(i, c * _vectors.Parts(element));
                    _il.Emit(OpCodes.Ldloc, _lane);
                    PushOffsetOfLane(element);
                    _il.Emit(OpCodes.Add);
                    PushOfThread(i.Operands[0], c, thread);
                    if (i.Type.Scalar == ScalarType.I1)
                        _il.Emit(OpCodes.Neg);
                    ScalarCode.StoreElement(_il, element);
                }
            });
            EndVectors(start);
        }
        Free(thread);

        void PushThreadNumber(Value value)
        {
            LocalBuilder own = Take(typeof(int));
            _il.Emit(OpCodes.Ldloc, _vector);
            _il.Emit(OpCodes.Ldc_I4, Lanes);
            _il.Emit(OpCodes.Mul);
            _il.Emit(OpCodes.Ldloc, _lane);
            _il.Emit(OpCodes.Add);
            _il.Emit(OpCodes.Stloc, own);
            PushOfThread(value, 0, own);
            // Lanes without a thread name any: keep them inside the frame.
            _il.Emit(OpCodes.Ldc_I4_0);
            _il.Emit(OpCodes.Ldc_I4, _threads - 1);
            ScalarCode.Call(_il, typeof(Math), nameof(Math.Clamp), typeof(int), typeof(int), typeof(int));
            Free(own);
        }
    }

    /// <summary>A value of a thread of the group, from the frame.</summary>
    private void PushOfThread(Value value, int component, LocalBuilder thread)
    {
        LaneShape shape = _lanes.Of(value);
        Type element = LaneVectors.Element(value.Type);
        if (shape.Kind == LaneKind.Group)
        {
            PushBase(value, component);
            return;
        }
        if (Residence.IsPosition(value))
        {
            PushPositionOfThread((Instruction)value, thread);
            return;
        }
        _il.Emit(OpCodes.Ldloc, _scratch);
        int parts = shape.HasBase ? component : component * _vectors.Parts(element);
        _il.Emit(OpCodes.Ldc_I4, ScratchBytes + PlaceOffset(value, parts));
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Ldloc, thread);
        _il.Emit(OpCodes.Ldc_I4, Lanes);
        _il.Emit(OpCodes.Div_Un);
        _il.Emit(OpCodes.Ldc_I4, SlotBytes);
        _il.Emit(OpCodes.Mul);
        _il.Emit(OpCodes.Add);
        if (!shape.HasBase)
        {
            PushLaneOfThread();
            PushOffsetOfLane(element);
            _il.Emit(OpCodes.Add);
        }
        ScalarCode.LoadElement(_il, element);
        if (shape.Kind == LaneKind.Varying && value.Type.Scalar == ScalarType.I1)
            _il.Emit(OpCodes.Neg);
        if (shape.Kind == LaneKind.Affine)
        {
            PushLaneOfThread();
            PushTimes(element, shape.Stride);
            _il.Emit(OpCodes.Add);
        }

        void PushLaneOfThread()
        {
            _il.Emit(OpCodes.Ldloc, thread);
            _il.Emit(OpCodes.Ldc_I4, Lanes - 1);
            _il.Emit(OpCodes.And);
        }
    }

    private void PushPositionOfThread(Instruction i, LocalBuilder thread)
    {
        if (i.Op != Opcode.Special)
            throw new NotSupportedException($"{_kernel.MethodName}: the address of a local array cannot be broadcast.");
        _il.Emit(OpCodes.Ldloc, thread);
        (int divisor, int modulus) = i.Number switch
        {
            SpecialNumber.LaneIdx => (1, Lanes),
            SpecialNumber.GroupIdX => (1, _groupDim.X),
            SpecialNumber.GroupIdY => (_groupDim.X, _groupDim.Y),
            _ => (_groupDim.X * _groupDim.Y, _groupDim.Z),
        };
        _il.Emit(OpCodes.Ldc_I4, divisor);
        _il.Emit(OpCodes.Div_Un);
        _il.Emit(OpCodes.Ldc_I4, modulus);
        _il.Emit(OpCodes.Rem_Un);
    }

    /// <summary>From the lane on the stack to the offset of its element in the frame, where 8-byte elements take two slots.</summary>
    private void PushOffsetOfLane(Type element)
    {
        if (LaneVectors.SizeOf(element) == 4)
        {
            _il.Emit(OpCodes.Ldc_I4_4);
            _il.Emit(OpCodes.Mul);
            return;
        }
        LocalBuilder lane = Take(typeof(int));
        _il.Emit(OpCodes.Stloc, lane);
        _il.Emit(OpCodes.Ldloc, lane);
        _il.Emit(OpCodes.Ldc_I4, Lanes / 2);
        _il.Emit(OpCodes.Div_Un);
        _il.Emit(OpCodes.Ldc_I4, SlotBytes * _vectorCount);
        _il.Emit(OpCodes.Mul);
        _il.Emit(OpCodes.Ldloc, lane);
        _il.Emit(OpCodes.Ldc_I4, Lanes / 2);
        _il.Emit(OpCodes.Rem_Un);
        _il.Emit(OpCodes.Ldc_I4_8);
        _il.Emit(OpCodes.Mul);
        _il.Emit(OpCodes.Add);
        Free(lane);
    }

    /// <summary>The address of an argument.</summary>
    private void PushArgument(int index)
    {
        _il.Emit(OpCodes.Ldarg_0);
        _il.Emit(OpCodes.Ldc_I4, index * sizeof(long));
        _il.Emit(OpCodes.Add);
    }

    private int Slot(Value value)
    {
        if (!_slots.TryGetValue(value, out int slot))
        {
            slot = _slotCount;
            _slots.Add(value, slot);
            Type element = LaneVectors.Element(value.Type);
            _slotCount += value.Type.Lanes * (_lanes.Of(value).HasBase ? 1 : LaneVectors.SizeOf(element) / sizeof(int));
        }
        return slot;
    }

    /// <summary>Bytes from the frame's places to that of a vector of a value, for the group's first vector.</summary>
    private int PlaceOffset(Value value, int k)
    {
        int bytes = k * (_lanes.Of(value).HasBase ? SlotBytes : _vectors.Bytes);
        return (Slot(value) + bytes / SlotBytes) * SlotBytes * _vectorCount + bytes % SlotBytes;
    }

    /// <summary>Puts a local of a value into the frame.</summary>
    private void StorePlace(Value value, int k, LocalBuilder local)
    {
        Type element = LaneVectors.Element(value.Type);
        PushPlace(value, k);
        _il.Emit(OpCodes.Ldloc, local);
        if (_lanes.Of(value).HasBase)
            ScalarCode.StoreElement(_il, element);
        else
            StoreVector(element);
    }

    private void PushPlace(Value value, int k)
    {
        _il.Emit(OpCodes.Ldloc, _place);
        _il.Emit(OpCodes.Ldc_I4, PlaceOffset(value, k));
        _il.Emit(OpCodes.Add);
    }

    /// <summary>The vector at the address on the stack, which is aligned like an element.</summary>
    private void LoadVector(Type element)
    {
        _il.Emit(OpCodes.Unaligned, (byte)1);
        _il.Emit(OpCodes.Ldobj, _vectors.Vector(element));
    }

    /// <summary>Writes the vector on the stack to the address below it.</summary>
    private void StoreVector(Type element)
    {
        _il.Emit(OpCodes.Unaligned, (byte)1);
        _il.Emit(OpCodes.Stobj, _vectors.Vector(element));
    }

    private LocalBuilder Take(Type type) =>
        _pool.TryGetValue(type, out Stack<LocalBuilder>? free) && free.TryPop(out LocalBuilder? local) ? local : _il.DeclareLocal(type);

    private void Free(LocalBuilder local)
    {
        if (!_pool.TryGetValue(local.LocalType, out Stack<LocalBuilder>? free))
            _pool.Add(local.LocalType, free = new Stack<LocalBuilder>());
        free.Push(local);
    }

    /// <summary>The locals of a value: one for each component, or one for each vector of each component.</summary>
    private LocalBuilder[] LocalsOf(Value value) => _locals.TryGetValue(value, out LocalBuilder[]? locals) ? locals : DeclareLocals(value);

    private LocalBuilder[] DeclareLocals(Value value)
    {
        LaneShape shape = _lanes.Of(value);
        Type element = LaneVectors.Element(value.Type);
        LocalBuilder[] locals = new LocalBuilder[value.Type.Lanes * (shape.HasBase ? 1 : _vectors.Parts(element))];
        for (int k = 0; k < locals.Length; k++)
        {
            // A blended value keeps lanes from one round of a loop to the next, so nothing else may use its local in between.
            Type type = shape.HasBase ? element : _vectors.Vector(element);
            locals[k] = shape.Kind == LaneKind.Group || _lanes.IsBlended(value) ? _il.DeclareLocal(type) : Take(type);
        }
        if (shape.Kind != LaneKind.Group)
            _phaseLocals.UnionWith(locals);
        return _locals[value] = locals;
    }
}
