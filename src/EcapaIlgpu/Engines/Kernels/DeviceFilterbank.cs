using EcapaIlgpu.Features;
using EcapaIlgpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>The filterbank on a device (<see cref="Filterbank"/>), with its tables.</summary>
internal sealed class DeviceFilterbank : IDisposable
{
    private readonly DeviceVector _window;
    private readonly DeviceVector _circle;
    private readonly DeviceVector _weights;
    private readonly MemoryBuffer1D<int, Stride1D.Dense> _filters;
    private readonly Launcher<float> _fromFloat;
    private readonly Launcher<short> _fromInt16;

    public DeviceFilterbank(Accelerator accelerator)
    {
        const int Points = 512;
        MelFilter[] filters = FbankTables.MelFilters;
        // One entry more than there are filters: where the last one's weights end.
        int[] starts = new int[2 * (filters.Length + 1)];
        List<float> weights = [];
        for (int bin = 0; bin < filters.Length; bin++)
        {
            (starts[2 * bin], starts[(2 * bin) + 1]) = (filters[bin].FirstBin, weights.Count);
            weights.AddRange(filters[bin].QuarterWeights);
        }
        starts[^1] = weights.Count;
        _window = new DeviceVector(accelerator, FbankTables.Window);
        _circle = new DeviceVector(accelerator, [.. Enumerable.Range(0, 2 * Points).Select(i =>
            (float)(i % 2 == 0 ? Math.Cos(Math.PI * (i / 2) / (Points / 2)) : Math.Sin(Math.PI * (i / 2) / (Points / 2))))]);
        _weights = new DeviceVector(accelerator, [.. weights]);
        _filters = accelerator.Allocate1D(starts);
        accelerator.DefaultStream.Synchronize();
        KernelSpecialization threads = new(Filterbank.Threads, null);
        _fromFloat = accelerator.LoadKernel<
            ArrayView<float>, ArrayView<int>, ArrayView<int>, ArrayView<int>, ArrayView<float>, ArrayView<Float2>, ArrayView<int>,
            ArrayView<float>, ArrayView<float>, int, int>(Filterbank.FromFloat, threads).Invoke;
        _fromInt16 = accelerator.LoadKernel<
            ArrayView<short>, ArrayView<int>, ArrayView<int>, ArrayView<int>, ArrayView<float>, ArrayView<Float2>, ArrayView<int>,
            ArrayView<float>, ArrayView<float>, int, int>(Filterbank.FromInt16, threads).Invoke;
    }

    private delegate void Launcher<TSample>(
        AcceleratorStream stream, KernelConfig config, ArrayView<TSample> samples, ArrayView<int> sampleOffsets, ArrayView<int> offsets,
        ArrayView<int> utterances, ArrayView<float> window, ArrayView<Float2> circle, ArrayView<int> filters, ArrayView<float> weights,
        ArrayView<float> frames, int rows, int bins)
        where TSample : unmanaged;

    /// <summary>Log-mel energies of a batch.</summary>
    /// <typeparam name="TSample"><see cref="float"/> or <see cref="short"/>, both at the scale of 16-bit samples.</typeparam>
    /// <param name="samples">All utterances' samples.</param>
    /// <param name="frames">Receives <c>[rows, 80]</c>.</param>
    /// <param name="tables">The batch.</param>
    /// <param name="operations">Whose stream and observer are used.</param>
    public void Compute<TSample>(
        ArrayView<TSample> samples, ArrayView<Float4> frames, in BatchTables tables, NetworkOperations operations)
        where TSample : unmanaged
    {
        KernelConfig config = new((tables.Rows + Filterbank.FramesPerGroup - 1) / Filterbank.FramesPerGroup, Filterbank.Threads);
        LaunchCost cost = new("Filterbank", operations.Stage, 14000.0 * tables.Rows, (samples.LengthInBytes * 1.0) + (320.0 * tables.Rows));
        operations.Observer?.Before(cost);
        if (typeof(TSample) == typeof(short))
            Run(_fromInt16, samples.Cast<short>(), tables);
        else
            Run(_fromFloat, samples.Cast<float>(), tables);
        operations.Observer?.After(cost);

        void Run<T>(Launcher<T> launcher, ArrayView<T> typed, in BatchTables batch)
            where T : unmanaged =>
            launcher(
                operations.Stream, config, typed, batch.SampleOffsets, batch.Offsets, batch.RowUtterances, _window.Numbers,
                _circle.Numbers.Cast<Float2>(), _filters.View.BaseView, _weights.Numbers, frames.Cast<float>(), batch.Rows, Fbank.MelBins);
    }

    public void Dispose()
    {
        foreach (IDisposable part in (IDisposable[])[_window, _circle, _weights, _filters])
            part.Dispose();
    }
}
