using System.Reflection.Emit;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// Operations on the lanes of vectors as .NET's vector instructions, one vector of the result at a time. What has no such instruction
/// is left to <see cref="ScalarCode"/> lane by lane.
/// </summary>
/// <param name="il">Where to emit.</param>
/// <param name="vectors">The vectors of the machine.</param>
internal sealed class VectorCode(ILGenerator il, LaneVectors vectors)
{
    /// <summary>Puts a vector of an operand on the stack: the operand's place, then the number of the vector.</summary>
    internal delegate void PushPart(int operand, int part);

    /// <summary>Whether <see cref="Emit"/> knows an operation.</summary>
    /// <param name="i">The operation.</param>
    /// <param name="scalarCount">Of a shift, whether all lanes shift by one count.</param>
    public static bool Knows(Instruction i, bool scalarCount)
    {
        IrType type = i.Type.Element;
        IrType from = i.Operands.Length > 0 ? i.Operands[0].Type : type;
        bool half = type == IrType.F16 || from == IrType.F16;
        switch (i.Op)
        {
            case Opcode.And or Opcode.Or or Opcode.Xor or Opcode.Select or Opcode.PtrAdd:
            case Opcode.FMin or Opcode.FMax or Opcode.FNeg or Opcode.Compare:
                return true;
            case Opcode.Add or Opcode.Sub or Opcode.Mul or Opcode.MinS or Opcode.MaxS or Opcode.MinU or Opcode.MaxU:
                return type != IrType.I1;
            case Opcode.DivS or Opcode.DivU or Opcode.RemS or Opcode.RemU:
                return type == IrType.I32;
            case Opcode.Shl or Opcode.ShrS or Opcode.ShrU:
                return scalarCount && type.Bits >= 32;
            case Opcode.FAdd or Opcode.FSub or Opcode.FMul or Opcode.FDiv or Opcode.Fma:
                return !half;
            case Opcode.Convert:
                return KnowsConversion(i.Conversion, from, type);
            case Opcode.Math:
                return !half && (i.Function is MathFunction.Abs
                    || (type.IsFloat && i.Function is MathFunction.Floor or MathFunction.Ceiling or MathFunction.Truncate
                        or MathFunction.RoundToEven or MathFunction.Sqrt or MathFunction.Exp or MathFunction.Log or MathFunction.Log2
                        or MathFunction.Rcp or MathFunction.Rsqrt or MathFunction.Sin or MathFunction.Cos))
                    && type.Bits >= 32;
            default:
                return false;
        }
    }

    /// <summary>Emits one vector of an operation's result; <paramref name="pushCount"/> puts a shift's count on the stack.</summary>
    public void Emit(Instruction i, int part, PushPart push, Action pushCount)
    {
        IrType type = i.Type.Element;
        Type element = LaneVectors.Element(type);
        switch (i.Op)
        {
            case Opcode.Add or Opcode.FAdd:
                Binary("Add", element, part, push);
                Narrow(type);
                break;
            case Opcode.Sub or Opcode.FSub:
                Binary("Subtract", element, part, push);
                Narrow(type);
                break;
            case Opcode.Mul or Opcode.FMul:
                Binary("Multiply", element, part, push);
                Narrow(type);
                break;
            case Opcode.And or Opcode.Or:
                Binary(i.Op == Opcode.And ? "BitwiseAnd" : "BitwiseOr", element, part, push);
                break;
            case Opcode.Xor or Opcode.MinS or Opcode.MaxS:
                Binary(i.Op == Opcode.Xor ? "Xor" : i.Op == Opcode.MinS ? "Min" : "Max", element, part, push);
                break;
            case Opcode.MinU or Opcode.MaxU:
                Type unsigned = LaneVectors.Unsigned(element);
                push(0, part);
                As(element, unsigned);
                push(1, part);
                As(element, unsigned);
                Call(i.Op == Opcode.MinU ? "Min" : "Max", unsigned, 2);
                As(unsigned, element);
                break;
            case Opcode.DivS or Opcode.DivU:
                Quotient(i.Op == Opcode.DivU, part, push);
                break;
            case Opcode.RemS or Opcode.RemU:
                push(0, part);
                Quotient(i.Op == Opcode.RemU, part, push);
                push(1, part);
                Call("Multiply", element, 2);
                Call("Subtract", element, 2);
                break;
            case Opcode.Shl or Opcode.ShrS or Opcode.ShrU:
                push(0, part);
                pushCount();
                il.Emit(OpCodes.Call, vectors.Method(
                    i.Op == Opcode.Shl ? "ShiftLeft" : i.Op == Opcode.ShrS ? "ShiftRightArithmetic" : "ShiftRightLogical",
                    element, vectors.Vector(element), typeof(int)));
                break;
            case Opcode.FDiv:
                Binary("Divide", element, part, push);
                break;
            case Opcode.FMin or Opcode.FMax:
                Binary(i.Op == Opcode.FMin ? "MinNumber" : "MaxNumber", element, part, push);
                break;
            case Opcode.FNeg:
                push(0, part);
                Call("Negate", element, 1);
                break;
            case Opcode.Fma:
                push(0, part);
                push(1, part);
                push(2, part);
                Call("FusedMultiplyAdd", element, 3);
                break;
            case Opcode.Compare:
                Compare(i, part, push);
                break;
            case Opcode.Select:
                Mask(element, part, p => push(0, p));
                push(1, part);
                push(2, part);
                Call("ConditionalSelect", element, 3);
                break;
            case Opcode.PtrAdd:
                push(0, part);
                if (i.Operands[1].Type == IrType.I32)
                    Widen(typeof(int), part, p => push(1, p));
                else
                    push(1, part);
                if (i.Immediate != 1)
                {
                    il.Emit(OpCodes.Ldc_I8, i.Immediate);
                    il.Emit(OpCodes.Call, vectors.Method("Multiply", typeof(long), vectors.Vector(typeof(long)), typeof(long)));
                }
                Call("Add", typeof(long), 2);
                break;
            case Opcode.Convert:
                Convert(i.Conversion, i.Operands[0].Type, type, part, push);
                break;
            default:
                Function(i.Function, element, part, push);
                break;
        }
    }

    /// <summary>A mask of 32-bit lanes as a mask for elements of a type.</summary>
    public void Mask(Type element, int part, Action<int> pushMask)
    {
        if (LaneVectors.SizeOf(element) == 4)
        {
            pushMask(part);
            As(typeof(int), element);
        }
        else
        {
            Widen(typeof(int), part, pushMask);
            As(typeof(long), element);
        }
    }

    /// <summary>Calls an operation whose operands are vectors of one type.</summary>
    public void Call(string name, Type element, int operands) => il.Emit(OpCodes.Call, vectors.Operation(name, element, operands));

    /// <summary>The number on the stack in all lanes.</summary>
    public void Broadcast(Type element) => il.Emit(OpCodes.Call, vectors.Method("Create", element, element));

    /// <summary>The vector on the stack as one of another element type.</summary>
    public void As(Type from, Type to)
    {
        if (from == to)
            return;
        string name = to == typeof(int) ? "AsInt32" : to == typeof(uint) ? "AsUInt32" : to == typeof(long) ? "AsInt64"
            : to == typeof(ulong) ? "AsUInt64" : to == typeof(float) ? "AsSingle" : "AsDouble";
        il.Emit(OpCodes.Call, vectors.Method(name, from, vectors.Vector(from)));
    }

    private static bool KnowsConversion(ConvertKind kind, IrType from, IrType to) => kind switch
    {
        ConvertKind.SignExtend or ConvertKind.ZeroExtend or ConvertKind.Truncate => true,
        ConvertKind.SignedToFloat => from != IrType.I1 && (to == IrType.F64 || (to == IrType.F32 && from.Bits <= 32)),
        ConvertKind.UnsignedToFloat => from == IrType.I32 && (to == IrType.F32 || to == IrType.F64),
        ConvertKind.FloatToSigned => (to == IrType.I32 && from != IrType.F64) || (to == IrType.I64 && from == IrType.F64),
        ConvertKind.FloatToUnsigned => to == IrType.I32 && from != IrType.F64,
        ConvertKind.FloatExtend => true,
        ConvertKind.FloatTruncate => from == IrType.F32 || to == IrType.F32,
        ConvertKind.RoundToBFloat16 => false,
        _ => from.Bits >= 32 && !from.IsVector && !to.IsVector,
    };

    private void Binary(string name, Type element, int part, PushPart push)
    {
        push(0, part);
        push(1, part);
        Call(name, element, 2);
    }

    /// <summary>Brings narrow integers back into their range.</summary>
    private void Narrow(IrType type)
    {
        if (!type.IsInteger || type.Bits is not (8 or 16))
            return;
        foreach (string shift in (string[])["ShiftLeft", "ShiftRightArithmetic"])
        {
            il.Emit(OpCodes.Ldc_I4, 32 - type.Bits);
            il.Emit(OpCodes.Call, vectors.Method(shift, typeof(int), vectors.Vector(typeof(int)), typeof(int)));
        }
    }

    private void And(int mask)
    {
        il.Emit(OpCodes.Ldc_I4, mask);
        Broadcast(typeof(int));
        Call("BitwiseAnd", typeof(int), 2);
    }

    /// <summary>A vector of 64-bit elements from half a vector of 32-bit ones.</summary>
    private void Widen(Type from, int part, Action<int> push)
    {
        push(part / 2);
        WidenHalf(from, part % 2);
    }

    private void WidenHalf(Type from, int half) =>
        il.Emit(OpCodes.Call, vectors.Method(half == 0 ? "WidenLower" : "WidenUpper", from, vectors.Vector(from)));

    private void NarrowTo(Type from) => il.Emit(OpCodes.Call, vectors.Method("Narrow", from, vectors.Vector(from), vectors.Vector(from)));

    /// <summary>Quotients of 32-bit integers through f64, in which they and the truncated quotient are exact.</summary>
    private void Quotient(bool unsigned, int part, PushPart push)
    {
        for (int half = 0; half < 2; half++)
        {
            for (int operand = 0; operand < 2; operand++)
            {
                push(operand, part);
                if (unsigned)
                    As(typeof(int), typeof(uint));
                WidenHalf(unsigned ? typeof(uint) : typeof(int), half);
                if (unsigned)
                    As(typeof(ulong), typeof(long));
                il.Emit(OpCodes.Call, vectors.Method("ConvertToDouble", typeof(long), vectors.Vector(typeof(long))));
            }
            Call("Divide", typeof(double), 2);
            il.Emit(OpCodes.Call, vectors.Method("ConvertToInt64", typeof(double), vectors.Vector(typeof(double))));
        }
        NarrowTo(typeof(long));
    }

    private void Compare(Instruction i, int part, PushPart push)
    {
        Type element = LaneVectors.Element(i.Operands[0].Type);
        if (LaneVectors.SizeOf(element) == 4)
        {
            One(part);
            As(element, typeof(int));
            return;
        }
        for (int half = 0; half < 2; half++)
        {
            One(part * 2 + half);
            As(element, typeof(long));
        }
        NarrowTo(typeof(long));

        void One(int p)
        {
            (string name, bool negate) = i.Comparison switch
            {
                CompareKind.Eq or CompareKind.FEq => ("Equals", false),
                CompareKind.Ne or CompareKind.FNeU => ("Equals", true),
                CompareKind.LtS or CompareKind.LtU or CompareKind.FLt => ("LessThan", false),
                CompareKind.LeS or CompareKind.LeU or CompareKind.FLe => ("LessThanOrEqual", false),
                CompareKind.GtS or CompareKind.GtU or CompareKind.FGt => ("GreaterThan", false),
                CompareKind.GeS or CompareKind.GeU or CompareKind.FGe => ("GreaterThanOrEqual", false),
                // True for NaN: not the opposite, which is false for it.
                CompareKind.FLtU => ("GreaterThanOrEqual", true),
                CompareKind.FLeU => ("GreaterThan", true),
                CompareKind.FGtU => ("LessThanOrEqual", true),
                _ => ("LessThan", true),
            };
            Type compared = i.Comparison is >= CompareKind.LtU and <= CompareKind.GeU ? LaneVectors.Unsigned(element) : element;
            push(0, p);
            As(element, compared);
            push(1, p);
            As(element, compared);
            Call(name, compared, 2);
            if (negate)
                Call("OnesComplement", compared, 1);
            As(compared, element);
        }
    }

    private void Convert(ConvertKind kind, IrType from, IrType to, int part, PushPart push)
    {
        Type source = LaneVectors.Element(from);
        Type target = LaneVectors.Element(to);
        bool wide = target == typeof(long);
        switch (kind)
        {
            case ConvertKind.SignExtend when wide:
                Widen(typeof(int), part, p => push(0, p));
                break;
            case ConvertKind.SignExtend:
                push(0, part);
                break;
            case ConvertKind.ZeroExtend when wide && from == IrType.I32:
                push(0, part / 2);
                As(typeof(int), typeof(uint));
                WidenHalf(typeof(uint), part % 2);
                As(typeof(ulong), typeof(long));
                break;
            case ConvertKind.ZeroExtend:
                push(0, wide ? part / 2 : part);
                And((int)((1L << from.Bits) - 1));
                if (wide)
                    WidenHalf(typeof(int), part % 2);
                break;
            case ConvertKind.Truncate:
                if (source == typeof(long))
                {
                    push(0, part * 2);
                    push(0, part * 2 + 1);
                    NarrowTo(typeof(long));
                }
                else
                {
                    push(0, part);
                }
                Narrow(to);
                if (to == IrType.I1)
                {
                    And(1);
                    Call("Negate", typeof(int), 1);
                }
                break;
            case ConvertKind.SignedToFloat when to == IrType.F32:
                push(0, part);
                il.Emit(OpCodes.Call, vectors.Method("ConvertToSingle", typeof(int), vectors.Vector(typeof(int))));
                break;
            case ConvertKind.SignedToFloat:
                if (source == typeof(int))
                    Widen(typeof(int), part, p => push(0, p));
                else
                    push(0, part);
                il.Emit(OpCodes.Call, vectors.Method("ConvertToDouble", typeof(long), vectors.Vector(typeof(long))));
                break;
            case ConvertKind.UnsignedToFloat when to == IrType.F32:
                push(0, part);
                As(typeof(int), typeof(uint));
                il.Emit(OpCodes.Call, vectors.Method("ConvertToSingle", typeof(uint), vectors.Vector(typeof(uint))));
                break;
            case ConvertKind.UnsignedToFloat:
                push(0, part / 2);
                As(typeof(int), typeof(uint));
                WidenHalf(typeof(uint), part % 2);
                As(typeof(ulong), typeof(long));
                il.Emit(OpCodes.Call, vectors.Method("ConvertToDouble", typeof(long), vectors.Vector(typeof(long))));
                break;
            case ConvertKind.FloatToSigned:
                push(0, part);
                il.Emit(OpCodes.Call, vectors.Method(wide ? "ConvertToInt64" : "ConvertToInt32", source, vectors.Vector(source)));
                break;
            case ConvertKind.FloatToUnsigned:
                push(0, part);
                il.Emit(OpCodes.Call, vectors.Method("ConvertToUInt32", typeof(float), vectors.Vector(typeof(float))));
                As(typeof(uint), typeof(int));
                break;
            case ConvertKind.FloatExtend:
                if (target == typeof(double))
                    Widen(typeof(float), part, p => push(0, p));
                else
                    push(0, part);
                break;
            case ConvertKind.FloatTruncate when from == IrType.F32:
                push(0, part);
                ScalarCode.Call(il, typeof(NarrowLanes), nameof(NarrowLanes.RoundToHalf), vectors.Vector(typeof(float)));
                break;
            case ConvertKind.FloatTruncate:
                push(0, part * 2);
                push(0, part * 2 + 1);
                NarrowTo(typeof(double));
                break;
            default:
                push(0, part);
                As(source, target);
                break;
        }
    }

    private void Function(MathFunction function, Type element, int part, PushPart push)
    {
        switch (function)
        {
            case MathFunction.Rcp or MathFunction.Rsqrt:
                if (element == typeof(float))
                    il.Emit(OpCodes.Ldc_R4, 1f);
                else
                    il.Emit(OpCodes.Ldc_R8, 1d);
                Broadcast(element);
                push(0, part);
                if (function == MathFunction.Rsqrt)
                    Call("Sqrt", element, 1);
                Call("Divide", element, 2);
                break;
            default:
                push(0, part);
                Call(function == MathFunction.RoundToEven ? "Round" : function.ToString(), element, 1);
                break;
        }
    }
}
