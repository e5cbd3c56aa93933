using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.Passes;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// Operations on all lanes: the frequent ones as vector loops (most of them the framework's), every other one lane by lane as <see cref="Fold"/>
/// defines it, so that there is no operation that only other back ends know. Inactive lanes are computed too, which harms nobody.
/// </summary>
internal static unsafe class LaneOperations
{
    /// <summary>A step that computes an operation without effects.</summary>
    /// <param name="i">The operation.</param>
    /// <param name="units">Where the operands lie.</param>
    /// <param name="target">Where the result goes.</param>
    /// <param name="uniform">Whether one element serves all lanes.</param>
    public static LaneStep Create(Instruction i, int[] units, int target, bool uniform)
    {
        int a = units[0], b = units.Length > 1 ? units[1] : a, c = units.Length > 2 ? units[2] : a;
        ScalarType type = i.Operands[0].Type.Scalar;
        return (i.Op, type) switch
        {
            (Opcode.Fma, ScalarType.F32) => uniform
                ? group => *group.Single(target) = float.FusedMultiplyAdd(*group.Single(a), *group.Single(b), *group.Single(c))
                : group => FusedMultiplyAdd(group.Single(a), group.Single(b), group.Single(c), group.Single(target), group.Lanes),
            (Opcode.Fma, ScalarType.F64) => group => TensorPrimitives.FusedMultiplyAdd<double>(
                D(group, a, uniform), D(group, b, uniform), D(group, c, uniform), D(group, target, uniform)),
            (Opcode.FAdd, ScalarType.F32) => group => TensorPrimitives.Add<float>(F(group, a, uniform), F(group, b, uniform), F(group, target, uniform)),
            (Opcode.FSub, ScalarType.F32) => group => TensorPrimitives.Subtract<float>(F(group, a, uniform), F(group, b, uniform), F(group, target, uniform)),
            (Opcode.FMul, ScalarType.F32) => group => TensorPrimitives.Multiply<float>(F(group, a, uniform), F(group, b, uniform), F(group, target, uniform)),
            (Opcode.FDiv, ScalarType.F32) => group => TensorPrimitives.Divide<float>(F(group, a, uniform), F(group, b, uniform), F(group, target, uniform)),
            (Opcode.FMin, ScalarType.F32) => group => TensorPrimitives.MinNumber<float>(F(group, a, uniform), F(group, b, uniform), F(group, target, uniform)),
            (Opcode.FMax, ScalarType.F32) => group => TensorPrimitives.MaxNumber<float>(F(group, a, uniform), F(group, b, uniform), F(group, target, uniform)),
            (Opcode.FNeg, ScalarType.F32) => group => TensorPrimitives.Negate<float>(F(group, a, uniform), F(group, target, uniform)),
            (Opcode.FAdd, ScalarType.F64) => group => TensorPrimitives.Add<double>(D(group, a, uniform), D(group, b, uniform), D(group, target, uniform)),
            (Opcode.FSub, ScalarType.F64) => group => TensorPrimitives.Subtract<double>(D(group, a, uniform), D(group, b, uniform), D(group, target, uniform)),
            (Opcode.FMul, ScalarType.F64) => group => TensorPrimitives.Multiply<double>(D(group, a, uniform), D(group, b, uniform), D(group, target, uniform)),
            (Opcode.Add, ScalarType.I32) => group => TensorPrimitives.Add<int>(I(group, a, uniform), I(group, b, uniform), I(group, target, uniform)),
            (Opcode.Sub, ScalarType.I32) => group => TensorPrimitives.Subtract<int>(I(group, a, uniform), I(group, b, uniform), I(group, target, uniform)),
            (Opcode.Mul, ScalarType.I32) => group => TensorPrimitives.Multiply<int>(I(group, a, uniform), I(group, b, uniform), I(group, target, uniform)),
            (Opcode.Add, ScalarType.I64) => group => TensorPrimitives.Add<long>(L(group, a, uniform), L(group, b, uniform), L(group, target, uniform)),
            (Opcode.Sub, ScalarType.I64) => group => TensorPrimitives.Subtract<long>(L(group, a, uniform), L(group, b, uniform), L(group, target, uniform)),
            (Opcode.Mul, ScalarType.I64) => group => TensorPrimitives.Multiply<long>(L(group, a, uniform), L(group, b, uniform), L(group, target, uniform)),
            (Opcode.And, ScalarType.I32 or ScalarType.I1) => group =>
                TensorPrimitives.BitwiseAnd<int>(I(group, a, uniform), I(group, b, uniform), I(group, target, uniform)),
            (Opcode.Or, ScalarType.I32 or ScalarType.I1) => group =>
                TensorPrimitives.BitwiseOr<int>(I(group, a, uniform), I(group, b, uniform), I(group, target, uniform)),
            (Opcode.Xor, ScalarType.I32 or ScalarType.I1) => group =>
                TensorPrimitives.Xor<int>(I(group, a, uniform), I(group, b, uniform), I(group, target, uniform)),
            (Opcode.MinS, ScalarType.I32) => group => TensorPrimitives.Min<int>(I(group, a, uniform), I(group, b, uniform), I(group, target, uniform)),
            (Opcode.MaxS, ScalarType.I32) => group => TensorPrimitives.Max<int>(I(group, a, uniform), I(group, b, uniform), I(group, target, uniform)),
            (Opcode.Shl, ScalarType.I32) => EachInt32(a, b, target, (x, n) => x << n, uniform),
            (Opcode.ShrS, ScalarType.I32) => EachInt32(a, b, target, (x, n) => x >> n, uniform),
            (Opcode.ShrU, ScalarType.I32) => EachInt32(a, b, target, (x, n) => x >>> n, uniform),
            // Lanes that are not active may divide by anything; for the others the program answers.
            (Opcode.DivS, ScalarType.I32) => EachInt32(a, b, target, (x, y) => y is 0 ? 0 : y is -1 ? -x : x / y, uniform),
            (Opcode.RemS, ScalarType.I32) => EachInt32(a, b, target, (x, y) => y is 0 or -1 ? 0 : x % y, uniform),
            (Opcode.DivU, ScalarType.I32) => EachInt32(a, b, target, (x, y) => y is 0 ? 0 : (int)((uint)x / (uint)y), uniform),
            (Opcode.RemU, ScalarType.I32) => EachInt32(a, b, target, (x, y) => y is 0 ? 0 : (int)((uint)x % (uint)y), uniform),
            (Opcode.Select, _) when !uniform && !GroupState.IsWide(i.Type) => group =>
                Select(group.Int32(a), group.Int32(b), group.Int32(c), group.Int32(target), group.Lanes),
            (Opcode.Compare, ScalarType.I32) when !uniform && Int32Comparison(i.Comparison, a, b, target) is { } compare => compare,
            (Opcode.Compare, ScalarType.F32) when !uniform && SingleComparison(i.Comparison, a, b, target) is { } compare => compare,
            (Opcode.Convert, _) when Conversion(i, a, target, uniform) is { } convert => convert,
            (Opcode.Math, ScalarType.F32) when SingleFunction(i.Function, a, b, target, uniform) is { } function => function,
            (Opcode.Math, ScalarType.F64) when i.Function >= MathFunction.Exp => DoubleFunction(i.Function, a, b, target, uniform),
            _ => ByDefinition(i, units, target, uniform),
        };
    }

    /// <summary>One lane after the other, as the constant folder computes.</summary>
    private static LaneStep ByDefinition(Instruction i, int[] units, int target, bool uniform)
    {
        IrType[] types = [.. i.Operands.Select(operand => operand.Type.IsPointer ? IrType.I64 : operand.Type)];
        IrType result = i.Type.IsPointer ? IrType.I64 : i.Type;
        return group =>
        {
            Constant[] operands = new Constant[units.Length];
            for (int lane = 0; lane < (uniform ? 1 : group.Threads); lane++)
            {
                for (int k = 0; k < units.Length; k++)
                    operands[k] = new Constant(types[k], group.Read(units[k], types[k], lane));
                // No value: an integer division by zero, of a lane that is not active or of a program that is undefined.
                group.Write(target, result, lane, Fold.TryEvaluate(i, operands)?.Bits ?? 0);
            }
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FusedMultiplyAdd(float* a, float* b, float* c, float* target, int lanes)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            for (int lane = 0; lane < lanes; lane += 16)
                Vector512.FusedMultiplyAdd(Vector512.Load(a + lane), Vector512.Load(b + lane), Vector512.Load(c + lane)).Store(target + lane);
        }
        else
        {
            for (int lane = 0; lane < lanes; lane += 8)
                Vector256.FusedMultiplyAdd(Vector256.Load(a + lane), Vector256.Load(b + lane), Vector256.Load(c + lane)).Store(target + lane);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Select(int* condition, int* whenTrue, int* whenFalse, int* target, int lanes)
    {
        for (int lane = 0; lane < lanes; lane += 8)
        {
            Vector256.ConditionalSelect(Vector256.Load(condition + lane), Vector256.Load(whenTrue + lane), Vector256.Load(whenFalse + lane))
                .Store(target + lane);
        }
    }

    /// <summary>Compares eight lanes at a time.</summary>
    private static unsafe LaneStep Comparison<T>(int a, int b, int target, Func<Vector256<T>, Vector256<T>, Vector256<T>> compare)
        where T : unmanaged => group =>
    {
        T* x = (T*)group.Int32(a), y = (T*)group.Int32(b), to = (T*)group.Int32(target);
        for (int lane = 0; lane < group.Lanes; lane += 8)
            compare(Vector256.Load(x + lane), Vector256.Load(y + lane)).Store(to + lane);
    };

    private static LaneStep? Int32Comparison(CompareKind kind, int a, int b, int target) => kind switch
    {
        CompareKind.Eq => Comparison<int>(a, b, target, Vector256.Equals),
        CompareKind.Ne => Comparison<int>(a, b, target, (x, y) => ~Vector256.Equals(x, y)),
        CompareKind.LtS => Comparison<int>(a, b, target, Vector256.LessThan),
        CompareKind.LeS => Comparison<int>(a, b, target, Vector256.LessThanOrEqual),
        CompareKind.GtS => Comparison<int>(a, b, target, Vector256.GreaterThan),
        CompareKind.GeS => Comparison<int>(a, b, target, Vector256.GreaterThanOrEqual),
        _ => null,
    };

    private static LaneStep? SingleComparison(CompareKind kind, int a, int b, int target) => kind switch
    {
        CompareKind.FEq => Comparison<float>(a, b, target, Vector256.Equals),
        CompareKind.FNeU => Comparison<float>(a, b, target, (x, y) => ~Vector256.Equals(x, y)),
        CompareKind.FLt => Comparison<float>(a, b, target, Vector256.LessThan),
        CompareKind.FLe => Comparison<float>(a, b, target, Vector256.LessThanOrEqual),
        CompareKind.FGt => Comparison<float>(a, b, target, Vector256.GreaterThan),
        CompareKind.FGe => Comparison<float>(a, b, target, Vector256.GreaterThanOrEqual),
        _ => null,
    };

    private static LaneStep? Conversion(Instruction i, int a, int target, bool uniform)
    {
        ScalarType from = i.Operands[0].Type.Scalar, to = i.Type.Scalar;
        return (i.Conversion, from, to) switch
        {
            (ConvertKind.SignExtend, ScalarType.I32, ScalarType.I64) => group =>
                TensorPrimitives.ConvertTruncating<int, long>(I(group, a, uniform), L(group, target, uniform)),
            (ConvertKind.Truncate, ScalarType.I64, ScalarType.I32) => group =>
                TensorPrimitives.ConvertTruncating<long, int>(L(group, a, uniform), I(group, target, uniform)),
            (ConvertKind.SignedToFloat, ScalarType.I32, ScalarType.F32) => group =>
                TensorPrimitives.ConvertTruncating<int, float>(I(group, a, uniform), F(group, target, uniform)),
            (ConvertKind.FloatToSigned, ScalarType.F32, ScalarType.I32) => group =>
                TensorPrimitives.ConvertSaturating<float, int>(F(group, a, uniform), I(group, target, uniform)),
            (ConvertKind.FloatExtend, ScalarType.F32, ScalarType.F64) => group =>
                TensorPrimitives.ConvertTruncating<float, double>(F(group, a, uniform), D(group, target, uniform)),
            (ConvertKind.FloatTruncate, ScalarType.F64, ScalarType.F32) => group =>
                TensorPrimitives.ConvertTruncating<double, float>(D(group, a, uniform), F(group, target, uniform)),
            (ConvertKind.Bitcast, _, _) when GroupState.IsWide(i.Type) => group => L(group, a, uniform).CopyTo(L(group, target, uniform)),
            (ConvertKind.Bitcast, ScalarType.I32 or ScalarType.F32, ScalarType.I32 or ScalarType.F32) => group =>
                I(group, a, uniform).CopyTo(I(group, target, uniform)),
            _ => null,
        };
    }

    private static LaneStep? SingleFunction(MathFunction function, int a, int b, int target, bool uniform) => function switch
    {
        MathFunction.Abs => group => TensorPrimitives.Abs<float>(F(group, a, uniform), F(group, target, uniform)),
        MathFunction.Floor => group => TensorPrimitives.Floor<float>(F(group, a, uniform), F(group, target, uniform)),
        MathFunction.Ceiling => group => TensorPrimitives.Ceiling<float>(F(group, a, uniform), F(group, target, uniform)),
        MathFunction.Truncate => group => TensorPrimitives.Truncate<float>(F(group, a, uniform), F(group, target, uniform)),
        MathFunction.Sqrt => group => TensorPrimitives.Sqrt<float>(F(group, a, uniform), F(group, target, uniform)),
        // All lanes even for one number: a short array would take another path, and the same number must have the same exponential everywhere.
        MathFunction.Exp => Spread(a, uniform, group => TensorPrimitives.Exp<float>(F(group, a, false), F(group, target, false))),
        MathFunction.Log => Spread(a, uniform, group => TensorPrimitives.Log<float>(F(group, a, false), F(group, target, false))),
        MathFunction.Exp2 => Each(a, target, float.Exp2, uniform),
        MathFunction.Log2 => Each(a, target, MathF.Log2, uniform),
        MathFunction.Log10 => Each(a, target, MathF.Log10, uniform),
        MathFunction.Rcp => Each(a, target, x => 1f / x, uniform),
        MathFunction.Rsqrt => Each(a, target, x => 1f / MathF.Sqrt(x), uniform),
        MathFunction.Sin => Each(a, target, MathF.Sin, uniform),
        MathFunction.Cos => Each(a, target, MathF.Cos, uniform),
        MathFunction.Tan => Each(a, target, MathF.Tan, uniform),
        MathFunction.Tanh => Each(a, target, MathF.Tanh, uniform),
        MathFunction.Atan2 => Each(a, b, target, MathF.Atan2, uniform),
        MathFunction.Pow => Each(a, b, target, MathF.Pow, uniform),
        _ => null,
    };

    private static LaneStep DoubleFunction(MathFunction function, int a, int b, int target, bool uniform)
    {
        Func<double, double, double> compute = function switch
        {
            MathFunction.Exp => (x, _) => Math.Exp(x),
            MathFunction.Exp2 => (x, _) => double.Exp2(x),
            MathFunction.Log => (x, _) => Math.Log(x),
            MathFunction.Log2 => (x, _) => Math.Log2(x),
            MathFunction.Log10 => (x, _) => Math.Log10(x),
            MathFunction.Rcp => (x, _) => 1 / x,
            MathFunction.Rsqrt => (x, _) => 1 / Math.Sqrt(x),
            MathFunction.Sin => (x, _) => Math.Sin(x),
            MathFunction.Cos => (x, _) => Math.Cos(x),
            MathFunction.Tan => (x, _) => Math.Tan(x),
            MathFunction.Tanh => (x, _) => Math.Tanh(x),
            MathFunction.Atan2 => Math.Atan2,
            _ => Math.Pow,
        };
        return group =>
        {
            double* x = group.Double(a), y = group.Double(b), to = group.Double(target);
            for (int lane = 0; lane < group.Count(uniform); lane++)
                to[lane] = compute(x[lane], y[lane]);
        };
    }

    private static LaneStep Spread(int a, bool uniform, LaneStep step) => !uniform ? step : group =>
    {
        group.Spread(a, wide: false);
        step(group);
    };

    private static LaneStep EachInt32(int a, int b, int target, Func<int, int, int> compute, bool uniform) => group =>
    {
        int* x = group.Int32(a), y = group.Int32(b), to = group.Int32(target);
        for (int lane = 0; lane < group.Count(uniform); lane++)
            to[lane] = compute(x[lane], y[lane]);
    };

    private static LaneStep Each(int a, int target, Func<float, float> compute, bool uniform) => group =>
    {
        float* x = group.Single(a), to = group.Single(target);
        for (int lane = 0; lane < group.Count(uniform); lane++)
            to[lane] = compute(x[lane]);
    };

    private static LaneStep Each(int a, int b, int target, Func<float, float, float> compute, bool uniform) => group =>
    {
        float* x = group.Single(a), y = group.Single(b), to = group.Single(target);
        for (int lane = 0; lane < group.Count(uniform); lane++)
            to[lane] = compute(x[lane], y[lane]);
    };

    private static Span<int> I(GroupState group, int unit, bool uniform) => group.Int32s(unit, group.Count(uniform));

    private static Span<long> L(GroupState group, int unit, bool uniform) => group.Int64s(unit, group.Count(uniform));

    private static Span<float> F(GroupState group, int unit, bool uniform) => group.Singles(unit, group.Count(uniform));

    private static Span<double> D(GroupState group, int unit, bool uniform) => group.Doubles(unit, group.Count(uniform));
}
