using EcapaIlgpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <summary>The most operations a second that a kernel is held against.</summary>
/// <param name="Name">What is multiplied, for people.</param>
/// <param name="PerSecond">Operations, a multiply-add as two.</param>
internal readonly record struct OperationsCeiling(string Name, double PerSecond);

/// <summary>What a device reaches at most, measured on it by kernels that do nothing else.</summary>
/// <param name="OperationsPerSecond">Float32 operations, a fused multiply-add as two.</param>
/// <param name="BytesPerSecond">Bytes read and written by a copy that no cache holds.</param>
internal sealed partial record DeviceCeilings(double OperationsPerSecond, double BytesPerSecond)
{
    /// <summary>Operations a second of tensor cores, for each format that was measured; a multiply-add as two.</summary>
    public IReadOnlyDictionary<Precision, double> TensorOperationsPerSecond { get; init; } = new Dictionary<Precision, double>();

    /// <summary>Ten times the cache of an H200, the largest of NVIDIA's: what is copied comes from memory.</summary>
    public const long CopyBytes = 512L << 20;

    /// <summary>Launches of each probe; the fastest counts, since a ceiling is what nothing passes.</summary>
    private const int Launches = 8;

    /// <summary>Groups for each unit of the device: full to the last even where units take many groups at once.</summary>
    private const int GroupsPerUnit = 32;

    /// <summary>Sums of a thread that are tried: few where latency is short and registers are few, many where it is long.</summary>
    private static readonly int[] Sums = [4, 8, 16];

    /// <summary>What a kernel is held against that multiplies so on tensor cores, or with float32 without them.</summary>
    /// <exception cref="KeyNotFoundException">It was not measured.</exception>
    public OperationsCeiling Of(Precision multiplied) => multiplied switch
    {
        Precision.Fp32 => new("fp32", OperationsPerSecond),
        // Three products where the network has one.
        Precision.Tf32x3 => new("tf32 / 3", TensorOperationsPerSecond[Precision.Tf32] / 3),
        _ => new(multiplied.Name(), TensorOperationsPerSecond[multiplied]),
    };

    /// <summary>Measures a device.</summary>
    /// <param name="accelerator">The device; its context has profiling enabled.</param>
    /// <param name="multiplied">What kernels multiply on tensor cores; float32 among them stands for those that do without.</param>
    /// <param name="copyBytes">Size of the copy, halved until it fits the device.</param>
    /// <param name="leastSeconds">A launch of a computing probe is lengthened until it takes this long, so that the clock and the launch
    /// itself do not count.</param>
    /// <exception cref="DeviceMemoryException">Not even a small copy fits.</exception>
    public static DeviceCeilings Measure(
        Accelerator accelerator, IEnumerable<Precision> multiplied, long copyBytes = CopyBytes, double leastSeconds = 0.01)
    {
        using AcceleratorStream stream = accelerator.CreateStream();
        IEnumerable<Precision> formats = multiplied.Select(format => format == Precision.Tf32x3 ? Precision.Tf32 : format);
        Dictionary<Precision, double> tensor = [];
        MeasureTensorCores(accelerator, stream, formats.Where(format => format != Precision.Fp32).Distinct(), leastSeconds, tensor);
        return new(Sums.Max(sums => MultiplyAddRate(accelerator, stream, sums, leastSeconds)), CopyRate(accelerator, stream, copyBytes))
        {
            TensorOperationsPerSecond = tensor,
        };
    }

    /// <summary>Adds the rates of formats that tensor cores multiply.</summary>
    static partial void MeasureTensorCores(
        Accelerator accelerator, AcceleratorStream stream, IEnumerable<Precision> formats, double leastSeconds,
        Dictionary<Precision, double> rates);

    /// <summary>The most operations a second that <see cref="MultiplyAddProbe"/> reaches.</summary>
    private static double MultiplyAddRate(Accelerator accelerator, AcceleratorStream stream, int sums, double leastSeconds)
    {
        const int Threads = MultiplyAddProbe.Threads;
        Action<AcceleratorStream, KernelConfig, ArrayView<float>, float, float, int, SpecializedValue<int>> launcher =
            accelerator.LoadKernel<ArrayView<float>, float, float, int, SpecializedValue<int>>(
                MultiplyAddProbe.Kernel, new KernelSpecialization(Threads, null));
        int groups = Groups(accelerator);
        using DeviceBuffer<float> output = new(accelerator);
        ArrayView<float> view = output.Require((long)groups * Threads);
        SpecializedValue<int> constant = new(sums);
        double rounds = RoundsPerSecond(
            stream, rounds => launcher(stream, new KernelConfig(groups, Threads), view, 0.75f, 0.5f, rounds, constant), leastSeconds);
        return 2.0 * groups * Threads * sums * MultiplyAddProbe.Unrolled * rounds;
    }

    /// <summary>The most bytes a second that <see cref="CopyProbe"/> reaches.</summary>
    private static double CopyRate(Accelerator accelerator, AcceleratorStream stream, long bytes)
    {
        const int GroupBytes = CopyProbe.QuadsPerGroup * Float4.Channels * sizeof(float);
        Action<AcceleratorStream, KernelConfig, ArrayView<Float4>, ArrayView<Float4>> launcher =
            accelerator.LoadKernel<ArrayView<Float4>, ArrayView<Float4>>(
                CopyProbe.Kernel, new KernelSpecialization(CopyProbe.Threads, null));
        using DeviceBuffer<Float4> source = new(accelerator), target = new(accelerator);
        for (; ; bytes /= 2)
        {
            int groups = checked((int)Math.Max(1, bytes / 2 / GroupBytes));
            long quads = (long)groups * CopyProbe.QuadsPerGroup;
            try
            {
                ArrayView<Float4> from = source.Require(quads), to = target.Require(quads);
                // Memory that was never written may have no pages behind it, and reads of it come from a cache.
                from.MemSetToZero(stream);
                void Launch() => launcher(stream, new KernelConfig(groups, CopyProbe.Threads), from, to);
                Launch();
                return 2.0 * groups * GroupBytes / Fastest(stream, Launch);
            }
            catch (DeviceMemoryException) when (groups > 1)
            {
                source.Dispose();
            }
        }
    }

    private static int Groups(Accelerator accelerator) => GroupsPerUnit * Math.Max(1, accelerator.NumMultiprocessors);

    /// <summary>How often a second a probe does what it does, given how often to do it in a launch.</summary>
    private static double RoundsPerSecond(AcceleratorStream stream, Action<int> launch, double leastSeconds)
    {
        int rounds = 1;
        void Launch() => launch(rounds);
        Launch();
        // An accelerator's clock may say zero of the shortest launches: doubling needs no quotient.
        while (Seconds(stream, Launch) < leastSeconds && rounds < 1 << 24)
            rounds *= 2;
        return rounds / Fastest(stream, Launch);
    }

    private static double Fastest(AcceleratorStream stream, Action launch) =>
        Enumerable.Range(0, Launches).Min(_ => Seconds(stream, launch));

    /// <summary>Seconds on the device.</summary>
    private static double Seconds(AcceleratorStream stream, Action launch)
    {
        using ProfilingMarker start = stream.AddProfilingMarker();
        launch();
        using ProfilingMarker end = stream.AddProfilingMarker();
        // The clock's step, where a device claims to have taken no time.
        return Math.Max((end - start).TotalSeconds, 1e-7);
    }
}
