using System.Reflection;
using System.Reflection.Emit;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// Operations on single numbers as .NET instructions: of values that lanes share, and lane by lane of those operations that no vector
/// instruction does. Numbers lie on the stack as <see cref="LaneVectors.Element"/> says, narrow integers sign-extended.
/// </summary>
internal static class ScalarCode
{
    /// <summary>Emits an operation without memory; <paramref name="push"/> puts an operand on the stack by its place.</summary>
    public static void Emit(ILGenerator il, Instruction i, Action<int> push)
    {
        IrType type = i.Type;
        switch (i.Op)
        {
            case Opcode.Add or Opcode.Sub or Opcode.Mul or Opcode.And or Opcode.Or or Opcode.Xor:
                push(0);
                push(1);
                il.Emit(i.Op switch
                {
                    Opcode.Add => OpCodes.Add,
                    Opcode.Sub => OpCodes.Sub,
                    Opcode.Mul => OpCodes.Mul,
                    Opcode.And => OpCodes.And,
                    Opcode.Or => OpCodes.Or,
                    _ => OpCodes.Xor,
                });
                Narrow(il, type);
                break;
            case Opcode.DivS or Opcode.RemS or Opcode.MinU or Opcode.MaxU:
                push(0);
                push(1);
                Call(il, i.Op.ToString(), Element(type), Element(type));
                Narrow(il, type);
                break;
            case Opcode.DivU or Opcode.RemU:
                push(0);
                ZeroExtend(il, type);
                push(1);
                ZeroExtend(il, type);
                Call(il, i.Op.ToString(), Element(type), Element(type));
                Narrow(il, type);
                break;
            case Opcode.MinS or Opcode.MaxS:
                push(0);
                push(1);
                Call(il, typeof(Math), i.Op == Opcode.MinS ? nameof(Math.Min) : nameof(Math.Max), Element(type), Element(type));
                break;
            case Opcode.Shl or Opcode.ShrS or Opcode.ShrU:
                push(0);
                if (i.Op == Opcode.ShrU)
                    ZeroExtend(il, type);
                push(1);
                if (type.Bits == 64)
                    il.Emit(OpCodes.Conv_I4);
                il.Emit(OpCodes.Ldc_I4, type.Bits - 1);
                il.Emit(OpCodes.And);
                il.Emit(i.Op == Opcode.Shl ? OpCodes.Shl : i.Op == Opcode.ShrS ? OpCodes.Shr : OpCodes.Shr_Un);
                Narrow(il, type);
                break;
            case Opcode.FAdd or Opcode.FSub or Opcode.FMul or Opcode.FDiv or Opcode.FRem:
                push(0);
                push(1);
                il.Emit(i.Op switch
                {
                    Opcode.FAdd => OpCodes.Add,
                    Opcode.FSub => OpCodes.Sub,
                    Opcode.FMul => OpCodes.Mul,
                    Opcode.FDiv => OpCodes.Div,
                    _ => OpCodes.Rem,
                });
                Round(il, type);
                break;
            case Opcode.FMin or Opcode.FMax:
                push(0);
                push(1);
                Call(il, i.Op.ToString(), Element(type), Element(type));
                break;
            case Opcode.FNeg:
                push(0);
                il.Emit(OpCodes.Neg);
                break;
            case Opcode.Fma:
                push(0);
                push(1);
                push(2);
                Call(
                    il, type == IrType.F16 ? nameof(LaneFunctions.FmaHalf) : nameof(LaneFunctions.Fma), Element(type), Element(type),
                    Element(type));
                break;
            case Opcode.Compare:
                push(0);
                push(1);
                Compare(il, i.Comparison);
                break;
            case Opcode.Convert:
                push(0);
                Convert(il, i.Conversion, i.Operands[0].Type, type);
                break;
            case Opcode.Math:
                push(0);
                if (i.Operands.Length > 1)
                    push(1);
                Function(il, i.Function, type);
                break;
            default:
                throw new NotSupportedException($"{i.Op} of {i.Location} is no operation on numbers.");
        }
    }

    /// <summary>Puts a constant on the stack.</summary>
    public static void Constant(ILGenerator il, Constant constant)
    {
        Type element = Element(constant.Type);
        if (element == typeof(long))
            il.Emit(OpCodes.Ldc_I8, constant.Bits);
        else if (element == typeof(float))
            il.Emit(OpCodes.Ldc_R4, (float)constant.Float);
        else if (element == typeof(double))
            il.Emit(OpCodes.Ldc_R8, constant.Float);
        else
            il.Emit(OpCodes.Ldc_I4, (int)constant.Bits);
    }

    /// <summary>Reads a number of the kernel's memory from the address on the stack.</summary>
    public static void Load(ILGenerator il, IrType type)
    {
        il.Emit(type.Scalar switch
        {
            ScalarType.I8 => OpCodes.Ldind_I1,
            ScalarType.I16 => OpCodes.Ldind_I2,
            ScalarType.F16 => OpCodes.Ldind_U2,
            ScalarType.F32 => OpCodes.Ldind_R4,
            ScalarType.F64 => OpCodes.Ldind_R8,
            ScalarType.I64 or ScalarType.Pointer => OpCodes.Ldind_I8,
            _ => OpCodes.Ldind_I4,
        });
        if (type.Scalar == ScalarType.F16)
            Call(il, nameof(LaneFunctions.HalfFromBits), typeof(int));
    }

    /// <summary>Writes the number on the stack to the address below it.</summary>
    public static void Store(ILGenerator il, IrType type)
    {
        if (type.Scalar == ScalarType.F16)
            Call(il, nameof(LaneFunctions.HalfToBits), typeof(float));
        il.Emit(type.Scalar switch
        {
            ScalarType.I8 => OpCodes.Stind_I1,
            ScalarType.I16 or ScalarType.F16 => OpCodes.Stind_I2,
            ScalarType.F32 => OpCodes.Stind_R4,
            ScalarType.F64 => OpCodes.Stind_R8,
            ScalarType.I64 or ScalarType.Pointer => OpCodes.Stind_I8,
            _ => OpCodes.Stind_I4,
        });
    }

    /// <summary>Reads an element of a value's lanes from the address on the stack.</summary>
    public static void LoadElement(ILGenerator il, Type element) => il.Emit(
        element == typeof(long) ? OpCodes.Ldind_I8 : element == typeof(float) ? OpCodes.Ldind_R4
        : element == typeof(double) ? OpCodes.Ldind_R8 : OpCodes.Ldind_I4);

    /// <summary>Writes an element of a value's lanes to the address below it.</summary>
    public static void StoreElement(ILGenerator il, Type element) => il.Emit(
        element == typeof(long) ? OpCodes.Stind_I8 : element == typeof(float) ? OpCodes.Stind_R4
        : element == typeof(double) ? OpCodes.Stind_R8 : OpCodes.Stind_I4);

    /// <summary>Calls one of <see cref="LaneFunctions"/>.</summary>
    public static void Call(ILGenerator il, string name, params Type[] parameters) => Call(il, typeof(LaneFunctions), name, parameters);

    /// <summary>Calls a static method.</summary>
    public static void Call(ILGenerator il, Type type, string name, params Type[] parameters) => il.Emit(
        OpCodes.Call,
        type.GetMethod(name, BindingFlags.Public | BindingFlags.Static, parameters) ?? throw new MissingMethodException(type.Name, name));

    private static Type Element(IrType type) => LaneVectors.Element(type);

    /// <summary>Brings a narrow integer back into its range.</summary>
    private static void Narrow(ILGenerator il, IrType type)
    {
        if (type.Scalar == ScalarType.I8)
            il.Emit(OpCodes.Conv_I1);
        else if (type.Scalar == ScalarType.I16)
            il.Emit(OpCodes.Conv_I2);
        else if (type.Scalar == ScalarType.I1)
        {
            il.Emit(OpCodes.Ldc_I4_1);
            il.Emit(OpCodes.And);
        }
    }

    private static void ZeroExtend(ILGenerator il, IrType type)
    {
        if (type.Scalar == ScalarType.I8)
            il.Emit(OpCodes.Conv_U1);
        else if (type.Scalar == ScalarType.I16)
            il.Emit(OpCodes.Conv_U2);
    }

    /// <summary>
    /// Rounds the f32 on the stack to f16 where it stands for one; with 24 bits the double rounding of one operation is exact.
    /// </summary>
    private static void Round(ILGenerator il, IrType type)
    {
        if (type.Scalar == ScalarType.F16)
            Call(il, nameof(LaneFunctions.RoundToHalf), typeof(float));
    }

    private static void Compare(ILGenerator il, CompareKind kind)
    {
        (OpCode op, bool negate) = kind switch
        {
            CompareKind.Eq or CompareKind.FEq => (OpCodes.Ceq, false),
            CompareKind.Ne or CompareKind.FNeU => (OpCodes.Ceq, true),
            CompareKind.LtS or CompareKind.FLt => (OpCodes.Clt, false),
            CompareKind.GtS or CompareKind.FGt => (OpCodes.Cgt, false),
            CompareKind.LtU or CompareKind.FLtU => (OpCodes.Clt_Un, false),
            CompareKind.GtU or CompareKind.FGtU => (OpCodes.Cgt_Un, false),
            // Not greater: for floating point the negation turns "or unordered" around.
            CompareKind.LeS or CompareKind.FLeU => (OpCodes.Cgt, true),
            CompareKind.GeS or CompareKind.FGeU => (OpCodes.Clt, true),
            CompareKind.LeU or CompareKind.FLe => (OpCodes.Cgt_Un, true),
            _ => (OpCodes.Clt_Un, true),
        };
        il.Emit(op);
        if (negate)
        {
            il.Emit(OpCodes.Ldc_I4_0);
            il.Emit(OpCodes.Ceq);
        }
    }

    private static void Convert(ILGenerator il, ConvertKind kind, IrType from, IrType to)
    {
        switch (kind)
        {
            case ConvertKind.SignExtend:
                if (from == IrType.I1)
                    il.Emit(OpCodes.Neg);
                if (to.Bits == 64)
                    il.Emit(OpCodes.Conv_I8);
                break;
            case ConvertKind.ZeroExtend:
                ZeroExtend(il, from);
                if (to.Bits == 64)
                    il.Emit(OpCodes.Conv_U8);
                // An i8 of 255 as i16 is 255; as itself it would be -1.
                Narrow(il, to);
                break;
            case ConvertKind.Truncate:
                if (from.Bits == 64)
                    il.Emit(OpCodes.Conv_I4);
                Narrow(il, to);
                break;
            case ConvertKind.SignedToFloat:
                il.Emit(to == IrType.F64 ? OpCodes.Conv_R8 : OpCodes.Conv_R4);
                Round(il, to);
                break;
            case ConvertKind.UnsignedToFloat:
                ZeroExtend(il, from);
                Call(il, to == IrType.F64 ? nameof(LaneFunctions.UnsignedToDouble) : nameof(LaneFunctions.UnsignedToSingle), Element(from));
                Round(il, to);
                break;
            case ConvertKind.FloatToSigned or ConvertKind.FloatToUnsigned:
                il.Emit(OpCodes.Conv_R8);
                Call(il, (kind == ConvertKind.FloatToSigned ? "ToSigned" : "ToUnsigned") + to.Bits, typeof(double));
                break;
            case ConvertKind.FloatExtend:
                il.Emit(to == IrType.F64 ? OpCodes.Conv_R8 : OpCodes.Conv_R4);
                break;
            case ConvertKind.FloatTruncate:
                if (to == IrType.F16)
                    Call(il, nameof(LaneFunctions.RoundToHalf), Element(from));
                else
                    il.Emit(OpCodes.Conv_R4);
                break;
            case ConvertKind.RoundToBFloat16:
                throw new NotSupportedException($"{kind}: this back end's options do not ask for it.");
            default:
                Bitcast(il, from, to);
                break;
        }
    }

    private static void Bitcast(ILGenerator il, IrType from, IrType to)
    {
        if (from.IsVector || to.IsVector)
            throw new NotSupportedException($"A {from} as the bits of a {to}.");
        switch (from.Scalar, to.Scalar)
        {
            case (ScalarType.F32, ScalarType.I32):
                Call(il, typeof(BitConverter), nameof(BitConverter.SingleToInt32Bits), typeof(float));
                break;
            case (ScalarType.I32, ScalarType.F32):
                Call(il, typeof(BitConverter), nameof(BitConverter.Int32BitsToSingle), typeof(int));
                break;
            case (ScalarType.F64, ScalarType.I64):
                Call(il, typeof(BitConverter), nameof(BitConverter.DoubleToInt64Bits), typeof(double));
                break;
            case (ScalarType.I64, ScalarType.F64):
                Call(il, typeof(BitConverter), nameof(BitConverter.Int64BitsToDouble), typeof(long));
                break;
            case (ScalarType.F16, ScalarType.I16):
                Call(il, nameof(LaneFunctions.HalfToBits), typeof(float));
                break;
            case (ScalarType.I16, ScalarType.F16):
                Call(il, nameof(LaneFunctions.HalfFromBits), typeof(int));
                break;
        }
    }

    private static void Function(ILGenerator il, MathFunction function, IrType type)
    {
        Type element = Element(type);
        Type math = element == typeof(float) ? typeof(MathF) : typeof(Math);
        switch (function)
        {
            case MathFunction.Abs when type.IsInteger:
                // Math.Abs would fault at the least number: (a ^ s) - s with s = a >> 31.
                LocalBuilder value = il.DeclareLocal(element);
                il.Emit(OpCodes.Stloc, value);
                il.Emit(OpCodes.Ldloc, value);
                Sign();
                il.Emit(OpCodes.Xor);
                Sign();
                il.Emit(OpCodes.Sub);
                Narrow(il, type);
                return;

                void Sign()
                {
                    il.Emit(OpCodes.Ldloc, value);
                    il.Emit(OpCodes.Ldc_I4, type.Bits == 64 ? 63 : 31);
                    il.Emit(OpCodes.Shr);
                }
            case MathFunction.Abs:
                Call(il, typeof(Math), nameof(Math.Abs), element);
                return;
            case MathFunction.PopCount or MathFunction.LeadingZeros or MathFunction.TrailingZeros:
                Count(il, function, type, element);
                return;
            case MathFunction.RoundToEven:
                Call(il, math, nameof(Math.Round), element);
                break;
            case MathFunction.Rcp:
                LocalBuilder divisor = il.DeclareLocal(element);
                il.Emit(OpCodes.Stloc, divisor);
                if (element == typeof(float))
                    il.Emit(OpCodes.Ldc_R4, 1f);
                else
                    il.Emit(OpCodes.Ldc_R8, 1d);
                il.Emit(OpCodes.Ldloc, divisor);
                il.Emit(OpCodes.Div);
                break;
            case MathFunction.Exp2 or MathFunction.Rsqrt:
                Call(il, function.ToString(), element);
                break;
            case MathFunction.Pow or MathFunction.Atan2:
                Call(il, math, function.ToString(), element, element);
                break;
            default:
                Call(il, math, function.ToString(), element);
                break;
        }
        Round(il, type);
    }

    private static void Count(ILGenerator il, MathFunction function, IrType type, Type element)
    {
        if (type.Bits < 32)
        {
            ZeroExtend(il, type);
            if (function == MathFunction.TrailingZeros)
            {
                // Of zero the width.
                il.Emit(OpCodes.Ldc_I4, 1 << type.Bits);
                il.Emit(OpCodes.Or);
            }
        }
        Call(il, function.ToString(), element);
        if (type.Bits < 32 && function == MathFunction.LeadingZeros)
        {
            il.Emit(OpCodes.Ldc_I4, 32 - type.Bits);
            il.Emit(OpCodes.Sub);
        }
    }
}
