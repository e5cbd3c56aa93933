using System.Text.Json;
using System.Xml.Linq;
using CudaEmulation;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Engines.Kernels.Profiling;
using EcapaIlgpu.Kernels;
using EcapaIlgpu.Model;
using EcapaIlgpu.Tests.Engines.Kernels.Profiling;
using ILGPU;
using ILGPU.Beyond;
using ILGPU.Runtime;

namespace EcapaIlgpu.Tests.Engines.Kernels.Beyond;

/// <summary>Profiles of what the package ILGPU does not have: tensor cores and graphs.</summary>
public class TensorProfileTests
{
    private static readonly EcapaConfig Config = new() { Channels = 32, EmbeddingSize = 24, GlobalContext = true };

    [Fact]
    public void The_probe_computes_what_it_says_on_the_cpu_accelerator()
    {
        using DeviceSession session = KernelDevice.Named("cpu-kernels").Open();
        CheckProbe(session.Accelerator);
    }

    [Fact]
    public void The_probe_computes_what_it_says_on_the_emulated_gpu()
    {
        using EmulatedCuda cuda = new();
        CheckProbe(cuda.Accelerator);
    }

    [NeedsFact(typeof(NvidiaGpu))]
    public void The_probe_computes_what_it_says_on_cuda()
    {
        using DeviceSession session = KernelDevice.Named("cuda").Open();
        CheckProbe(session.Accelerator);
    }

    [Fact]
    public void Every_format_is_measured_once_and_no_other()
    {
        using DeviceSession session = KernelDevice.Named("cpu-kernels").Open();
        DeviceCeilings ceilings = DeviceCeilings.Measure(
            session.Accelerator, [Precision.Tf32x3, Precision.Fp32, Precision.Tf32, Precision.Fp16], 1 << 20, 1e-4);
        Assert.Equal([Precision.Tf32, Precision.Fp16], ceilings.TensorOperationsPerSecond.Keys.Order());
        Assert.All(ceilings.TensorOperationsPerSecond.Values, rate => Assert.InRange(rate, 1e6, 1e17));
    }

    [Theory]
    [InlineData(Precision.Fp32, new Precision[0])]
    [InlineData(Precision.Tf32x3, new[] { Precision.Tf32x3 })]
    [InlineData(Precision.Tf32, new[] { Precision.Tf32 })]
    [InlineData(Precision.Bf16, new[] { Precision.Tf32, Precision.Bf16 })]
    [InlineData(Precision.Fp16, new[] { Precision.Tf32, Precision.Fp16 })]
    public void Kernels_on_tensor_cores_are_held_against_these_and_the_others_against_float32(Precision precision, Precision[] multiplied)
    {
        NetworkProfile profile = Profile(precision, 2);
        ILookup<Precision, string> kernels = profile.Kernels.ToLookup(kernel => kernel.Multiplied, kernel => kernel.Name);
        Assert.Equal(multiplied, kernels.Select(format => format.Key).Where(format => format != Precision.Fp32).Order());
        Assert.DoesNotContain(kernels[Precision.Fp32], name => name.StartsWith("Tensor", StringComparison.Ordinal));
        if (precision is Precision.Bf16 or Precision.Fp16)
            Assert.Equal(["TensorConv k=5"], kernels[Precision.Tf32]);
        // Measured here, on a device that computes nothing: whatever the rates are, each row says which one it is held against.
        IReadOnlyDictionary<Precision, double> rates = profile.Ceilings.TensorOperationsPerSecond;
        Assert.Equal(multiplied.Select(format => format == Precision.Tf32x3 ? Precision.Tf32 : format), rates.Keys.Order());
        using JsonDocument json = JsonDocument.Parse(ProfilingTests.Written(writer => ProfileJson.Write(writer, profile)));
        foreach ((KernelProfile kernel, JsonElement row) in profile.Kernels.Zip(json.RootElement.GetProperty("kernels").EnumerateArray()))
        {
            (string name, double perSecond) = kernel.Multiplied switch
            {
                Precision.Fp32 => ("fp32", profile.Ceilings.OperationsPerSecond),
                Precision.Tf32x3 => ("tf32 / 3", rates[Precision.Tf32] / 3),
                _ => (kernel.Multiplied.Name(), rates[kernel.Multiplied]),
            };
            Assert.Equal(name, row.GetProperty("operations_ceiling").GetString());
            Assert.Equal(kernel.OperationsPerSecond / perSecond, row.GetProperty("share_of_operations_ceiling").GetDouble(), 1e-9);
        }
    }

    [Fact]
    public void The_roofline_has_a_roof_for_each_ceiling_and_a_lower_one_lies_lower()
    {
        Dictionary<Precision, double> rates = new() { [Precision.Tf32] = 18e12, [Precision.Bf16] = 20e12 };
        DeviceCeilings ceilings = new(1e12, 1e11) { TensorOperationsPerSecond = rates };
        XElement svg = ProfilingTests.Roofline(Profile(Precision.Bf16, 2) with { Ceilings = ceilings });
        IEnumerable<XElement> texts = svg.Elements(svg.Name.Namespace + "text");
        double Height(string label) => ProfilingTests.Number(texts.Single(text => text.Value == $"{label} GFLOP/s"), "y");
        double[] heights =
            [Height("tensor probe, bf16: 20,000"), Height("tensor probe, tf32: 18,000"), Height("multiply-add probe: 1,000")];
        // Two that lie close to each other leave room for both their words.
        Assert.True(heights[1] > heights[0] + 13 && heights[2] > heights[1] + 13, string.Join(' ', heights));
    }

    [Fact]
    public void One_utterance_is_profiled_by_launches_and_timed_by_its_graph_besides()
    {
        const int Runs = 2;
        using EmulatedCuda cuda = Idle();
        NetworkProfile one = Profile(cuda, Precision.Fp32, 1, Runs, new DeviceCeilings(1e12, 1e11));
        // The runs that are compared, and the one that makes the graph.
        Assert.Equal(one.Launches.Count * (NetworkProfiler.WarmUpRuns + (2 * Runs) + 1), cuda.Driver.LaunchCalls);
        Assert.Equal(1 + Runs, cuda.Driver.GraphLaunches);
        Assert.True(one.GraphRunSeconds is (double least, double median, double most) && 0 < least && least <= median && median <= most);
        using JsonDocument json = JsonDocument.Parse(ProfilingTests.Written(writer => ProfileJson.Write(writer, one)));
        Assert.Equal(one.GraphRunSeconds!.Value.Median, json.RootElement.GetProperty("graph_run_seconds").GetDouble());

        NetworkProfile two = Profile(cuda, Precision.Fp32, 2, Runs, new DeviceCeilings(1e12, 1e11));
        Assert.Null(two.GraphRunSeconds);
        Assert.Equal(1 + Runs, cuda.Driver.GraphLaunches);
    }

    /// <summary>A GPU that queues kernels and computes none, with little memory to copy.</summary>
    private static EmulatedCuda Idle()
    {
        EmulatedCuda cuda = new(new EmulatedGpu { MemoryBytes = 128 << 20 });
        cuda.Driver.SkipsKernels = true;
        return cuda;
    }

    /// <summary>The profile of a GPU on which each kernel takes a millisecond.</summary>
    private static NetworkProfile Profile(Precision precision, int utterances)
    {
        using EmulatedCuda cuda = Idle();
        NetworkProfile profile = Profile(cuda, precision, utterances, 1, null);
        // What was not computed took no time that could be told from none.
        return profile with { Kernels = [.. profile.Kernels.Select(kernel => kernel with { Seconds = 1e-3 })] };
    }

    private static NetworkProfile Profile(EmulatedCuda cuda, Precision precision, int utterances, int runs, DeviceCeilings? ceilings) =>
        NetworkProfiler.Profile(
            cuda.Session, "cuda", precision, RandomModels.Create(Config, 1), "random weights", SampleBatch.Noise(utterances, 20), runs,
            ceilings);

    /// <summary>Small whole numbers, which every format has and whose sums are exact.</summary>
    private static void CheckProbe(Accelerator accelerator)
    {
        const int Rounds = 3, Chains = 4, Steps = Rounds * TensorProbe.Unrolled;
        static float Row(int row, int k) => ((row + (2 * k)) % 5) - 2;
        static float Column(int k, int column) => (((3 * k) + column) % 7) - 3;
        using AcceleratorStream stream = accelerator.CreateStream();
        foreach (TensorFormat format in (TensorFormat[])[TensorFormat.Tf32, TensorFormat.Bf16, TensorFormat.Half])
        {
            int depth = format == TensorFormat.Tf32 ? 8 : 16;
            Assert.Equal(2 * 16 * 8 * depth, TensorProbe.Operations(format));
            MatrixRegisters[] registers = new MatrixRegisters[2 * WarpMatrix.Lanes];
            for (int lane = 0; lane < WarpMatrix.Lanes; lane++)
            {
                int major = lane / 4, first = lane % 4 * (depth / 8), next = first + (depth / 2);
                registers[lane] = new(
                    Register(format, k => Row(major, first + k)), Register(format, k => Row(major + 8, first + k)),
                    Register(format, k => Row(major, next + k)), Register(format, k => Row(major + 8, next + k)));
                registers[WarpMatrix.Lanes + lane] = new(
                    Register(format, k => Column(first + k, major)), Register(format, k => Column(next + k, major)), -1, -1);
            }
            using MemoryBuffer1D<MatrixRegisters, Stride1D.Dense> operands = accelerator.Allocate1D(registers);
            using MemoryBuffer1D<MatrixSums, Stride1D.Dense> output = accelerator.Allocate1D<MatrixSums>(2 * TensorProbe.Threads);
            accelerator.Synchronize();
            var kernel = accelerator.LoadKernel<ArrayView<MatrixSums>, ArrayView<MatrixRegisters>, int, SpecializedValue<TensorProbeForm>>(
                TensorProbe.Kernel);
            kernel(
                stream, new KernelConfig(2, TensorProbe.Threads), output.View.BaseView, operands.View.BaseView, Rounds,
                new SpecializedValue<TensorProbeForm>(new TensorProbeForm(format, Chains)));
            MatrixSums[] found = new MatrixSums[2 * TensorProbe.Threads];
            output.View.BaseView.CopyToCPU(stream, found);
            stream.Synchronize();
            for (int thread = 0; thread < found.Length; thread++)
            {
                int row = thread % WarpMatrix.Lanes / 4, column = thread % 4 * 2;
                float Product(int r, int c) => Enumerable.Range(0, depth).Sum(k => Row(r, k) * Column(k, c));
                float Expected(int r, int c) => Enumerable.Range(0, Chains).Sum() + (Chains * Steps * Product(r, c));
                Assert.Equal(
                    (Expected(row, column), Expected(row, column + 1), Expected(row + 8, column), Expected(row + 8, column + 1)),
                    (found[thread].S0, found[thread].S1, found[thread].S2, found[thread].S3));
            }
        }
    }

    /// <summary>One number of 32 bits, or two of 16, the first in the lower half.</summary>
    private static int Register(TensorFormat format, Func<int, float> number) => format switch
    {
        TensorFormat.Tf32 => BitConverter.SingleToInt32Bits(number(0)),
        TensorFormat.Bf16 => (BitConverter.SingleToInt32Bits(number(0)) >>> 16) | (BitConverter.SingleToInt32Bits(number(1)) & ~0xFFFF),
        _ => BitConverter.HalfToUInt16Bits((System.Half)number(0)) | (BitConverter.HalfToUInt16Bits((System.Half)number(1)) << 16),
    };
}
