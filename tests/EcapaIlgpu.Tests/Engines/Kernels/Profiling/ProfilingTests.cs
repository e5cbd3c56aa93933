using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Engines.Kernels.Profiling;
using EcapaIlgpu.Kernels;
using EcapaIlgpu.Model;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Tests.Engines.Kernels.Profiling;

/// <summary>A profile of a small network on the CPU accelerator, and what is written of it.</summary>
public class ProfilingTests(ProfilingTests.Profiled profiled) : IClassFixture<ProfilingTests.Profiled>
{
    /// <summary>Every kernel between samples and an embedding with attentive pooling.</summary>
    private static readonly string[] ForwardKernels =
    [
        "AttentiveStatistics.Chunks", "AttentiveStatistics.Pool", "ConvReluBn k=1", "ConvReluBn k=5", "Filterbank", "Res2Chain",
        "SqueezeExcite.Gate", "SqueezeExcite.ScaleAndAdd", "TimeMoments.Chunks", "TimeMoments.Utterances", "UtteranceLinear",
    ];

    private NetworkProfile Profile => profiled.Profile;

    [Fact]
    public void Every_kernel_of_a_forward_is_there_once_and_slowest_first()
    {
        Assert.Equal(ForwardKernels, Profile.Kernels.Select(kernel => kernel.Name).Order(StringComparer.Ordinal));
        Assert.Equal(Profile.Kernels.Select(kernel => kernel.Seconds).OrderDescending(), Profile.Kernels.Select(kernel => kernel.Seconds));
        Assert.All(Profile.Kernels, kernel => Assert.True(kernel is { Operations: > 0, Bytes: > 0, Seconds: > 0 }, kernel.ToString()));
        Assert.Equal(1, Profile.Total.Share, 1e-12);
    }

    [Fact]
    public void Launches_are_in_order_and_add_up_to_the_kernels()
    {
        Assert.Equal(Profile.Total.Launches, Profile.Launches.Count);
        Assert.Equal(TimeSpan.Zero, Profile.Launches[0].Start);
        Assert.All(
            Profile.Launches.Zip(Profile.Launches.Skip(1)),
            pair =>
                Assert.True(pair.Second.Start >= pair.First.Start + pair.First.Duration, $"{pair.Second} before the end of {pair.First}"));
        Assert.Equal(Profile.Launches.Sum(launch => launch.Cost.Operations), Profile.Total.Operations, 1e-3);
        Assert.Equal(
            ["conv", "features", "layer1", "layer2", "layer3", "layer4", "linear", "pool"],
            Profile.Launches.Select(l => l.Cost.Stage).Distinct().Order());
    }

    [Fact]
    public void Medians_and_shares_are_taken_over_the_runs()
    {
        static LaunchTime Launch(string kernel, int milliseconds) =>
            new(new LaunchCost(kernel, "", 10, 20), default, TimeSpan.FromMilliseconds(milliseconds));
        IReadOnlyList<KernelProfile> kernels = NetworkProfiler.Summarise(
        [
            [Launch("a", 1), Launch("b", 7), Launch("a", 2)],
            [Launch("a", 90), Launch("b", 9), Launch("a", 10)],
            [Launch("a", 1), Launch("b", 90), Launch("a", 0)],
        ]);
        Assert.Equal(
            [("b", 1, 0.009, 0.75), ("a", 2, 0.003, 0.25)],
            kernels.Select(k => (k.Name, k.Launches, Math.Round(k.Seconds, 9), Math.Round(k.Share, 9))));
        Assert.Equal([10.0, 20.0], kernels.Select(kernel => kernel.Operations));
        Assert.Equal(20 / 0.003, kernels[1].OperationsPerSecond, 1e-6);
    }

    [Fact]
    public void The_json_says_all_that_was_measured()
    {
        using JsonDocument document = JsonDocument.Parse(Written(json => ProfileJson.Write(json, Profile)));
        JsonElement root = document.RootElement;
        Assert.Equal("cpu-kernels", root.GetProperty("device").GetString());
        Assert.Equal(Profile.Date, root.GetProperty("date").GetDateTimeOffset());
        Assert.Equal(Profile.Ceilings.BytesPerSecond, root.GetProperty("ceilings").GetProperty("bytes_per_second").GetDouble());
        JsonElement[] kernels = [.. root.GetProperty("kernels").EnumerateArray()];
        Assert.Equal(Profile.Kernels.Select(kernel => kernel.Name), kernels.Select(kernel => kernel.GetProperty("kernel").GetString()));
        Assert.Equal(1, kernels.Sum(kernel => kernel.GetProperty("share").GetDouble()), 1e-9);
        Assert.All(kernels, kernel => Assert.Equal(
            kernel.GetProperty("operations").GetDouble() / kernel.GetProperty("seconds").GetDouble() / Profile.Ceilings.OperationsPerSecond,
            kernel.GetProperty("share_of_operations_ceiling").GetDouble(), 1e-9));
    }

    [Fact]
    public void A_total_of_kernels_with_several_ceilings_is_held_against_all_of_them()
    {
        // 3 s at the ceilings of their own, in 6 s.
        KernelProfile plain = new("plain", 1, 2, 0.5, 1e9, 1), tensor = new("tensor", 1, 4, 0.5, 40e9, 1, Precision.Tf32x3);
        DeviceCeilings ceilings = new(1e9, 1) { TensorOperationsPerSecond = new Dictionary<Precision, double> { [Precision.Tf32] = 60e9 } };
        NetworkProfile profile = Profile with { Ceilings = ceilings, Kernels = [plain, tensor] };
        Assert.Equal(0.5, profile.Total.OperationsPerSecond / profile.TotalCeiling.PerSecond, 1e-9);
        Assert.Equal(new OperationsCeiling("tf32 / 3", 20e9), (profile with { Kernels = [tensor, tensor] }).TotalCeiling);
    }

    [Fact]
    public void The_trace_has_one_complete_event_for_each_launch_on_a_named_track()
    {
        using JsonDocument document = JsonDocument.Parse(Written(json => ChromeTrace.Write(json, Profile)));
        ILookup<string, JsonElement> events = document.RootElement.GetProperty("traceEvents").EnumerateArray()
            .ToLookup(e => e.GetProperty("ph").GetString()!);
        Assert.Equal(["process_name", "thread_name"], events["M"].Select(e => e.GetProperty("name").GetString()));
        Assert.Equal(Profile.Launches.Select(launch => launch.Cost.Kernel), events["X"].Select(e => e.GetProperty("name").GetString()));
        Assert.Equal(
            Profile.Launches.Select(launch => launch.Duration.TotalMicroseconds),
            events["X"].Select(e => e.GetProperty("dur").GetDouble()));
        Assert.All(events["X"], e => Assert.True(
            e.GetProperty("args").GetProperty("operations").GetDouble() > 0
                && e.GetProperty("ts").GetDouble() >= 0 && e.GetProperty("tid").GetInt32() == 1));
    }

    [Fact]
    public void The_roofline_has_a_dot_and_a_label_for_each_kernel_inside_the_picture()
    {
        // A name that would break the file if it were not escaped.
        XElement svg = Roofline(Profile with { DeviceName = "R&D <GPU>" });
        XNamespace ns = svg.Name.Namespace;
        Assert.Contains("R&D <GPU>", svg.Element(ns + "title")!.Value, StringComparison.Ordinal);
        string[] labels = [.. svg.Elements(ns + "text").Select(text => text.Value)];
        Assert.All(ForwardKernels, name => Assert.Single(labels, label => label.StartsWith(name + " ·", StringComparison.Ordinal)));
        Assert.Single(labels, label => label.StartsWith("copy probe", StringComparison.Ordinal));
        Assert.Single(labels, label => label.StartsWith("multiply-add probe", StringComparison.Ordinal));
        Assert.Equal(ForwardKernels.Length, svg.Elements(ns + "circle").Count());
        double width = Number(svg, "width"), height = Number(svg, "height");
        Assert.All(svg.Elements(ns + "circle"), dot => Assert.True(
            Number(dot, "cx") > 0 && Number(dot, "cx") < width && Number(dot, "cy") > 0 && Number(dot, "cy") < height, dot.ToString()));
    }

    [Fact]
    public void Dots_lie_higher_and_farther_right_the_more_operations()
    {
        KernelProfile slow = new("slow", 1, 1, 0.5, 1e9, 1e9), fast = new("fast", 1, 1, 0.5, 8e9, 1e9), none = new("none", 1, 0, 0, 0, 0);
        XElement svg = Roofline(Profile with { Ceilings = new DeviceCeilings(1e11, 1e10), Kernels = [slow, fast, none] });
        XElement[] dots = [.. svg.Elements(svg.Name.Namespace + "circle")];
        Assert.Equal(2, dots.Length);
        Assert.True(Number(dots[1], "cx") > Number(dots[0], "cx") && Number(dots[1], "cy") < Number(dots[0], "cy"), $"{dots[0]} {dots[1]}");
    }

    [Fact]
    public void Probes_measure_the_cpu_accelerator() => CheckCeilings("cpu-kernels");

    [NeedsFact(typeof(OpenClDevice))]
    public void Probes_measure_opencl() => CheckCeilings("opencl");

    [NeedsFact(typeof(NvidiaGpu))]
    public void Probes_measure_cuda() => CheckCeilings("cuda");

    [Fact]
    public void Probes_compute_what_they_say()
    {
        using DeviceSession session = KernelDevice.Named("cpu-kernels").Open();
        CheckProbes(session.Accelerator);
    }

    internal static void CheckProbes(Accelerator accelerator)
    {
        using AcceleratorStream stream = accelerator.CreateStream();
        const int Rounds = 3, Sums = 4;
        using MemoryBuffer1D<float, Stride1D.Dense> output = accelerator.Allocate1D<float>(MultiplyAddProbe.Threads);
        accelerator.LoadKernel<ArrayView<float>, float, float, int, SpecializedValue<int>>(MultiplyAddProbe.Kernel)(
            stream, new KernelConfig(1, MultiplyAddProbe.Threads), output.View.BaseView, 0.75f, 0.5f, Rounds,
            new SpecializedValue<int>(Sums));
        float[] totals = new float[MultiplyAddProbe.Threads];
        output.View.BaseView.CopyToCPU(stream, totals);
        // x -> 0.75 x + 0.5 draws x towards 2 by a quarter of the way each time.
        double left = Math.Pow(0.75, Rounds * MultiplyAddProbe.Unrolled);
        for (int thread = 0; thread < totals.Length; thread++)
            Assert.Equal(Enumerable.Range(thread, Sums).Sum(start => 2 + ((start - 2) * left)), totals[thread], 1e-4);

        Float4[] quads = [.. Enumerable.Range(0, 2 * CopyProbe.QuadsPerGroup).Select(i => new Float4(i, -i, i + 0.5f, 1))];
        using MemoryBuffer1D<Float4, Stride1D.Dense> source = accelerator.Allocate1D(quads);
        using MemoryBuffer1D<Float4, Stride1D.Dense> target = accelerator.Allocate1D<Float4>(quads.Length);
        accelerator.LoadKernel<ArrayView<Float4>, ArrayView<Float4>>(CopyProbe.Kernel)(
            stream, new KernelConfig(2, CopyProbe.Threads), source.View.BaseView, target.View.BaseView);
        Float4[] copied = new Float4[quads.Length];
        target.View.BaseView.CopyToCPU(stream, copied);
        Assert.Equal(quads, copied);
    }

    private static void CheckCeilings(string device)
    {
        using DeviceSession open = KernelDevice.Named(device).Open();
        DeviceCeilings ceilings = DeviceCeilings.Measure(open.Accelerator, [Precision.Fp32], copyBytes: 1 << 22, leastSeconds: 1e-4);
        // A million times slower or faster than any device: wrong by its units.
        Assert.InRange(ceilings.OperationsPerSecond, 1e6, 1e17);
        Assert.InRange(ceilings.BytesPerSecond, 1e6, 1e17);
        Assert.Empty(ceilings.TensorOperationsPerSecond);
    }

    internal static byte[] Written(Action<Utf8JsonWriter> write)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
            write(json);
        return stream.ToArray();
    }

    internal static XElement Roofline(NetworkProfile profile)
    {
        using MemoryStream stream = new();
        RooflinePlot.Write(stream, profile);
        return XDocument.Parse(Encoding.UTF8.GetString(stream.ToArray())).Root!;
    }

    internal static double Number(XElement element, string attribute) =>
        double.Parse(element.Attribute(attribute)!.Value, CultureInfo.InvariantCulture);

    /// <summary>One profile for all tests: its runs are what takes time.</summary>
    public sealed class Profiled
    {
        private readonly Lazy<NetworkProfile> _profile = new(() =>
        {
            using DeviceSession session = DeviceSelector.Open("cpu-kernels");
            EcapaConfig config = new() { Channels = 32, EmbeddingSize = 24, GlobalContext = true };
            return NetworkProfiler.Profile(
                session, "cpu-kernels", Precision.Fp32, RandomModels.Create(config, 1), "random weights", SampleBatch.Noise(2, 20), 2,
                new DeviceCeilings(1e12, 1e11));
        });

        internal NetworkProfile Profile => _profile.Value;
    }
}
