using System.Collections.Concurrent;
using EcapaIlgpu.Kernels;
using EcapaIlgpu.Model;
using ILGPU;
using ILGPU.Beyond;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <content>The products of devices that have tensor cores.</content>
internal abstract partial class TensorProducts
{
    static partial void AddBeyond(Accelerator accelerator, Precision precision, RowStorage storage, ref TensorProducts? products)
    {
        if (precision == Precision.Fp32 || !WarpMatrix.IsSupported(accelerator))
            return;
        products = precision switch
        {
            Precision.Bf16 => new TensorCoreProducts<BFloat4>(accelerator, storage, TensorFormat.Bf16),
            Precision.Fp16 => new TensorCoreProducts<Half4>(accelerator, storage, TensorFormat.Half),
            Precision.Tf32 => new TensorCoreProducts<TFloat4>(accelerator, storage, TensorFormat.Tf32),
            _ => new TensorCoreProducts<Float4>(accelerator, storage, TensorFormat.Tf32x3),
        };
    }
}

/// <summary>Kernels over <see cref="WarpMatrix"/> on rows that are stored as quads of one type.</summary>
/// <remarks>Thread-safe: the batches that an engine has under way at a time share it.</remarks>
/// <param name="accelerator">The device.</param>
/// <param name="storage">How rows are stored.</param>
/// <param name="format">What is multiplied where the rows are not features.</param>
internal sealed class TensorCoreProducts<TStored>(Accelerator accelerator, RowStorage storage, TensorFormat format) : TensorProducts
    where TStored : unmanaged, IQuad<TStored>
{
    private readonly ConcurrentDictionary<(TensorConvForm Form, KernelSpecialization Promise), ConvLauncher> _convolutions = [];
    private readonly ConcurrentDictionary<TensorRes2Form, Res2Launcher> _res2 = [];
    private readonly ConcurrentDictionary<TensorAttentionForm, AttentionLauncher> _attentions = [];

    public override DeviceQuads Pack(ConvWeights conv, ChannelLayout input, ChannelLayout output, bool ofFeatures)
    {
        TensorFormat multiplied = FormatOf(ofFeatures);
        RowStorage stored = multiplied == format ? storage : RowStorage.Float32;
        return stored.Upload(accelerator, TensorWeights.Arrange(conv, input, output, multiplied));
    }

    public override ReadyKernel<ConvLauncher> Convolution(TilePlan plan, int rows, DeviceConv conv, ConvForm form)
    {
        TensorFormat multiplied = FormatOf(conv.OfFeatures);
        TensorTile tile = plan.TensorConvolution(rows, conv.Outputs * 4, multiplied);
        TensorConvForm compiled = new(form, multiplied, conv.OfFeatures, Chunks(conv.Inputs, multiplied), tile);
        KernelSpecialization promise = TilePlan.Specialization(tile, multiplied, form);
        if (!_convolutions.TryGetValue((compiled, promise), out ConvLauncher? launcher))
            _convolutions[(compiled, promise)] = launcher = Load(compiled, promise);
        int groups = checked(DivideUp(rows, tile.Rows) * DivideUp(conv.Outputs * 4, tile.Columns));
        SharedMemoryConfig shared = SharedMemoryConfig.RequestDynamic<MatrixRegisters>(tile.SharedChunks);
        return new(launcher, $"TensorConv k={conv.Taps}", new KernelConfig(groups, tile.Threads, shared), PrecisionOf(multiplied));
    }

    public override DeviceQuads Pack(IReadOnlyList<ConvWeights> steps)
    {
        TensorRes2Form form = new(ChannelLayout.Plain(steps[0].Outputs).Quads, format, TensorRes2Form.WarpRows, 1);
        return storage.Upload(accelerator, TensorWeights.Arrange(steps, form));
    }

    public override (ReadyKernel<Res2Launcher> Kernel, int Steps, Func<int, int> WrittenRows) Res2(
        TilePlan plan, int rows, DeviceRes2 weights, int dilation)
    {
        (TensorRes2Form form, int steps) = plan.TensorRes2(rows, weights.Quads, dilation, format);
        if (!_res2.TryGetValue(form, out Res2Launcher? launcher))
        {
            var kernel = accelerator.LoadKernel<
                ArrayView<TStored>, ArrayView<MatrixRegisters>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<int>, ArrayView<int>,
                ArrayView<TStored>, int, int, int,
                SpecializedValue<TensorRes2Form>>(TensorRes2.Kernel, new KernelSpecialization(form.Threads, 1));
            _res2[form] = launcher = (stream, config, input, weight, bias, scale, shift, utterances, offsets, output, count, firstStep, endStep) => kernel(
                stream, config, input.As<TStored>(), weight.Bytes.Cast<MatrixRegisters>(), bias, scale, shift, utterances, offsets,
                output.As<TStored>(), count, firstStep, endStep, new SpecializedValue<TensorRes2Form>(form));
        }
        KernelConfig config = new(1, form.Threads, SharedMemoryConfig.RequestDynamic<MatrixRegisters>(form.SharedChunks));
        return (new(launcher, "TensorRes2", config, PrecisionOf(format)), steps, form.WrittenRows);
    }

    public override ReadyKernel<AttentionLauncher> Attention(TilePlan plan, int chunks, DeviceConv attention)
    {
        (TensorTile tile, ProductTile cut) = plan.TensorAttention(chunks, attention.Outputs * 4, format);
        TensorAttentionForm form = new(format, Chunks(attention.Inputs, format), tile, cut);
        if (!_attentions.TryGetValue(form, out AttentionLauncher? launcher))
        {
            var kernel = accelerator.LoadKernel<
                ArrayView<MatrixRegisters>, ArrayView<MatrixRegisters>, ArrayView<TStored>, ArrayView<Float4>, int, int, ArrayView<int>, ArrayView<int>,
                ArrayView<Float4>,
                SpecializedValue<TensorAttentionForm>>(TensorAttention.Chunks, new KernelSpecialization(tile.Threads, 1));
            _attentions[form] = launcher = (stream, config, hiddenRows, hidden, weight, _, x, means, meanStride, channels, firstRows, utterances, records) => kernel(
                stream, config, Rows(hiddenRows, hidden), weight.Bytes.Cast<MatrixRegisters>(), x.As<TStored>(), means, meanStride,
                channels, firstRows, utterances, records, new SpecializedValue<TensorAttentionForm>(form));
        }
        int groups = checked(chunks * DivideUp(attention.Outputs * 4, tile.Columns));
        SharedMemoryConfig shared = SharedMemoryConfig.RequestDynamic<MatrixRegisters>(form.SharedChunks);
        return new(launcher, "TensorAttention", new KernelConfig(groups, tile.Threads, shared), PrecisionOf(format));
    }

    private ConvLauncher Load(TensorConvForm form, KernelSpecialization promise)
    {
        var kernel = accelerator.LoadKernel<
            ArrayView<MatrixRegisters>, ArrayView<MatrixRegisters>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<int>,
            ArrayView<int>, ArrayView<int>, ArrayView<TStored>, ArrayView<Float4>, ConvExtent,
            SpecializedValue<TensorConvForm>>(TensorConv.Kernel, promise);
        return (stream, config, input, weight, bias, scale, shift, means, utterances, offsets, segments, output, segmentSums, extent, _) => kernel(
            stream, config, Rows(input, extent.InputStride), weight.Bytes.Cast<MatrixRegisters>(), bias, scale, shift, means, utterances,
            offsets, segments, output.As<TStored>(), segmentSums, extent,
            new SpecializedValue<TensorConvForm>(form));
    }

    /// <summary>
    /// Features are float32 whatever the rows behind them are, and their products few: tf32 is closer than any rounding to 16 bits.
    /// </summary>
    private TensorFormat FormatOf(bool ofFeatures) =>
        ofFeatures && storage.QuadBytes != RowStorage.Float32.QuadBytes ? TensorFormat.Tf32 : format;

    private static Precision PrecisionOf(TensorFormat multiplied) => multiplied switch
    {
        TensorFormat.Bf16 => Precision.Bf16,
        TensorFormat.Half => Precision.Fp16,
        TensorFormat.Tf32 => Precision.Tf32,
        _ => Precision.Tf32x3,
    };

    /// <summary>Rows as copies see them, which move 16 bytes at a time.</summary>
    private static ArrayView<MatrixRegisters> Rows(QuadView rows, int stride) =>
        (rows.QuadBytes * stride) % TensorTileProduct.ChunkBytes == 0
            ? rows.Bytes.Cast<MatrixRegisters>()
            : throw new InvalidOperationException(
                $"Rows {rows.QuadBytes * stride} bytes apart do not all start at multiples of {TensorTileProduct.ChunkBytes}.");

    private static int Chunks(int quads, TensorFormat multiplied)
    {
        int perChunk = multiplied is TensorFormat.Bf16 or TensorFormat.Half ? 2 : 1;
        return quads % perChunk == 0
            ? quads / perChunk
            : throw new InvalidOperationException(
                $"{quads} quads of channels in 16 bits are no whole number of {TensorTileProduct.ChunkBytes} bytes.");
    }

    private static int DivideUp(int value, int divisor) => (value + divisor - 1) / divisor;
}
