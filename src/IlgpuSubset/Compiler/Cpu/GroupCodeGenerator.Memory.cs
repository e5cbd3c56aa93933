using System.Reflection.Emit;
using System.Runtime.Intrinsics.X86;
using ILGPU.Compiler.IR;
using Target = System.Reflection.Emit.Label;

namespace ILGPU.Compiler.Cpu;

/// <content>Memory: one access for lanes that share an address, vectors where lanes follow each other, else lane by lane.</content>
internal sealed partial class GroupCodeGenerator
{
    private void EmitLoad(Instruction i, LocalBuilder[]? mask)
    {
        Value pointer = i.Operands[0];
        LaneShape address = _lanes.Of(pointer);
        Type element = LaneVectors.Element(i.Type);
        int size = i.Type.Element.SizeInBytes;
        if (_lanes.Of(i).HasBase)
        {
            for (int c = 0; c < i.Type.Lanes; c++)
            {
                DefineScalar(i, c, () =>
                {
                    PushBaseAddress(pointer, i.Immediate + c * size);
                    ScalarCode.Load(_il, i.Type.Element);
                });
            }
            return;
        }
        Target apart = _il.DefineLabel();
        Target end = _il.DefineLabel();
        bool whole = address.Kind == LaneKind.Affine && IsWhole(i.Type) && (i.Type.IsVector || address.Stride == size);
        bool narrow = IsNarrowFour(i.Type);
        bool fours = (narrow || IsFour(i.Type)) && HasPlaces(pointer);
        if (whole || fours || (narrow && address.Kind == LaneKind.Affine))
        {
            if (mask is not null)
            {
                PushAll(mask);
                _il.Emit(OpCodes.Brfalse, apart);
            }
            if (fours)
            {
                PushPlaces((Instruction)pointer, i.Immediate);
                PushScratch(ResultSlot * ScratchSlotBytes);
                if (narrow)
                    CallNarrow("Gather", i.Type, typeof(byte*), typeof(int*), typeof(long), typeof(int*));
                else
                    ScalarCode.Call(_il, nameof(LaneFunctions.GatherFours), typeof(byte*), typeof(int*), typeof(long), typeof(int*));
                for (int c = 0; c < i.Type.Lanes; c++)
                    DefineFromScratch(i, c, ResultSlot * ScratchSlotBytes + c * Lanes * sizeof(int), null);
            }
            else if (i.Type.IsVector)
            {
                PushBaseAddress(pointer, i.Immediate);
                if (narrow)
                {
                    _il.Emit(OpCodes.Ldc_I8, address.Stride);
                    PushScratch(ResultSlot * ScratchSlotBytes);
                    CallNarrow("Load", i.Type, typeof(byte*), typeof(long), typeof(int*));
                }
                else if (Avx512F.IsSupported && Lanes == LaneVectors.WarpSize && address.Stride == size * i.Type.Lanes)
                {
                    PushScratch(ResultSlot * ScratchSlotBytes);
                    ScalarCode.Call(
                        _il, i.Type.Lanes == 2 ? nameof(LaneFunctions.LoadPairs) : nameof(LaneFunctions.LoadFours), typeof(int*),
                        typeof(int*));
                }
                else
                {
                    _il.Emit(OpCodes.Ldc_I8, address.Stride);
                    _il.Emit(OpCodes.Ldc_I4, (int)i.Type.Lanes);
                    PushScratch(ResultSlot * ScratchSlotBytes);
                    _il.Emit(OpCodes.Ldc_I4, Lanes);
                    ScalarCode.Call(
                        _il, nameof(LaneFunctions.LoadStructures), typeof(byte*), typeof(long), typeof(int), typeof(int*), typeof(int));
                }
                for (int c = 0; c < i.Type.Lanes; c++)
                    DefineFromScratch(i, c, ResultSlot * ScratchSlotBytes + c * Lanes * sizeof(int), null);
            }
            else
            {
                for (int part = 0; part < _vectors.Parts(element); part++)
                {
                    DefinePart(i, 0, part, null, () =>
                    {
                        PushBaseAddress(pointer, i.Immediate + part * _vectors.Bytes);
                        LoadVector(element);
                    });
                }
            }
            if (mask is null)
                return;
            _il.Emit(OpCodes.Br, end);
            _il.MarkLabel(apart);
        }
        Spill(_residence.Reads(i));
        ForLanes(mask, () =>
        {
            for (int c = 0; c < i.Type.Lanes; c++)
            {
                PushResultOfLane(c, element);
                PushLaneAddress(pointer, i.Immediate + c * size);
                ScalarCode.Load(_il, i.Type.Element);
                ScalarCode.StoreElement(_il, element);
            }
        });
        _spilled.Clear();
        for (int c = 0; c < i.Type.Lanes; c++)
            DefineFromScratch(i, c, (ResultSlot + c) * ScratchSlotBytes, mask);
        _il.MarkLabel(end);
    }

    private void EmitStore(Instruction i, LocalBuilder[]? mask)
    {
        Value pointer = i.Operands[0];
        Value value = i.Operands[1];
        LaneShape address = _lanes.Of(pointer);
        Type element = LaneVectors.Element(value.Type);
        int size = value.Type.Element.SizeInBytes;
        if (address.IsScalar && _lanes.Of(value).IsScalar)
        {
            for (int c = 0; c < value.Type.Lanes; c++)
            {
                PushBaseAddress(pointer, i.Immediate + c * size);
                PushBase(value, c);
                ScalarCode.Store(_il, value.Type.Element);
            }
            return;
        }
        Target apart = _il.DefineLabel();
        Target end = _il.DefineLabel();
        bool narrow = IsNarrowFour(value.Type) && (address.Kind == LaneKind.Affine || HasPlaces(pointer));
        bool fours = narrow || (IsFour(value.Type) && address.Kind == LaneKind.Affine && address.Stride == 4 * size);
        if (fours || (address.Kind == LaneKind.Affine && address.Stride == size && !value.Type.IsVector && IsWhole(value.Type)))
        {
            if (mask is not null)
            {
                PushAll(mask);
                _il.Emit(OpCodes.Brfalse, apart);
            }
            for (int c = 0; c < value.Type.Lanes; c++)
            {
                for (int part = 0; part < _vectors.Parts(element); part++)
                {
                    if (fours)
                        PushScratch(ResultSlot * ScratchSlotBytes + c * Lanes * sizeof(int) + part * _vectors.Bytes);
                    else
                        PushBaseAddress(pointer, i.Immediate + part * _vectors.Bytes);
                    PushPart(value, c, part);
                    StoreVector(element);
                }
            }
            if (narrow)
            {
                PushScratch(ResultSlot * ScratchSlotBytes);
                if (address.Kind == LaneKind.Affine)
                {
                    PushBaseAddress(pointer, i.Immediate);
                    _il.Emit(OpCodes.Ldc_I8, address.Stride);
                    CallNarrow("Store", value.Type, typeof(int*), typeof(byte*), typeof(long));
                }
                else
                {
                    PushPlaces((Instruction)pointer, i.Immediate);
                    CallNarrow("Scatter", value.Type, typeof(int*), typeof(byte*), typeof(int*), typeof(long));
                }
            }
            else if (fours)
            {
                PushScratch(ResultSlot * ScratchSlotBytes);
                PushBaseAddress(pointer, i.Immediate);
                ScalarCode.Call(_il, nameof(LaneFunctions.StoreFours), typeof(float*), typeof(byte*));
            }
            if (mask is null)
                return;
            // On the other way they were not made.
            ForgetBroadcasts();
            _il.Emit(OpCodes.Br, end);
            _il.MarkLabel(apart);
        }
        Spill([.. _residence.Reads(i)]);
        ForLanes(mask, () =>
        {
            for (int c = 0; c < value.Type.Lanes; c++)
            {
                PushLaneAddress(pointer, i.Immediate + c * size);
                PushLane(value, c);
                ScalarCode.Store(_il, value.Type.Element);
            }
        });
        _spilled.Clear();
        _il.MarkLabel(end);
    }

    private void EmitAtomic(Instruction i, LocalBuilder[]? mask)
    {
        Type element = LaneVectors.Element(i.Type);
        Type bits = LaneVectors.SizeOf(element) == 4 ? typeof(int) : typeof(long);
        Type number = i.Update is AtomicKind.MinU or AtomicKind.MaxU ? LaneVectors.Unsigned(element) : element;
        if (i.Type.Bits < 32)
            throw new NotSupportedException($"{_kernel.MethodName}: an atomic update of {i.Type} ({i.Location}).");
        Spill(_residence.Reads(i));
        ForLanes(mask, () =>
        {
            PushResultOfLane(0, element);
            PushLaneAddress(i.Operands[0], i.Immediate);
            PushLane(i.Operands[1]);
            PushLane(i.Operands[^1]);
            _il.Emit(OpCodes.Ldc_I4, (int)i.Update);
            _il.Emit(OpCodes.Call, typeof(LaneFunctions).GetMethod(nameof(LaneFunctions.Atomic))!.MakeGenericMethod(number, bits));
            ScalarCode.StoreElement(_il, element);
        });
        _spilled.Clear();
        if (_residence.Uses.ContainsKey(i))
            DefineFromScratch(i, 0, ResultSlot * ScratchSlotBytes, mask);
    }

    private void EmitShuffle(Instruction i, LocalBuilder[]? mask)
    {
        Value value = i.Operands[0];
        Type element = LaneVectors.Element(i.Type);
        LocalBuilder source = Take(typeof(int));
        Spill(i.Operands);
        ForLanes(null, () =>
        {
            _il.Emit(OpCodes.Ldloc, _lane);
            PushLane(i.Operands[1]);
            _il.Emit(OpCodes.Ldc_I4, (int)i.Exchange);
            _il.Emit(OpCodes.Ldc_I4, (int)i.Immediate);
            ScalarCode.Call(_il, nameof(LaneFunctions.ShuffleSource), typeof(int), typeof(int), typeof(int), typeof(int));
            _il.Emit(OpCodes.Stloc, source);
            PushResultOfLane(0, element);
            // The value in that lane.
            LocalBuilder own = Take(typeof(int));
            _il.Emit(OpCodes.Ldloc, _lane);
            _il.Emit(OpCodes.Stloc, own);
            _il.Emit(OpCodes.Ldloc, source);
            _il.Emit(OpCodes.Stloc, _lane);
            PushLane(value);
            _il.Emit(OpCodes.Ldloc, own);
            _il.Emit(OpCodes.Stloc, _lane);
            ScalarCode.StoreElement(_il, element);
            Free(own);
        });
        _spilled.Clear();
        Free(source);
        DefineFromScratch(i, 0, ResultSlot * ScratchSlotBytes, mask);
    }

    /// <summary>The product of a warp: all its registers go to memory for the function that computes it.</summary>
    private void EmitMatrixMultiply(Instruction i, LocalBuilder[]? mask)
    {
        for (int operand = 0; operand < i.Operands.Length; operand++)
        {
            Type element = LaneVectors.Element(i.Operands[operand].Type);
            for (int part = 0; part < _vectors.Parts(element); part++)
            {
                PushScratch((operand * ScratchSlotBytes) + (part * _vectors.Bytes));
                PushPart(i.Operands[operand], 0, part);
                StoreVector(element);
            }
        }
        PushScratch(0);
        _il.Emit(OpCodes.Ldc_I4, ScratchSlotBytes);
        _il.Emit(OpCodes.Ldc_I4, (int)i.Format);
        PushScratch(ResultSlot * ScratchSlotBytes);
        ScalarCode.Call(
            _il, typeof(MatrixFunctions), nameof(MatrixFunctions.MultiplyAdd), typeof(byte*), typeof(int), typeof(int), typeof(float*));
        DefineRegisters(i, ResultSlot, mask);
    }

    private void EmitMatrixLoad(Instruction i, LocalBuilder[]? mask)
    {
        Spill(_residence.Reads(i));
        ForLanes(null, () =>
        {
            PushResultOfLane(0, typeof(long));
            PushLaneAddress(i.Operands[0], i.Immediate);
            _il.Emit(OpCodes.Conv_I8);
            _il.Emit(OpCodes.Stind_I8);
        });
        _spilled.Clear();
        PushScratch(ResultSlot * ScratchSlotBytes);
        PushScratch((ResultSlot + 1) * ScratchSlotBytes);
        ScalarCode.Call(_il, typeof(MatrixFunctions), nameof(MatrixFunctions.Load), typeof(long*), typeof(int*));
        DefineRegisters(i, ResultSlot + 1, mask);
    }

    private void DefineRegisters(Instruction i, int slot, LocalBuilder[]? mask)
    {
        for (int c = 0; c < i.Type.Lanes; c++)
            DefineFromScratch(i, c, (slot * ScratchSlotBytes) + (c * Lanes * sizeof(int)), mask);
    }

    private void EmitCopyAsync(Instruction i, LocalBuilder[]? mask)
    {
        Spill(_residence.Reads(i));
        ForLanes(mask, () =>
        {
            PushLaneAddress(i.Operands[0], i.Immediate);
            PushLaneAddress(i.Operands[1], 0);
            PushLane(i.Operands[2]);
            ScalarCode.Call(_il, typeof(MatrixFunctions), nameof(MatrixFunctions.Copy), typeof(byte*), typeof(byte*), typeof(int));
        });
        _spilled.Clear();
    }

    private void EmitBoundsCheck(Instruction i, LocalBuilder[]? mask)
    {
        LaneShape index = _lanes.Of(i.Operands[0]);
        LaneShape length = _lanes.Of(i.Operands[1]);
        if (index.IsScalar && length.IsScalar)
        {
            Check(() => PushBase(i.Operands[0]), () => PushBase(i.Operands[1]));
            return;
        }
        if (mask is null && index.Kind == LaneKind.Affine && length.IsScalar)
        {
            // The ends enclose the rest.
            Check(() => PushBase(i.Operands[0]), () => PushBase(i.Operands[1]));
            Check(
                () =>
                {
                    PushBase(i.Operands[0]);
                    _il.Emit(OpCodes.Ldc_I8, index.Stride * (Lanes - 1));
                    _il.Emit(OpCodes.Add);
                },
                () => PushBase(i.Operands[1]));
            return;
        }
        Spill(i.Operands);
        ForLanes(mask, () => Check(() => PushLane(i.Operands[0]), () => PushLane(i.Operands[1])));
        _spilled.Clear();

        void Check(Action pushIndex, Action pushLength)
        {
            pushIndex();
            pushLength();
            _il.Emit(OpCodes.Ldstr, _kernel.MethodName);
            _il.Emit(OpCodes.Ldstr, i.Name ?? "a view");
            _il.Emit(OpCodes.Ldstr, i.Location.ToString());
            ScalarCode.Call(
                _il, nameof(LaneFunctions.CheckBounds), typeof(long), typeof(long), typeof(string), typeof(string), typeof(string));
        }
    }

    /// <summary>Whether a type lies in memory as its lanes lie in vectors.</summary>
    private static bool IsWhole(IrType type) => type.Scalar is ScalarType.I32 or ScalarType.F32
        || (!type.IsVector && type.Scalar is ScalarType.I64 or ScalarType.F64);

    /// <summary>Whether a type is four 32-bit numbers and the machine has vectors of 16 of them.</summary>
    private bool IsFour(IrType type) =>
        type.Lanes == 4 && type.Element.SizeInBytes == 4 && Avx512F.IsSupported && Lanes == LaneVectors.WarpSize;

    /// <summary>Whether a type is four numbers of 16 bits.</summary>
    private bool IsNarrowFour(IrType type) => type.Lanes == 4 && type.Element.SizeInBytes == 2 && Lanes == LaneVectors.WarpSize;

    /// <summary>Calls one of <see cref="NarrowLanes"/>.</summary>
    private void CallNarrow(string access, IrType type, params Type[] parameters) =>
        ScalarCode.Call(_il, typeof(NarrowLanes), access + (type.IsFloat ? "Halves" : "Shorts"), parameters);

    /// <summary>Whether a pointer is an index of each lane behind one place.</summary>
    private bool HasPlaces(Value pointer) => _residence.IsAddressOnly(pointer)
        && pointer is Instruction { Operands: [var start, var index] } && _lanes.Of(start).IsScalar
        && index.Type == IrType.I32 && !_lanes.Of(index).HasBase;

    /// <summary>What <see cref="HasPlaces"/> has found: the place, the lanes' indices, and the bytes from one to the next.</summary>
    private void PushPlaces(Instruction pointer, long offset)
    {
        Spill([pointer.Operands[1]]);
        PushBaseAddress(pointer.Operands[0], offset);
        PushScratch(_spilled[pointer.Operands[1]] * ScratchSlotBytes);
        _il.Emit(OpCodes.Ldc_I8, pointer.Immediate);
        _spilled.Clear();
    }

    private void PushBaseAddress(Value pointer, long offset)
    {
        PushBase(pointer);
        PushOffset(offset);
    }

    private void PushOffset(long offset)
    {
        if (offset != 0)
        {
            _il.Emit(OpCodes.Ldc_I8, offset);
            _il.Emit(OpCodes.Add);
        }
        _il.Emit(OpCodes.Conv_I);
    }

    /// <summary>The address of the present lane.</summary>
    private void PushLaneAddress(Value pointer, long offset)
    {
        PushAddress(pointer);
        PushOffset(offset);

        void PushAddress(Value value)
        {
            if (_residence.IsAddressOnly(value))
            {
                var sum = (Instruction)value;
                PushAddress(sum.Operands[0]);
                PushLane(sum.Operands[1]);
                PushTimes(typeof(long), sum.Immediate);
                _il.Emit(OpCodes.Add);
            }
            else
            {
                PushLane(value);
            }
        }
    }

    private void ForgetBroadcasts()
    {
        foreach (LocalBuilder broadcast in _broadcasts.Values)
            Free(broadcast);
        _broadcasts.Clear();
    }
}
