using System.Numerics;
using System.Reflection;
using System.Runtime.CompilerServices;
using ILGPU.Algorithms;
using ILGPU.Beyond;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.FrontEnd;

/// <summary>Translates a call that is not put in place as IL.</summary>
internal delegate StackValue? Intrinsic(Importer importer, MethodBase method, StackValue[] arguments);

/// <summary>The methods whose meaning the compiler knows: device functions, mathematics, and what reinterprets memory.</summary>
internal static class Intrinsics
{
    private static readonly Dictionary<(Type Type, string Name), Intrinsic> Table = [];

    static Intrinsics()
    {
        AddNumbers(typeof(Group), SpecialNumber.GroupIdX, SpecialNumber.GroupDimX);
        AddNumbers(typeof(Grid), SpecialNumber.GridIdX, SpecialNumber.GridDimX);
        AddGroup();
        AddWarp();
        AddMemory();
        AddViews();
        AddAtomics();
        AddMathematics();
        AddBits();
        AddReinterpretation();
        AddTensorCores();
    }

    /// <summary>The translation of a method; null for one that is compiled from its IL.</summary>
    public static Intrinsic? Find(MethodBase method, CompilerOptions options)
    {
        if (method.DeclaringType is not { } type)
            return null;
        if (type.IsGenericType)
            type = type.GetGenericTypeDefinition();
        return Table.TryGetValue((type, method.Name), out Intrinsic? intrinsic) && Applies(type, method, options) ? intrinsic : null;
    }

    /// <summary>Overloads that only forward to others, and what the device has no instruction for, are compiled from their IL.</summary>
    private static bool Applies(Type type, MethodBase method, CompilerOptions options)
    {
        if (type == typeof(BFloat16))
            return options.RoundsToBFloat16;
        if (type == typeof(ArrayView<>) && method.Name is "get_Item" or "SubView")
        {
            Type first = method.GetParameters()[0].ParameterType;
            return method.Name == "get_Item"
                ? first == typeof(int) || first == typeof(long)
                : first == typeof(long) && method.GetParameters().Length == 2;
        }
        return true;
    }

    private static void Add(Type type, string name, Intrinsic intrinsic) => Table[(type, name)] = intrinsic;

    /// <summary>An intrinsic on scalars only.</summary>
    private static void AddScalar(Type type, string name, Func<Importer, MethodBase, Value[], Value?> intrinsic) =>
        Add(type, name, (importer, method, arguments) =>
            intrinsic(importer, method, [.. arguments.Select(argument => argument.Scalar)]) is { } result ? new StackValue(result) : null);

    private static void AddNumbers(Type type, SpecialNumber firstIndex, SpecialNumber firstDimension)
    {
        for (int axis = 0; axis < 3; axis++)
        {
            var index = (SpecialNumber)((int)firstIndex + axis);
            var dimension = (SpecialNumber)((int)firstDimension + axis);
            AddScalar(type, $"get_Idx{"XYZ"[axis]}", (importer, _, _) => importer.Special(index));
            AddScalar(type, $"get_Dim{"XYZ"[axis]}", (importer, _, _) => importer.Special(dimension));
        }
    }

    private static void AddGroup()
    {
        AddScalar(typeof(Group), nameof(Group.Barrier), (importer, _, _) => Effect(importer, Opcode.Barrier));
        AddScalar(typeof(Group), nameof(Group.BarrierPopCount), (importer, _, a) => Reduce(importer, BarrierReduction.PopCount, a[0]));
        AddScalar(typeof(Group), nameof(Group.BarrierAnd), (importer, _, a) => Reduce(importer, BarrierReduction.And, a[0]));
        AddScalar(typeof(Group), nameof(Group.BarrierOr), (importer, _, a) => Reduce(importer, BarrierReduction.Or, a[0]));
        Add(typeof(Group), nameof(Group.Broadcast), (importer, _, arguments) =>
            EachLeaf(arguments[0], leaf => importer.Emit(Opcode.Broadcast, leaf.Type, leaf, arguments[1].Scalar)));
        AddScalar(
            typeof(MemoryFence), nameof(MemoryFence.GroupLevel),
            (importer, _, _) => Effect(importer, Opcode.Fence, (byte)FenceScope.Group));
        AddScalar(
            typeof(MemoryFence), nameof(MemoryFence.DeviceLevel),
            (importer, _, _) => Effect(importer, Opcode.Fence, (byte)FenceScope.Device));
        AddScalar(
            typeof(MemoryFence), nameof(MemoryFence.SystemLevel),
            (importer, _, _) => Effect(importer, Opcode.Fence, (byte)FenceScope.System));
    }

    private static void AddWarp()
    {
        AddScalar(typeof(Warp), "get_WarpSize", (importer, _, _) => Constant.Int32(importer.Options.WarpSize));
        AddScalar(typeof(Warp), "get_LaneIdx", (importer, _, _) => importer.Special(SpecialNumber.LaneIdx));
        AddScalar(typeof(Warp), nameof(Warp.Barrier), (importer, _, _) => Effect(importer, Opcode.WarpBarrier));
        AddShuffle(nameof(Warp.Shuffle), ShuffleKind.Index);
        AddShuffle(nameof(Warp.ShuffleDown), ShuffleKind.Down);
        AddShuffle(nameof(Warp.ShuffleUp), ShuffleKind.Up);
        AddShuffle(nameof(Warp.ShuffleXor), ShuffleKind.Xor);
    }

    private static void AddShuffle(string name, ShuffleKind kind) =>
        Add(typeof(Warp), name, (importer, method, arguments) =>
        {
            int width = importer.Options.WarpSize;
            if (arguments.Length == 3)
            {
                width = arguments[2].Scalar is Constant constant && BitOperations.IsPow2(constant.Bits) && constant.Bits <= width
                    ? (int)constant.Bits
                    : throw new NotSupportedException($"A {method.Name} whose width is not a constant power of two up to {width}");
            }
            return EachLeaf(arguments[0], leaf =>
            {
                Value wide = leaf.Type == IrType.F16 ? importer.Convert(ConvertKind.Bitcast, leaf, IrType.I16) : leaf;
                wide = importer.Convert(ConvertKind.ZeroExtend, wide, wide.Type.Bits < 32 ? IrType.I32 : wide.Type);
                Value moved = importer.Emit(new Instruction(Opcode.Shuffle, wide.Type, wide, arguments[1].Scalar)
                {
                    Kind = (byte)kind,
                    Immediate = width,
                });
                if (leaf.Type == IrType.F16)
                    return importer.Convert(ConvertKind.Bitcast, importer.Convert(ConvertKind.Truncate, moved, IrType.I16), IrType.F16);
                return importer.Convert(ConvertKind.Truncate, moved, leaf.Type);
            });
        });

    private static void AddMemory()
    {
        Add(typeof(SharedMemory), nameof(SharedMemory.Allocate), (importer, method, a) =>
            a.Length == 1 ? Allocate(importer, method, a[0].Scalar, AddressSpace.Shared)
                : new StackValue(Allocate(importer, method, Constant.Int32(1), AddressSpace.Shared).Leaves[0]));
        Add(
            typeof(LocalMemory), nameof(LocalMemory.Allocate),
            (importer, method, a) => Allocate(importer, method, a[0].Scalar, AddressSpace.Local));
        Add(typeof(SharedMemory), nameof(SharedMemory.GetDynamic), (importer, method, _) =>
        {
            TypeLayout element = TypeLayout.OfElement(method.GetGenericArguments()[0]);
            Value bytes = importer.Emit(Opcode.DynamicSharedSize, IrType.I64);
            Value length = importer.Emit(Opcode.DivU, IrType.I64, bytes, Constant.Int64(element.Size));
            return View(element.Type, importer.DynamicShared(), length);
        });
    }

    private static StackValue Allocate(Importer importer, MethodBase method, Value extent, AddressSpace space)
    {
        TypeLayout element = TypeLayout.OfElement(method.GetGenericArguments()[0]);
        Value length = importer.SignExtend(extent);
        Value allocation = importer.Emit(new Instruction(
            space == AddressSpace.Shared ? Opcode.SharedAlloc : Opcode.LocalAlloc,
            IrType.PointerTo(space),
            importer.Emit(Opcode.Mul, IrType.I64, length, Constant.Int64(element.Size)))
        {
            Alignment = 16,
            Name = $"{space}Memory.Allocate<{element.Type.Name}>",
        });
        return View(element.Type, allocation, length);
    }

    private static StackValue View(Type element, Value pointer, Value length) =>
        StackValue.Of(TypeLayout.Of(typeof(ArrayView<>).MakeGenericType(element)), [pointer, length]);

    private static void AddViews()
    {
        Type view = typeof(ArrayView<>);
        Add(view, "get_Length", (importer, method, a) => new StackValue(Self(importer, method, a[0]).Leaves[1]));
        Add(view, "get_IsValid", (importer, method, a) => new StackValue(importer.Convert(
            ConvertKind.ZeroExtend,
            importer.Emit(Instruction.Compare(CompareKind.GtS, Self(importer, method, a[0]).Leaves[1], Constant.Int64(0))),
            IrType.I32)));
        Add(view, "get_Item", (importer, method, a) =>
        {
            StackValue self = Self(importer, method, a[0]);
            Type element = method.DeclaringType!.GetGenericArguments()[0];
            Value index = a[1].Scalar;
            if (importer.Options.BoundsChecks)
            {
                // The pointer tells which view it is; naming takes it out again.
                importer.Emit(new Instruction(Opcode.BoundsCheck, IrType.Void, importer.SignExtend(index), self.Leaves[1], self.Leaves[0]));
            }
            Value pointer = importer.Offset(self.Leaves[0], index, TypeLayout.OfElement(element).Size);
            return new StackValue(importer.ViewElement(pointer, element));
        });
        Add(view, "SubView", (importer, method, a) =>
        {
            StackValue self = Self(importer, method, a[0]);
            int size = TypeLayout.OfElement(method.DeclaringType!.GetGenericArguments()[0]).Size;
            return StackValue.Of(self.Structure!, [importer.Offset(self.Leaves[0], a[1].Scalar, size), a[2].Scalar]);
        });
        Add(view, "Cast", (importer, method, a) =>
        {
            StackValue self = Self(importer, method, a[0]);
            long from = TypeLayout.OfElement(method.DeclaringType!.GetGenericArguments()[0]).Size;
            TypeLayout to = TypeLayout.OfElement(method.GetGenericArguments()[0]);
            Value bytes = importer.Emit(Opcode.Mul, IrType.I64, self.Leaves[1], Constant.Int64(from));
            return View(to.Type, self.Leaves[0], importer.Emit(Opcode.DivU, IrType.I64, bytes, Constant.Int64(to.Size)));
        });
    }

    /// <summary>The view that a method of a view is called on, by reference as for any structure.</summary>
    private static StackValue Self(Importer importer, MethodBase method, StackValue self) =>
        self.Structure is null ? importer.Load(method.DeclaringType!, self.Scalar) : self;

    private static void AddAtomics()
    {
        foreach (MethodInfo method in typeof(Atomic).GetMethods(BindingFlags.Public | BindingFlags.Static))
        {
            AddScalar(typeof(Atomic), method.Name, (importer, called, a) =>
            {
                Type type = ((MethodInfo)called).ReturnType;
                bool unsigned = type == typeof(uint) || type == typeof(ulong);
                AtomicKind kind = called.Name switch
                {
                    nameof(Atomic.Add) => a[1].Type.IsFloat ? AtomicKind.FAdd : AtomicKind.Add,
                    nameof(Atomic.Min) => unsigned ? AtomicKind.MinU : AtomicKind.MinS,
                    nameof(Atomic.Max) => unsigned ? AtomicKind.MaxU : AtomicKind.MaxS,
                    nameof(Atomic.Exchange) => AtomicKind.Exchange,
                    _ => AtomicKind.CompareExchange,
                };
                // IR has the new value first; ILGPU has the comparand first.
                Value[] operands = kind == AtomicKind.CompareExchange ? [a[0], a[2], a[1]] : a;
                return importer.Emit(new Instruction(Opcode.Atomic, a[1].Type, operands)
                {
                    Kind = (byte)kind,
                    Alignment = a[1].Type.SizeInBytes,
                });
            });
        }
    }

    private static void AddMathematics()
    {
        foreach (Type type in new[] { typeof(XMath), typeof(IntrinsicMath), typeof(Math), typeof(MathF) })
        {
            AddScalar(type, "Abs", (importer, _, a) => a[0].Type.IsFloat
                ? Function(importer, MathFunction.Abs, a[0])
                : importer.Emit(Opcode.MaxS, a[0].Type, a[0], importer.Emit(Opcode.Sub, a[0].Type, new Constant(a[0].Type, 0), a[0])));
            AddScalar(type, "Min", (importer, method, a) => importer.Emit(Extreme(method, false), a[0].Type, a));
            AddScalar(type, "Max", (importer, method, a) => importer.Emit(Extreme(method, true), a[0].Type, a));
            AddScalar(type, "Clamp", (importer, method, a) => importer.Emit(
                Extreme(method, true), a[0].Type, importer.Emit(Extreme(method, false), a[0].Type, a[0], a[2]), a[1]));
            AddScalar(type, "Log", (importer, _, a) => a.Length == 1
                ? Function(importer, MathFunction.Log, a[0])
                : importer.Emit(
                    Opcode.FDiv, a[0].Type, Function(importer, MathFunction.Log, a[0]), Function(importer, MathFunction.Log, a[1])));
            foreach ((string name, MathFunction function) in new[]
            {
                ("Floor", MathFunction.Floor), ("Ceiling", MathFunction.Ceiling), ("Truncate", MathFunction.Truncate),
                ("Sqrt", MathFunction.Sqrt), ("Exp", MathFunction.Exp), ("Exp2", MathFunction.Exp2), ("Log2", MathFunction.Log2),
                ("Log10", MathFunction.Log10), ("Rcp", MathFunction.Rcp), ("Rsqrt", MathFunction.Rsqrt), ("Sin", MathFunction.Sin),
                ("Cos", MathFunction.Cos), ("Tan", MathFunction.Tan), ("Tanh", MathFunction.Tanh), ("Pow", MathFunction.Pow),
                ("Atan2", MathFunction.Atan2),
            })
            {
                AddScalar(type, name, (importer, _, a) => Function(importer, function, a));
            }
            AddScalar(type, "Round", (importer, method, a) => a.Length == 1
                ? Function(importer, MathFunction.RoundToEven, a[0])
                : throw new NotSupportedException($"{method.DeclaringType!.Name}.Round with digits or mode"));
            AddScalar(type, "FusedMultiplyAdd", (importer, _, a) => importer.Emit(Opcode.Fma, a[0].Type, a));
            AddScalar(type, "PopCount", (importer, _, a) => BitFunction(importer, MathFunction.PopCount, a[0]));
        }
    }

    private static Value Function(Importer importer, MathFunction function, params Value[] a) =>
        importer.Emit(Opcode.Math, a[0].Type, (byte)function, a);

    private static Opcode Extreme(MethodBase method, bool largest)
    {
        Type type = method.GetParameters()[0].ParameterType;
        if (type == typeof(float) || type == typeof(double))
            return largest ? Opcode.FMax : Opcode.FMin;
        bool unsigned = type == typeof(byte) || type == typeof(ushort)
            || type == typeof(uint) || type == typeof(ulong) || type == typeof(nuint);
        return unsigned ? largest ? Opcode.MaxU : Opcode.MinU : largest ? Opcode.MaxS : Opcode.MinS;
    }

    private static void AddBits()
    {
        Type type = typeof(BitOperations);
        AddScalar(type, nameof(BitOperations.PopCount), (importer, _, a) => BitFunction(importer, MathFunction.PopCount, a[0]));
        AddScalar(type, nameof(BitOperations.LeadingZeroCount), (importer, _, a) => BitFunction(importer, MathFunction.LeadingZeros, a[0]));
        AddScalar(
            type, nameof(BitOperations.TrailingZeroCount), (importer, _, a) => BitFunction(importer, MathFunction.TrailingZeros, a[0]));
        AddScalar(type, nameof(BitOperations.Log2), (importer, _, a) => importer.Emit(Opcode.Sub, IrType.I32,
            Constant.Int32(a[0].Type.Bits - 1),
            BitFunction(importer, MathFunction.LeadingZeros, importer.Emit(Opcode.Or, a[0].Type, a[0], new Constant(a[0].Type, 1)))));
    }

    /// <summary>A function that counts bits: of any width, but the count is i32.</summary>
    private static Value BitFunction(Importer importer, MathFunction function, Value value) =>
        importer.Convert(ConvertKind.Truncate, Function(importer, function, value), IrType.I32);

    private static void AddReinterpretation()
    {
        Type bits = typeof(BitConverter);
        Bitcast(bits, nameof(BitConverter.SingleToInt32Bits), IrType.I32);
        Bitcast(bits, nameof(BitConverter.SingleToUInt32Bits), IrType.I32);
        Bitcast(bits, nameof(BitConverter.Int32BitsToSingle), IrType.F32);
        Bitcast(bits, nameof(BitConverter.UInt32BitsToSingle), IrType.F32);
        Bitcast(bits, nameof(BitConverter.DoubleToInt64Bits), IrType.I64);
        Bitcast(bits, nameof(BitConverter.DoubleToUInt64Bits), IrType.I64);
        Bitcast(bits, nameof(BitConverter.Int64BitsToDouble), IrType.F64);
        Bitcast(bits, nameof(BitConverter.UInt64BitsToDouble), IrType.F64);
        AddScalar(typeof(Half), "get_RawValue", (importer, method, a) => importer.Convert(
            ConvertKind.ZeroExtend,
            importer.Convert(
                ConvertKind.Bitcast, a[0].Type.IsPointer ? importer.Load(method.DeclaringType!, a[0]).Scalar : a[0], IrType.I16),
            IrType.I32));
        foreach (Type half in new[] { typeof(Half), typeof(System.Half) })
        {
            Add(half, "op_Implicit", HalfConversion);
            Add(half, "op_Explicit", HalfConversion);
        }
        AddScalar(typeof(Half), ".ctor", (importer, _, a) =>
        {
            importer.Store(typeof(Half), a[0], new StackValue(importer.Convert(
                ConvertKind.Bitcast, importer.Convert(ConvertKind.Truncate, a[1], IrType.I16), IrType.F16)));
            return null;
        });

        Add(typeof(BFloat16), "op_Explicit", (importer, _, a) => StackValue.Of(
            TypeLayout.Of(typeof(BFloat16)), [importer.Convert(ConvertKind.RoundToBFloat16, a[0].Scalar, IrType.I16)]));

        Type unsafeType = typeof(Unsafe);
        Add(unsafeType, nameof(Unsafe.SizeOf), (_, method, _) =>
            new StackValue(Constant.Int32(TypeLayout.OfElement(method.GetGenericArguments()[0]).Size)));
        Add(unsafeType, nameof(Unsafe.As), (_, method, a) =>
            method.GetGenericArguments().Length == 2 ? a[0] : throw new NotSupportedException("A cast of an object"));
        Add(unsafeType, nameof(Unsafe.AsRef), (_, _, a) => a[0]);
        Add(unsafeType, nameof(Unsafe.SkipInit), (_, _, _) => null);
        Add(unsafeType, nameof(Unsafe.Add), (importer, method, a) =>
            new StackValue(importer.Offset(a[0].Scalar, a[1].Scalar, TypeLayout.Of(method.GetGenericArguments()[0]).Size)));
        Add(unsafeType, nameof(Unsafe.BitCast), (importer, method, a) =>
        {
            Type[] types = method.GetGenericArguments();
            Instruction memory = importer.Allocate(TypeLayout.Of(types[0]));
            importer.Store(types[0], memory, a[0]);
            return importer.Load(types[1], memory);
        });
        AddScalar(typeof(RuntimeHelpers), nameof(RuntimeHelpers.IsReferenceOrContainsReferences), (_, _, _) => Constant.Int32(0));
        Add(typeof(RuntimeHelpers), "IsKnownConstant", (_, _, _) => new StackValue(Constant.Int32(0)));
        Add(typeof(Type), nameof(Type.GetTypeFromHandle), (_, _, a) => a[0]);
        Add(typeof(Type), "op_Equality", (_, _, a) => new StackValue(Constant.Int32(Equals(a[0].Object, a[1].Object) ? 1 : 0)));
        Add(typeof(Type), "op_Inequality", (_, _, a) => new StackValue(Constant.Int32(Equals(a[0].Object, a[1].Object) ? 0 : 1)));
    }

    private static void AddTensorCores()
    {
        Add(typeof(WarpMatrix), nameof(WarpMatrix.Load), (importer, _, a) => Fields<MatrixRegisters>(importer, importer.Emit(
            new Instruction(Opcode.MatrixLoad, IrType.VectorOf(IrType.I32, 4), a[0].Scalar) { Alignment = AsyncCopy.Size })));
        foreach ((string name, MatrixFormat format) in new[]
        {
            (nameof(WarpMatrix.MultiplyAddTf32), MatrixFormat.Tf32), (nameof(WarpMatrix.MultiplyAddBf16), MatrixFormat.Bf16),
            (nameof(WarpMatrix.MultiplyAddHalf), MatrixFormat.F16),
        })
        {
            Add(typeof(WarpMatrix), name, (importer, _, a) => Fields<MatrixSums>(importer, importer.Emit(
                Opcode.MatrixMultiply, IrType.VectorOf(IrType.F32, 4), (byte)format, [.. a.SelectMany(argument => argument.Leaves)])));
        }
        AddScalar(typeof(AsyncCopy), nameof(AsyncCopy.Start), (importer, _, a) =>
        {
            importer.Emit(new Instruction(Opcode.CopyAsync, IrType.Void, a) { Alignment = AsyncCopy.Size });
            return null;
        });
        AddScalar(typeof(AsyncCopy), nameof(AsyncCopy.Commit), (importer, _, _) => Effect(importer, Opcode.CopyCommit));
        AddScalar(typeof(AsyncCopy), nameof(AsyncCopy.Wait), (importer, _, a) =>
        {
            importer.Emit(Opcode.CopyWait, IrType.Void, a);
            return null;
        });
    }

    /// <summary>A structure of a vector's lanes.</summary>
    private static StackValue Fields<T>(Importer importer, Value vector) => StackValue.Of(
        TypeLayout.Of(typeof(T)),
        [.. Enumerable.Range(0, vector.Type.Lanes).Select(lane => importer.Emit(Instruction.Extract(vector, lane)))]);

    private static void Bitcast(Type type, string name, IrType result) =>
        AddScalar(type, name, (importer, _, a) => importer.Convert(ConvertKind.Bitcast, a[0], result));

    private static StackValue? HalfConversion(Importer importer, MethodBase method, StackValue[] arguments)
    {
        IrType? to = TypeLayout.ScalarOf(((MethodInfo)method).ReturnType);
        Value from = arguments[0].Scalar;
        if (to is not { IsFloat: true } type || !from.Type.IsFloat)
            throw new NotSupportedException("A conversion between Half and an integer");
        return new StackValue(importer.ToMemory(type, from));
    }

    private static Value? Effect(Importer importer, Opcode op, byte kind = 0)
    {
        importer.Emit(new Instruction(op, IrType.Void) { Kind = kind });
        return null;
    }

    private static Value Reduce(Importer importer, BarrierReduction reduction, Value predicate)
    {
        Value condition = importer.Emit(Instruction.Compare(CompareKind.Ne, predicate, new Constant(predicate.Type, 0)));
        IrType type = reduction == BarrierReduction.PopCount ? IrType.I32 : IrType.I1;
        return importer.Convert(ConvertKind.ZeroExtend, importer.Emit(Opcode.BarrierReduce, type, (byte)reduction, condition), IrType.I32);
    }

    private static StackValue EachLeaf(StackValue value, Func<Value, Value> translate) =>
        value with { Leaves = [.. value.Leaves.Select(translate)] };
}
