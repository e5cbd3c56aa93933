using ILGPU.Compiler.IR;
using ILGPU.Compiler.Passes;

namespace ILGPU.Tests.OpenCl;

/// <summary>Every operation of the IR on the OpenCL device, against the constant folder or the host.</summary>
[Collection(OpenClSuite.Name)]
public class OpenClOperationTests(OpenClFixture fixture)
{
    private static readonly long[] Corners =
        [0, 1, -1, 2, 7, -8, 31, 100, 255, 4711, -77777, 0x12345678, int.MaxValue, int.MinValue + 1L, 1L << 40, long.MaxValue];

    private static readonly float[] Singles =
        [
            0f, -0f, 1f, -1.5f, 2.5f, -3.5f, 0.1f, 1e-40f, 3.4e38f, -127.7f, 40000.5f, 3e9f, 1e20f,
            float.NaN, float.PositiveInfinity, float.NegativeInfinity,
        ];

    [NeedsTheory(typeof(OpenClDevice))]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(64)]
    public void Integers(int bits)
    {
        (IrType type, Func<long, object> number) = bits switch
        {
            8 => (IrType.I8, (Func<long, object>)(v => (sbyte)v)),
            16 => (IrType.I16, v => (short)v),
            32 => (IrType.I32, v => (int)v),
            _ => (IrType.I64, v => v),
        };
        var map = new MapKernel($"integers{bits}", type, type);
        (Value a, Value b) = (map.Inputs[0], map.Inputs[1]);
        for (Opcode op = Opcode.Add; op <= Opcode.MaxU; op++)
        {
            map.Result(map.Add(new Instruction(op, type, a, b)));
            // With a constant other text is written, which overflows no less.
            map.Result(map.Add(new Instruction(op, type, a, new Constant(type, 3))));
        }
        for (CompareKind kind = CompareKind.Eq; kind <= CompareKind.GeU; kind++)
            map.Result(map.Add(Instruction.Compare(kind, a, b)));
        foreach (MathFunction function in new[] { MathFunction.PopCount, MathFunction.LeadingZeros, MathFunction.TrailingZeros })
            map.Result(map.Add(new Instruction(Opcode.Math, type, a) { Kind = (byte)function }));
        foreach (IrType to in new[] { IrType.I8, IrType.I16, IrType.I32, IrType.I64 })
        {
            if (to.Bits > bits)
            {
                map.Result(map.Add(Instruction.Convert(ConvertKind.SignExtend, a, to)));
                map.Result(map.Add(Instruction.Convert(ConvertKind.ZeroExtend, a, to)));
            }
            else if (to.Bits < bits)
            {
                map.Result(map.Add(Instruction.Convert(ConvertKind.Truncate, a, to)));
            }
        }
        foreach (IrType to in new[] { IrType.F32, IrType.F64 })
        {
            map.Result(map.Add(Instruction.Convert(ConvertKind.SignedToFloat, a, to)));
            map.Result(map.Add(Instruction.Convert(ConvertKind.UnsignedToFloat, a, to)));
        }

        // Never zero, nor -1, by which the lowest number cannot be divided.
        long[] divisors = [.. Corners.Select((_, i) => new[] { 3L, -7, 2, 33, 1, 64, -100, 5 }[i % 8])];
        Array x = Numbers(Corners), y = Numbers(divisors);
        Compare(map, map.Run(fixture.Accelerator, x, y), [Constants(type, Corners), Constants(type, divisors)]);

        Array Numbers(long[] values)
        {
            var array = Array.CreateInstance(number(0).GetType(), values.Length);
            for (int i = 0; i < values.Length; i++)
                array.SetValue(number(values[i]), i);
            return array;
        }
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Single_precision()
    {
        var map = new MapKernel("singles", IrType.F32, IrType.F32, IrType.F32);
        FloatingPoint(map, IrType.F32);
        float[] second = Rotated(Singles, 5), third = Rotated(Singles, 9);
        Compare(
            map, map.Run(fixture.Accelerator, Singles, second, third),
            [.. new[] { Singles, second, third }.Select(values => values.Select(Constant.Single).ToArray())]);
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Double_precision()
    {
        double[] first = [.. Singles.Select(value => value * 1.000000001)], second = Rotated(first, 5), third = Rotated(first, 9);
        var map = new MapKernel("doubles", IrType.F64, IrType.F64, IrType.F64);
        FloatingPoint(map, IrType.F64);
        map.Result(map.Add(Instruction.Convert(ConvertKind.FloatTruncate, map.Inputs[0], IrType.F32)));
        Compare(
            map, map.Run(fixture.Accelerator, first, second, third),
            [.. new[] { first, second, third }.Select(values => values.Select(Constant.Double).ToArray())]);
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void A_product_and_a_sum_are_two_roundings()
    {
        var map = new MapKernel("uncontracted", IrType.F32);
        Value x = map.Inputs[0];
        Value product = map.Add(new Instruction(Opcode.FMul, IrType.F32, x, x));
        map.Result(map.Add(new Instruction(Opcode.FSub, IrType.F32, product, x)));
        float[] input = [1.1f, 3.3f, 1e-7f, 12345.678f];
        Assert.Contains(input, v => v * v - v != MathF.FusedMultiplyAdd(v, v, -v));
        Assert.Equal([.. input.Select(v => (long)BitConverter.SingleToUInt32Bits(v * v - v))], map.Run(fixture.Accelerator, input)[0]);
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Functions_are_within_a_few_units_in_the_last_place()
    {
        var map = new MapKernel("functions", IrType.F32, IrType.F32);
        (MathFunction Function, Func<double, double, double> Exact)[] functions =
        [
            (MathFunction.Exp, (x, _) => Math.Exp(x)), (MathFunction.Exp2, (x, _) => Math.Pow(2, x)),
            (MathFunction.Log, (x, _) => Math.Log(x)),
            (MathFunction.Log2, (x, _) => Math.Log2(x)), (MathFunction.Log10, (x, _) => Math.Log10(x)), (MathFunction.Rcp, (x, _) => 1 / x),
            (MathFunction.Rsqrt, (x, _) => 1 / Math.Sqrt(x)), (MathFunction.Sin, (x, _) => Math.Sin(x)),
            (MathFunction.Cos, (x, _) => Math.Cos(x)),
            (MathFunction.Tan, (x, _) => Math.Tan(x)), (MathFunction.Tanh, (x, _) => Math.Tanh(x)), (MathFunction.Atan2, Math.Atan2),
            (MathFunction.Pow, Math.Pow),
        ];
        foreach ((MathFunction function, _) in functions)
        {
            Value[] operands = function is MathFunction.Atan2 or MathFunction.Pow ? map.Inputs : map.Inputs[..1];
            map.Result(map.Add(new Instruction(Opcode.Math, IrType.F32, operands) { Kind = (byte)function }));
        }
        float[] a = [.. Enumerable.Range(1, 48).Select(i => i * 0.37f)], b = [.. Enumerable.Range(1, 48).Select(i => (i - 20) * 0.11f)];
        long[][] found = map.Run(fixture.Accelerator, a, b);
        for (int f = 0; f < functions.Length; f++)
        {
            for (int i = 0; i < a.Length; i++)
            {
                double exact = functions[f].Exact(a[i], b[i]);
                float actual = BitConverter.Int32BitsToSingle((int)found[f][i]);
                // OpenCL's widest bound among these is pow's 16 units in the last place.
                float size = MathF.Abs((float)exact);
                double bound = 16.0 * (MathF.BitIncrement(size) - size);
                Assert.True(Math.Abs(actual - exact) <= bound, $"{functions[f].Function}({a[i]}, {b[i]}) = {actual}, exact {exact}");
            }
        }
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void All_halves_become_the_same_numbers()
    {
        var map = new MapKernel("halves", IrType.F16);
        map.Result(map.Add(Instruction.Convert(ConvertKind.FloatExtend, map.Inputs[0], IrType.F32)));
        ushort[] samples =
            [0, 0x8000, 1, 0x8001, 0x3FF, 0x400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x3555, 0x1234, 0x9ABC, 0x6666];
        Assert.Equal(
            [.. samples.Select(bits => (long)BitConverter.SingleToUInt32Bits((float)BitConverter.UInt16BitsToHalf(bits)))],
            map.Run(fixture.Accelerator, samples)[0]);
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Halves_round_once()
    {
        var map = new MapKernel("half_arithmetic", IrType.F16, IrType.F16, IrType.F16, IrType.F32);
        (Value a, Value b, Value c) = (map.Inputs[0], map.Inputs[1], map.Inputs[2]);
        foreach (Opcode op in new[] { Opcode.FAdd, Opcode.FSub, Opcode.FMul, Opcode.FDiv })
            map.Result(map.Add(new Instruction(op, IrType.F16, a, b)));
        map.Result(map.Add(new Instruction(Opcode.Fma, IrType.F16, a, b, c)));
        map.Result(map.Add(new Instruction(Opcode.FNeg, IrType.F16, a)));
        map.Result(map.Add(Instruction.Convert(ConvertKind.FloatTruncate, map.Inputs[3], IrType.F16)));
        map.Result(map.Add(Instruction.Compare(CompareKind.FLt, a, b)));

        var random = new Random(7);
        System.Half[] x = Numbers(), y = Numbers(), z = Numbers();
        // A product just off a tie of the sum: rounding the sum to 24 bits first would lose on which side.
        (x[0], y[0], z[0]) = ((System.Half)(1 + Math.Pow(2, -10)), (System.Half)Math.Pow(2, -23), (System.Half)(1 + Math.Pow(2, -10)));
        (x[1], y[1], z[1]) = ((System.Half)1.0009765625, (System.Half)0.0004882812, (System.Half)1024);
        float[] wide = [.. x.Select((v, i) => (float)v * (1 + i * 0.0003f))];
        long[][] found = map.Run(fixture.Accelerator, Bits(x), Bits(y), Bits(z), wide);
        for (int i = 0; i < x.Length; i++)
        {
            // In 64 bits the product and, for these magnitudes, the sum are exact.
            double fused = (double)x[i] * (double)y[i] + (double)z[i];
            System.Half[] expected = [x[i] + y[i], x[i] - y[i], x[i] * y[i], x[i] / y[i], (System.Half)fused, -x[i], (System.Half)wide[i]];
            Assert.Equal(expected, found[..7].Select(result => BitConverter.UInt16BitsToHalf((ushort)result[i])));
            Assert.Equal(x[i] < y[i] ? 1 : 0, found[7][i]);
        }

        System.Half[] Numbers() =>
            [.. Enumerable.Range(0, 64).Select(_ => (System.Half)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-6, 6))))];

        static ushort[] Bits(System.Half[] values) => [.. values.Select(BitConverter.HalfToUInt16Bits)];
    }

    /// <summary>What the folder can compute of all operations on a type of floating point.</summary>
    private static void FloatingPoint(MapKernel map, IrType type)
    {
        (Value a, Value b, Value c) = (map.Inputs[0], map.Inputs[1], map.Inputs[2]);
        for (Opcode op = Opcode.FAdd; op <= Opcode.FMax; op++)
            map.Result(map.Add(new Instruction(op, type, a, b)));
        map.Result(map.Add(new Instruction(Opcode.FNeg, type, a)));
        map.Result(map.Add(new Instruction(Opcode.Fma, type, a, b, c)));
        for (CompareKind kind = CompareKind.FEq; kind <= CompareKind.FGeU; kind++)
            map.Result(map.Add(Instruction.Compare(kind, a, b)));
        for (MathFunction function = MathFunction.Abs; function <= MathFunction.Sqrt; function++)
            map.Result(map.Add(new Instruction(Opcode.Math, type, a) { Kind = (byte)function }));
        Value less = map.Add(Instruction.Compare(CompareKind.FLt, a, b));
        map.Result(map.Add(new Instruction(Opcode.Select, type, less, b, c)));
        foreach (IrType to in new[] { IrType.I8, IrType.I16, IrType.I32, IrType.I64 })
        {
            map.Result(map.Add(Instruction.Convert(ConvertKind.FloatToSigned, a, to)));
            map.Result(map.Add(Instruction.Convert(ConvertKind.FloatToUnsigned, a, to)));
        }
        map.Result(map.Add(Instruction.Convert(ConvertKind.Bitcast, a, type == IrType.F32 ? IrType.I32 : IrType.I64)));
    }

    private static void Compare(MapKernel map, long[][] found, Constant[][] inputs)
    {
        for (int result = 0; result < map.Results.Count; result++)
        {
            for (int thread = 0; thread < inputs[0].Length; thread++)
            {
                Constant expected = Evaluate(map.Results[result], thread);
                var actual = new Constant(expected.Type, found[result][thread]);
                // NaN has many bit patterns; the order of zeros is open in minimum and maximum.
                bool same = expected.Type.IsFloat
                    ? expected.Float.Equals(actual.Float)
                        && (expected.Float != 0 || expected.Bits == actual.Bits || IsMinMax(map.Results[result]))
                    : expected.Bits == actual.Bits;
                string operands = string.Join(", ", inputs.Select(values => values[thread]));
                Assert.True(same, $"{Describe(map.Results[result])}({operands}) = {actual}, expected {expected}");
            }
        }

        Constant Evaluate(Value value, int thread)
        {
            if (value is Constant constant)
                return constant;
            int input = Array.IndexOf(map.Inputs, value);
            if (input >= 0)
                return inputs[input][thread];
            var instruction = (Instruction)value;
            Value[] operands = [.. instruction.Operands.Select(operand => Evaluate(operand, thread))];
            return Fold.TryEvaluate(instruction, operands) ?? throw new InvalidOperationException($"{Describe(value)} has no value.");
        }

        static bool IsMinMax(Value value) => value is Instruction { Op: Opcode.FMin or Opcode.FMax };

        static string Describe(Value value) => value is Instruction i ? $"{i.Op}.{IrPrinter.Variant(i)}: {i.Type}" : value.ToString()!;
    }

    private static Constant[] Constants(IrType type, long[] values) => [.. values.Select(value => new Constant(type, value))];

    private static T[] Rotated<T>(T[] values, int by) => [.. values[by..], .. values[..by]];
}
