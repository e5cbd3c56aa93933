using ILGPU.Compiler.IR;

namespace ILGPU.Tests.Ptx;

/// <summary>
/// How far functions are from the true value, in units of the last place. They are made of correctly rounded operations, so what is
/// measured here is what every GPU computes.
/// </summary>
public class MathAccuracyTests
{
    private static readonly (MathFunction Function, Func<double, double> Exact, double Low, double High, double Ulps)[] Singles =
    [
        (MathFunction.Exp, Math.Exp, -104, 89, 1.0),
        (MathFunction.Exp, Math.Exp, -1, 1, 1.0),
        (MathFunction.Exp2, x => Math.Pow(2, x), -150, 128, 1.0),
        (MathFunction.Log, Math.Log, 1e-45, 3.4e38, 1.0),
        (MathFunction.Log, Math.Log, 0.5, 2, 1.0),
        (MathFunction.Log2, Math.Log2, 1e-45, 3.4e38, 2.0),
        (MathFunction.Log2, Math.Log2, 0.5, 2, 2.0),
        (MathFunction.Log10, Math.Log10, 1e-45, 3.4e38, 2.0),
        (MathFunction.Log10, Math.Log10, 0.5, 2, 2.0),
        (MathFunction.Tanh, Math.Tanh, -10, 10, 1.5),
        (MathFunction.Tanh, Math.Tanh, -0.7, 0.7, 1.5),
        (MathFunction.Rcp, x => 1 / x, 1e-38, 1e38, 0.5),
        (MathFunction.Rsqrt, x => 1 / Math.Sqrt(x), 1e-45, 3.4e38, 1.5),
        (MathFunction.Sin, Math.Sin, -1e5, 1e5, 0.501),
        (MathFunction.Cos, Math.Cos, -1e5, 1e5, 0.501),
        (MathFunction.Sin, Math.Sin, -1, 1, 0.501),
        (MathFunction.Tan, Math.Tan, -3, 3, 0.501),
    ];

    private static readonly (MathFunction Function, Func<double, double> Exact, double Low, double High, double Ulps)[] Doubles =
    [
        (MathFunction.Exp, Math.Exp, -708, 709, 2),
        (MathFunction.Log, Math.Log, 1e-300, 1e300, 2),
        (MathFunction.Log, Math.Log, 0.5, 2, 2),
        (MathFunction.Log2, Math.Log2, 0.5, 1e9, 3),
        (MathFunction.Log10, Math.Log10, 0.5, 1e9, 3),
        (MathFunction.Tanh, Math.Tanh, -20, 20, 3),
        (MathFunction.Sin, Math.Sin, -1e4, 1e4, 2),
        (MathFunction.Cos, Math.Cos, -1e4, 1e4, 2),
        (MathFunction.Rsqrt, x => 1 / Math.Sqrt(x), 1e-300, 1e300, 2.5),
    ];

    public static TheoryData<string, int> SingleCases
    {
        get
        {
            var data = new TheoryData<string, int>();
            for (int i = 0; i < Singles.Length; i++)
                data.Add(Singles[i].Function.ToString(), i);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(SingleCases))]
    public void Of_f32_is_within(string function, int index)
    {
        (MathFunction kind, Func<double, double> exact, double low, double high, double bound) = Singles[index];
        Assert.Equal(function, kind.ToString());
        double[] arguments = [.. Arguments(low, high, 16 * 1024).Select(x => (double)(float)x)];
        double[] results = Evaluate(IrType.F32, kind, arguments);
        (double worst, int at) = Worst(arguments, results, exact, value => Ulp((float)value));
        Assert.True(worst <= bound, $"{function}({arguments[at]:R}) = {results[at]:R}, {worst:F3} ulp from {exact(arguments[at]):R}");
    }

    [Fact]
    public void Of_f64_is_within_the_bounds()
    {
        foreach ((MathFunction kind, Func<double, double> exact, double low, double high, double bound) in Doubles)
        {
            double[] arguments = Arguments(low, high, 4 * 1024);
            double[] results = Evaluate(IrType.F64, kind, arguments);
            // The host's function is itself within a unit.
            (double worst, int at) = Worst(arguments, results, exact, value => Math.BitIncrement(Math.Abs(value)) - Math.Abs(value));
            Assert.True(worst <= bound + 0.5, $"{kind}({arguments[at]:R}) = {results[at]:R}, {worst:F3} ulp from {exact(arguments[at]):R}");
        }
    }

    [Fact]
    public void Special_values_are_those_of_IEEE_754()
    {
        double[] x = [0.0, -0.0, double.PositiveInfinity, double.NegativeInfinity, double.NaN, 1, -1, 1e30, -1e30, 1e-45];
        foreach ((MathFunction kind, Func<double, double> exact, _, _, _) in Singles)
        {
            bool isPeriodic = kind is MathFunction.Sin or MathFunction.Cos or MathFunction.Tan;
            double[] results = Evaluate(IrType.F32, kind, [.. x.Select(value => (double)(float)value)]);
            for (int i = 0; i < x.Length; i++)
            {
                // Beyond 2^30 these are not promised to be exact.
                if (isPeriodic && double.IsFinite(x[i]) && Math.Abs(x[i]) > 1 << 30)
                    continue;
                float expected = (float)exact((float)x[i]), found = (float)results[i];
                Assert.True(
                    expected.Equals(found) || Math.Abs(expected - found) <= 2 * Ulp(expected),
                    $"{kind}({x[i]}): expected {expected}, found {found}");
                Assert.Equal(float.IsNegative(expected) && expected == 0, float.IsNegative(found) && found == 0);
            }
        }
    }

    [Fact]
    public void Pow_and_Atan2_follow_the_host()
    {
        double[] values =
            [0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 2.7, -2.7, 1e-3, 1e5, double.PositiveInfinity, double.NegativeInfinity, double.NaN];
        foreach (IrType type in (IrType[])[IrType.F32, IrType.F64])
        {
            (MathFunction, Func<double, double, double>)[] functions = [(MathFunction.Pow, Math.Pow), (MathFunction.Atan2, Math.Atan2)];
            foreach ((MathFunction kind, Func<double, double, double> exact) in functions)
            {
                double[] a = [.. values.SelectMany(_ => values).Select(v => Round(type, v))];
                double[] b = [.. values.SelectMany(v => Enumerable.Repeat(Round(type, v), values.Length))];
                double[] results = Evaluate(type, kind, a, b);
                for (int i = 0; i < a.Length; i++)
                {
                    double expected = Round(type, exact(a[i], b[i]));
                    double tolerance = (type == IrType.F32 ? 1.2e-7 : 5e-15) * Math.Abs(expected);
                    Assert.True(
                        expected.Equals(results[i]) || Math.Abs(expected - results[i]) <= tolerance,
                        $"{kind} of {type} ({a[i]}, {b[i]}): expected {expected:R}, found {results[i]:R}");
                }
            }
        }
    }

    private static double Round(IrType type, double value) => type == IrType.F32 ? (float)value : value;

    /// <summary>Numbers over a range, evenly and, where the range has one sign, also by orders of magnitude; repeatable.</summary>
    private static double[] Arguments(double low, double high, int count)
    {
        var random = new Random(5);
        return [.. Enumerable.Range(0, count).Select(i => i % 2 == 0 && low > 0
            ? Math.Exp(Math.Log(low) + random.NextDouble() * (Math.Log(high) - Math.Log(low)))
            : low + random.NextDouble() * (high - low))];
    }

    private static float Ulp(float value) =>
        float.IsFinite(value) ? MathF.BitIncrement(MathF.Abs(value)) - MathF.Abs(value) : 0;

    private static (double Ulps, int At) Worst(double[] arguments, double[] results, Func<double, double> exact, Func<double, double> ulp)
    {
        (double worst, int at) = (0, 0);
        for (int i = 0; i < arguments.Length; i++)
        {
            double expected = exact(arguments[i]);
            double error = results[i].Equals(expected) ? 0 : Math.Abs(results[i] - expected) / ulp(expected);
            // A result rounded to infinity is right where the true value rounds there too.
            if (double.IsInfinity(results[i]) && ulp(expected) == 0)
                error = 0;
            if (!(error <= worst))
                (worst, at) = (error, i);
        }
        return (worst, at);
    }

    private static double[] Evaluate(IrType type, MathFunction function, params double[][] arguments)
    {
        using var gpu = new EmulatedGpuTest();
        int count = arguments[0].Length, threads = Math.Min(count, 512);
        var results = new List<double>();
        var kernel = new OperationKernel();
        Value[] operands = [.. arguments.Select(_ => kernel.Operand(type))];
        kernel.Results(kernel.Add(new Instruction(Opcode.Math, type, operands) { Kind = (byte)function }));
        IrKernel finished = kernel.Finish();
        for (int start = 0; start < count; start += threads)
        {
            int length = Math.Min(threads, count - start);
            long[][] bits =
                [.. arguments.Select(a => a.AsSpan(start, length).ToArray().Select(x => Constant.FromDouble(type, x).Bits).ToArray())];
            results.AddRange(OperationKernel.Run(gpu.Accelerator, finished, [.. arguments.Select(_ => type)], bits, type, 1)
                .Select(result => new Constant(type, result).Float));
        }
        return [.. results];
    }
}
