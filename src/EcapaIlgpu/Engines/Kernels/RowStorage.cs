using System.Runtime.InteropServices;
using EcapaIlgpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>Queues <see cref="ConvReluBn"/>.</summary>
internal delegate void ConvLauncher(
    AcceleratorStream stream, KernelConfig config, QuadView input, QuadView weight, ArrayView<Float4> bias, ArrayView<Float4> scale,
    ArrayView<Float4> shift, ArrayView<Float4> means, ArrayView<int> utterances, ArrayView<int> offsets, ArrayView<int> segments,
    QuadView output, ArrayView<Float4> segmentSums, ConvExtent extent, ConvForm form);

/// <summary>Queues <see cref="Res2Chain"/>.</summary>
internal delegate void Res2Launcher(
    AcceleratorStream stream, KernelConfig config, QuadView input, QuadView weight, ArrayView<Float4> bias, ArrayView<Float4> scale,
    ArrayView<Float4> shift, ArrayView<int> utterances, ArrayView<int> offsets, QuadView output, int rows, int firstStep, int endStep);

/// <summary>Queues <see cref="AttentiveStatistics.Chunks"/>.</summary>
internal delegate void AttentionLauncher(
    AcceleratorStream stream, KernelConfig config, QuadView hiddenRows, int hidden, QuadView weight, int weightStride, QuadView x,
    ArrayView<Float4> means, int meanStride, int channels, ArrayView<int> chunks, ArrayView<int> utterances, ArrayView<Float4> records);

/// <summary>Queues <see cref="TimeMoments.Chunks"/>.</summary>
internal delegate void ChunksLauncher(
    AcceleratorStream stream, KernelConfig config, QuadView x, int stride, int quads, ArrayView<int> chunks, ArrayView<Float4> sums,
    ArrayView<Float4> squares, int deviation);

/// <summary>Queues <see cref="SqueezeExcite.ScaleAndAdd"/>.</summary>
internal delegate void ScaleAndAddLauncher(
    AcceleratorStream stream, KernelConfig config, QuadView x, ArrayView<Float4> gates, QuadView residual, int residualStride,
    ArrayView<int> utterances, QuadView output, int outputStride, int rows, int channels);

/// <summary>
/// How rows of activations and weights of convolutions are stored on a device, and the kernels compiled for rows that are stored so.
/// </summary>
internal abstract partial class RowStorage
{
    /// <summary>Float32: features always, and all else in the modes that store it.</summary>
    public static RowStorage Float32 { get; } = new RowStorage<Float4>();

    /// <summary>Products on tensor cores; null where convolutions are computed without.</summary>
    public TensorProducts? Tensor { get; private protected init; }

    /// <summary>Bytes of four channels.</summary>
    public abstract int QuadBytes { get; }

    /// <summary>
    /// The storage of a precision, and on a device that has tensor cores for it the products where the plan wants them there.
    /// </summary>
    /// <exception cref="NotSupportedException">This build has none.</exception>
    public static RowStorage Of(Precision precision, Accelerator accelerator, TilePlan plan)
    {
        RowStorage? storage = precision switch
        {
            Precision.Bf16 => null,
            Precision.Fp16 => new RowStorage<Half4>(),
            _ => Float32,
        };
        AddBeyond(precision, ref storage);
        if (storage is null)
            throw new NotSupportedException($"Nothing is stored in {precision.Name()} here.");
        return plan.UsesTensorCores && TensorProducts.Of(accelerator, precision, storage) is { } tensor ? storage.With(tensor) : storage;
    }

    private protected abstract RowStorage With(TensorProducts tensor);

    /// <summary>Room for quads.</summary>
    public QuadView Require(DeviceBuffer<byte> buffer, long quads) => new(buffer.Require(quads * QuadBytes), QuadBytes);

    /// <summary>Uploads numbers, each as the nearest that can be stored.</summary>
    /// <param name="accelerator">Where they go.</param>
    /// <param name="values">A whole number of quads.</param>
    public abstract DeviceQuads Upload(Accelerator accelerator, float[] values);

    /// <summary>Downloads numbers.</summary>
    public abstract float[] Download(AcceleratorStream stream, QuadView quads);

    public abstract ConvLauncher Convolution(Accelerator accelerator, bool fromFloat32, ProductTile tile, KernelSpecialization promise);

    public abstract Res2Launcher Res2(Accelerator accelerator, Res2Form form);

    public abstract AttentionLauncher Attention(Accelerator accelerator, ProductTile tile, KernelSpecialization promise);

    public abstract ChunksLauncher Chunks(Accelerator accelerator, KernelSpecialization promise);

    public abstract ScaleAndAddLauncher ScaleAndAdd(Accelerator accelerator, KernelSpecialization promise);

    /// <summary>The storages that the package ILGPU cannot compile kernels for.</summary>
    static partial void AddBeyond(Precision precision, ref RowStorage? storage);
}

/// <summary>Rows and weights stored as quads of one type.</summary>
internal sealed class RowStorage<TStored> : RowStorage
    where TStored : unmanaged, IQuad<TStored>
{
    public override int QuadBytes => Interop.SizeOf<TStored>();

    public override DeviceQuads Upload(Accelerator accelerator, float[] values)
    {
        ReadOnlySpan<Float4> quads = MemoryMarshal.Cast<float, Float4>(values);
        TStored[] stored = new TStored[quads.Length];
        for (int i = 0; i < stored.Length; i++)
            stored[i] = TStored.Narrow(quads[i]);
        return DeviceQuads.Upload(accelerator, stored);
    }

    public override float[] Download(AcceleratorStream stream, QuadView quads)
    {
        TStored[] stored = new TStored[quads.Length];
        quads.As<TStored>().CopyToCPU(stream, stored);
        stream.Synchronize();
        float[] values = new float[4 * stored.Length];
        Span<Float4> wide = MemoryMarshal.Cast<float, Float4>(values.AsSpan());
        for (int i = 0; i < stored.Length; i++)
            wide[i] = TStored.Widen(stored[i]);
        return values;
    }

    private protected override RowStorage With(TensorProducts tensor) => new RowStorage<TStored> { Tensor = tensor };

    public override ConvLauncher Convolution(Accelerator accelerator, bool fromFloat32, ProductTile tile, KernelSpecialization promise) =>
        fromFloat32 ? Convolution<Float4>(accelerator, tile, promise) : Convolution<TStored>(accelerator, tile, promise);

    public override Res2Launcher Res2(Accelerator accelerator, Res2Form form)
    {
        var kernel = accelerator.LoadKernel<
            ArrayView<TStored>, ArrayView<TStored>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<int>, ArrayView<int>,
            ArrayView<TStored>, int, int, int, SpecializedValue<Res2Form>>(Res2Chain.Kernel, new KernelSpecialization(form.Threads, null));
        return (stream, config, input, weight, bias, scale, shift, utterances, offsets, output, rows, firstStep, endStep) => kernel(
            stream, config, input.As<TStored>(), weight.As<TStored>(), bias, scale, shift, utterances, offsets, output.As<TStored>(), rows,
            firstStep, endStep, new SpecializedValue<Res2Form>(form));
    }

    public override AttentionLauncher Attention(Accelerator accelerator, ProductTile tile, KernelSpecialization promise)
    {
        var kernel = accelerator.LoadKernel<
            ArrayView<TStored>, int, ArrayView<TStored>, int, ArrayView<TStored>, ArrayView<Float4>, int, int, ArrayView<int>, ArrayView<int>,
            ArrayView<Float4>, SpecializedValue<ProductTile>>(AttentiveStatistics.Chunks, promise);
        return (stream, config, hiddenRows, hidden, weight, weightStride, x, means, meanStride, channels, chunks, utterances, records) => kernel(
            stream, config, hiddenRows.As<TStored>(), hidden, weight.As<TStored>(), weightStride, x.As<TStored>(), means, meanStride,
            channels, chunks, utterances, records, new SpecializedValue<ProductTile>(tile));
    }

    public override ChunksLauncher Chunks(Accelerator accelerator, KernelSpecialization promise)
    {
        var kernel = accelerator.LoadKernel<
            ArrayView<TStored>, int, int, ArrayView<int>, ArrayView<Float4>, ArrayView<Float4>, SpecializedValue<int>>(
                TimeMoments.Chunks, promise);
        return (stream, config, x, stride, quads, chunks, sums, squares, deviation) =>
            kernel(stream, config, x.As<TStored>(), stride, quads, chunks, sums, squares, new SpecializedValue<int>(deviation));
    }

    public override ScaleAndAddLauncher ScaleAndAdd(Accelerator accelerator, KernelSpecialization promise)
    {
        var kernel = accelerator.LoadKernel<
            ArrayView<TStored>, ArrayView<Float4>, ArrayView<TStored>, int, ArrayView<int>, ArrayView<TStored>, int, int, int>(
                SqueezeExcite.ScaleAndAdd, promise);
        return (stream, config, x, gates, residual, residualStride, utterances, output, outputStride, rows, channels) => kernel(
            stream, config, x.As<TStored>(), gates, residual.As<TStored>(), residualStride, utterances, output.As<TStored>(), outputStride,
            rows, channels);
    }

    private static ConvLauncher Convolution<TInput>(Accelerator accelerator, ProductTile tile, KernelSpecialization promise)
        where TInput : unmanaged, IQuad<TInput>
    {
        var kernel = accelerator.LoadKernel<
            ArrayView<TInput>, ArrayView<TStored>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<int>, ArrayView<int>,
            ArrayView<int>, ArrayView<TStored>, ArrayView<Float4>, ConvExtent, SpecializedValue<ConvForm>, SpecializedValue<ProductTile>>(
            ConvReluBn.Kernel, promise);
        return (stream, config, input, weight, bias, scale, shift, means, utterances, offsets, segments, output, segmentSums, extent, form) => kernel(
            stream, config, input.As<TInput>(), weight.As<TStored>(), bias, scale, shift, means, utterances, offsets, segments,
            output.As<TStored>(), segmentSums, extent, new SpecializedValue<ConvForm>(form), new SpecializedValue<ProductTile>(tile));
    }
}

/// <summary>Numbers on a device as quads of one storage. Never written by the network.</summary>
internal sealed class DeviceQuads : IDisposable
{
    private readonly IDisposable _memory;

    private DeviceQuads(IDisposable memory, QuadView view) => (_memory, View) = (memory, view);

    /// <summary>All of them.</summary>
    public QuadView View { get; }

    /// <summary>Copies quads to a device.</summary>
    public static DeviceQuads Upload<TStored>(Accelerator accelerator, TStored[] quads)
        where TStored : unmanaged, IQuad<TStored>
    {
        MemoryBuffer1D<TStored, Stride1D.Dense> memory = accelerator.Allocate1D<TStored>(quads.Length);
        memory.View.BaseView.CopyFromCPU(quads);
        // The copy is queued on the default stream, and kernels run on streams that do not wait for that one.
        accelerator.DefaultStream.Synchronize();
        return new DeviceQuads(memory, new QuadView(memory.View.BaseView.Cast<byte>(), Interop.SizeOf<TStored>()));
    }

    public void Dispose() => _memory.Dispose();
}
