using EcapaIlgpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <summary>What a device reaches at most, measured on it by kernels that do nothing else.</summary>
/// <param name="OperationsPerSecond">Float32 operations, a fused multiply-add as two.</param>
/// <param name="BytesPerSecond">Bytes read and written by a copy that no cache holds.</param>
internal sealed record DeviceCeilings(double OperationsPerSecond, double BytesPerSecond)
{
    /// <summary>Ten times the cache of an H200, the largest of NVIDIA's: what is copied comes from memory.</summary>
    public const long CopyBytes = 512L << 20;

    /// <summary>Launches of each probe; the fastest counts, since a ceiling is what nothing passes.</summary>
    private const int Launches = 8;

    /// <summary>Groups for each unit of the device: full to the last even where units take many groups at once.</summary>
    private const int GroupsPerUnit = 32;

    /// <summary>Sums of a thread that are tried: few where latency is short and registers are few, many where it is long.</summary>
    private static readonly int[] Sums = [4, 8, 16];

    /// <summary>Measures a device.</summary>
    /// <param name="accelerator">The device; its context has profiling enabled.</param>
    /// <param name="copyBytes">Size of the copy, halved until it fits the device.</param>
    /// <param name="leastSeconds">A launch of multiply-adds is lengthened until it takes this long, so that the clock and the launch itself do not count.</param>
    /// <exception cref="DeviceMemoryException">Not even a small copy fits.</exception>
    public static DeviceCeilings Measure(Accelerator accelerator, long copyBytes = CopyBytes, double leastSeconds = 0.01)
    {
        using AcceleratorStream stream = accelerator.CreateStream();
        return new(Sums.Max(sums => MultiplyAddRate(accelerator, stream, sums, leastSeconds)), CopyRate(accelerator, stream, copyBytes));
    }

    /// <summary>The most operations a second that <see cref="MultiplyAddProbe"/> reaches.</summary>
    private static double MultiplyAddRate(Accelerator accelerator, AcceleratorStream stream, int sums, double leastSeconds)
    {
        const int Threads = MultiplyAddProbe.Threads;
        Action<AcceleratorStream, KernelConfig, ArrayView<float>, float, float, int, SpecializedValue<int>> launcher =
            accelerator.LoadKernel<ArrayView<float>, float, float, int, SpecializedValue<int>>(MultiplyAddProbe.Kernel, new KernelSpecialization(Threads, null));
        int groups = GroupsPerUnit * Math.Max(1, accelerator.NumMultiprocessors), rounds = 1;
        using DeviceBuffer<float> output = new(accelerator);
        ArrayView<float> view = output.Require((long)groups * Threads);
        void Launch() => launcher(stream, new KernelConfig(groups, Threads), view, 0.75f, 0.5f, rounds, new SpecializedValue<int>(sums));
        Launch();
        // An accelerator's clock may say zero of the shortest launches: doubling needs no quotient.
        while (Seconds(stream, Launch) < leastSeconds && rounds < 1 << 24)
            rounds *= 2;
        return 2.0 * groups * Threads * sums * MultiplyAddProbe.Unrolled * rounds / Fastest(stream, Launch);
    }

    /// <summary>The most bytes a second that <see cref="CopyProbe"/> reaches.</summary>
    private static double CopyRate(Accelerator accelerator, AcceleratorStream stream, long bytes)
    {
        const int GroupBytes = CopyProbe.QuadsPerGroup * Float4.Channels * sizeof(float);
        Action<AcceleratorStream, KernelConfig, ArrayView<Float4>, ArrayView<Float4>> launcher =
            accelerator.LoadKernel<ArrayView<Float4>, ArrayView<Float4>>(CopyProbe.Kernel, new KernelSpecialization(CopyProbe.Threads, null));
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

    private static double Fastest(AcceleratorStream stream, Action launch) => Enumerable.Range(0, Launches).Min(_ => Seconds(stream, launch));

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
