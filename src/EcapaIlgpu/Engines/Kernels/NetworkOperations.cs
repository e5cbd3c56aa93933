using EcapaIlgpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>Rows on a device: <c>[rows, quads]</c> inside rows of <paramref name="Stride"/> quads.</summary>
/// <param name="View">From the first row's first channel.</param>
/// <param name="Stride">From row to row, in quads.</param>
internal readonly record struct DeviceRows(QuadView View, int Stride);

/// <summary>
/// The operations of the network on a device: each one queues a kernel (or a few) on the stream, with the sizes that the
/// <see cref="TilePlan"/> picks. What the operations compute is said where the kernels are, how rows and weights are stored by the
/// <see cref="RowStorage"/>.
/// </summary>
/// <remarks>Not thread-safe: one batch at a time. Kernels are compiled the first time they are needed and kept.</remarks>
internal sealed class NetworkOperations
{
    private const int LineThreads = 256;

    private readonly Accelerator _accelerator;
    private readonly TilePlan _plan;
    private readonly DeviceBuffer<Float4> _sums;
    private readonly DeviceBuffer<Float4> _squares;
    private readonly DeviceBuffer<Float4> _records;
    private readonly Dictionary<(ProductTile Tile, bool FromFloat32, KernelSpecialization Promise), ConvLauncher> _convolutions = [];
    private readonly Dictionary<ProductTile, AttentionLauncher> _attentions = [];
    private readonly Dictionary<Res2Form, Res2Launcher> _res2 = [];
    private readonly ChunksLauncher _featureChunks;
    private readonly ChunksLauncher _chunks;
    private readonly ScaleAndAddLauncher _scaleAndAdd;
    private readonly Action<AcceleratorStream, KernelConfig, ArrayView<Float4>, ArrayView<Float4>, int, ArrayView<int>, ArrayView<int>, ArrayView<Float4>, SpecializedValue<int>> _moments;
    private readonly Action<AcceleratorStream, KernelConfig, ArrayView<Float4>, ArrayView<int>, ArrayView<int>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, SpecializedValue<GateForm>> _gate;
    private readonly Action<AcceleratorStream, KernelConfig, ArrayView<Float4>, int, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, int> _linear;
    private readonly Action<AcceleratorStream, KernelConfig, ArrayView<Float4>, ArrayView<float>, int, int, ArrayView<int>, ArrayView<float>> _pool;
    private readonly Action<AcceleratorStream, KernelConfig, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, int, int> _normalizeRelu;
    private readonly Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, int> _softmax;

    public NetworkOperations(Accelerator accelerator, AcceleratorStream stream, RowStorage storage, TilePlan plan)
    {
        (_accelerator, Stream, Storage, _plan) = (accelerator, stream, storage, plan);
        (_sums, _squares, _records) = (new(accelerator), new(accelerator), new(accelerator));
        KernelSpecialization line = new(LineThreads, null), group = new(UtteranceLinear.Threads, null);
        _featureChunks = RowStorage.Float32.Chunks(accelerator, line);
        _chunks = storage == RowStorage.Float32 ? _featureChunks : storage.Chunks(accelerator, line);
        _scaleAndAdd = storage.ScaleAndAdd(accelerator, line);
        _moments = accelerator.LoadKernel<ArrayView<Float4>, ArrayView<Float4>, int, ArrayView<int>, ArrayView<int>, ArrayView<Float4>, SpecializedValue<int>>(
            TimeMoments.Utterances, line);
        _gate = accelerator.LoadKernel<ArrayView<Float4>, ArrayView<int>, ArrayView<int>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, SpecializedValue<GateForm>>(
            SqueezeExcite.Gate, group);
        _linear = accelerator.LoadKernel<ArrayView<Float4>, int, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, int>(
            UtteranceLinear.Kernel, group);
        _pool = accelerator.LoadKernel<ArrayView<Float4>, ArrayView<float>, int, int, ArrayView<int>, ArrayView<float>>(
            AttentiveStatistics.Pool, line);
        _normalizeRelu = accelerator.LoadKernel<ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, int, int>(
            SoftmaxHead.NormalizeRelu, line);
        _softmax = accelerator.LoadKernel<ArrayView<float>, int, int>(
            SoftmaxHead.Softmax, new KernelSpecialization(SoftmaxHead.Threads, null));
    }

    /// <summary>Where everything is queued.</summary>
    public AcceleratorStream Stream { get; }

    /// <summary>How rows of activations and weights of convolutions are stored.</summary>
    public RowStorage Storage { get; }

    /// <summary>Sees every launch; null for none.</summary>
    public ILaunchObserver? Observer { get; set; }

    /// <summary>Which part of the network the next launches compute, for the observer.</summary>
    public string Stage { get; set; } = "";

    /// <summary>The memory that operations keep for what passes between their kernels.</summary>
    public IEnumerable<IMovingMemory> Buffers => [_sums, _squares, _records];

    /// <summary>Convolution and what follows it (<see cref="ConvReluBn"/>).</summary>
    /// <param name="input">The input rows.</param>
    /// <param name="conv">The layer.</param>
    /// <param name="dilation">Frames from tap to tap.</param>
    /// <param name="epilogue">What follows, but for what the layer itself says.</param>
    /// <param name="output">The output rows.</param>
    /// <param name="tables">The batch.</param>
    /// <param name="utteranceBias"><c>[utterances, outputs]</c> in place of the layer's bias; null for the layer's.</param>
    /// <param name="means">
    /// <c>[utterances, inputs]</c>, subtracted from the rows as they are read, only with more than one tap; null for none.
    /// </param>
    public void Convolve(
        DeviceRows input, DeviceConv conv, int dilation, Epilogue epilogue, DeviceRows output, in BatchTables tables,
        ArrayView<Float4>? utteranceBias = null,
        ArrayView<Float4>? means = null)
    {
        if (utteranceBias is not null)
            epilogue |= Epilogue.UtteranceBias;
        Convolve(input, conv, dilation, epilogue, output, utteranceBias ?? conv.Bias.Quads, means, null, tables);
    }

    /// <summary>
    /// A 1x1 convolution and, from the same kernel, the sums of its output over segments of time (<see cref="Epilogue.SegmentSums"/>).
    /// </summary>
    /// <param name="input">The input rows.</param>
    /// <param name="conv">The layer.</param>
    /// <param name="epilogue">What follows, but for what the layer itself says.</param>
    /// <param name="output">The output rows.</param>
    /// <param name="tables">The batch.</param>
    /// <returns><c>[segments, outputs]</c>; overwritten by the next sums over time.</returns>
    public ArrayView<Float4> ConvolveAndSum(DeviceRows input, DeviceConv conv, Epilogue epilogue, DeviceRows output, in BatchTables tables)
    {
        ArrayView<Float4> sums = _sums.Require((long)tables.SegmentCount * conv.Outputs);
        Convolve(input, conv, 1, epilogue | Epilogue.SegmentSums, output, conv.Bias.Quads, null, sums, tables);
        return sums;
    }

    private (ReadyKernel<Res2Launcher> Kernel, int Steps, Func<int, int> WrittenRows) Chain(int rows, DeviceRes2 weights, int dilation)
    {
        (Res2Form form, int steps) = _plan.Res2(rows, weights.Quads, dilation);
        if (!_res2.TryGetValue(form, out Res2Launcher? launcher))
            _res2[form] = launcher = Storage.Res2(_accelerator, form);
        KernelConfig config = new(1, form.Threads, SharedMemoryConfig.RequestDynamic<Float4>(form.SharedQuads));
        return (new(launcher, "Res2Chain", config), steps, form.WrittenRows);
    }

    private ReadyKernel<ConvLauncher> Convolution(int rows, DeviceConv conv, ConvForm form)
    {
        ProductTile tile = _plan.Convolution(rows, conv.Outputs * 4);
        KernelSpecialization promise = TilePlan.Specialization(tile, form);
        bool fromFloat32 = conv.OfFeatures && Storage.QuadBytes != RowStorage.Float32.QuadBytes;
        if (!_convolutions.TryGetValue((tile, fromFloat32, promise), out ConvLauncher? launcher))
            _convolutions[(tile, fromFloat32, promise)] = launcher = Storage.Convolution(_accelerator, fromFloat32, tile, promise);
        int groups = checked(DivideUp(rows, tile.Rows) * DivideUp(conv.Outputs * 4, tile.Columns));
        return new(launcher, $"ConvReluBn k={conv.Taps}", new KernelConfig(groups, tile.Threads));
    }

    /// <summary>The Res2 convolution (<see cref="Res2Chain"/>); rows have no room between them.</summary>
    public void Res2(QuadView input, DeviceRes2 weights, int dilation, QuadView output, in BatchTables tables)
    {
        const int AllSteps = Res2Form.Splits - 1;
        (ReadyKernel<Res2Launcher> chain, int steps, Func<int, int> writtenRows) =
            Storage.Tensor is { } tensor ? tensor.Res2(_plan, tables.Rows, weights, dilation) : Chain(tables.Rows, weights, dilation);
        (Res2Launcher launcher, string name, KernelConfig config, Precision multiplied) = chain;
        for (int first = 0; first < AllSteps; first += steps)
        {
            int end = Math.Min(AllSteps, first + steps), width = 4 * weights.Quads;
            LaunchCost cost = new(
                name, Stage, 2.0 * tables.Rows * (end - first) * 3 * width * width,
                Storage.QuadBytes / 4.0 * (((2.0 * tables.Rows) + (3 * width)) * (end - first) * width), multiplied);
            Observer?.Before(cost);
            launcher(
                Stream, new KernelConfig(new Index3D(DivideUp(tables.Rows, writtenRows(end - first)), 1, 1), config.GroupDim, config.SharedMemoryConfig), input, weights.Weight.View,
                weights.Bias.Quads, weights.Scale.Quads, weights.Shift.Quads, tables.RowUtterances, tables.Offsets, output, tables.Rows,
                first, end);
            Observer?.After(cost);
        }
    }

    /// <summary>
    /// The squeeze-excite gates, <c>[utterances, channels]</c>, from sums over segments of time (<see cref="ConvolveAndSum"/>).
    /// </summary>
    public void Gate(ArrayView<Float4> sums, DeviceLinear squeeze, DeviceLinear excite, ArrayView<Float4> gates, in BatchTables tables)
    {
        int channels = excite.Outputs;
        double weights = 32.0 * squeeze.Inputs * squeeze.Outputs;
        LaunchCost cost = new(
            "SqueezeExcite.Gate", Stage, 2 * weights * tables.Utterances,
            (4 * weights) + (16.0 * channels * (tables.SegmentCount + tables.Utterances)));
        Observer?.Before(cost);
        _gate(
            Stream, new KernelConfig(tables.Utterances, UtteranceLinear.Threads), sums, tables.Offsets, tables.UtteranceSegments,
            squeeze.Weight.Quads, squeeze.Bias.Quads, excite.Weight.Quads, excite.Bias.Quads, gates,
            new SpecializedValue<GateForm>(new GateForm(channels, squeeze.Outputs)));
        Observer?.After(cost);
    }

    /// <summary><c>output = residual + gates * x</c>; x has no room between its rows.</summary>
    public void ScaleAndAdd(
        QuadView x, ArrayView<Float4> gates, DeviceRows residual, DeviceRows output, int channels, in BatchTables tables)
    {
        LaunchCost cost = new(
            "SqueezeExcite.ScaleAndAdd", Stage, 8.0 * tables.Rows * channels, 3.0 * Storage.QuadBytes * tables.Rows * channels);
        Observer?.Before(cost);
        _scaleAndAdd(
            Stream, Line(tables.Rows, channels), x, gates, residual.View, residual.Stride, tables.RowUtterances, output.View, output.Stride,
            tables.Rows, channels);
        Observer?.After(cost);
    }

    /// <summary>Means and, where wanted, deviations of every utterance (<see cref="TimeMoments"/>).</summary>
    public void Moments(DeviceRows x, int channels, bool deviation, ArrayView<Float4> moments, in BatchTables tables)
    {
        ArrayView<Float4> sums = SumChunks(x, channels, deviation, tables, out ArrayView<Float4> squares);
        int threads = Math.Min(LineThreads, RoundUp(channels, 32)), parts = deviation ? 2 : 1;
        LaunchCost cost = new(
            "TimeMoments.Utterances", Stage, 8.0 * parts * tables.ChunkCount * channels,
            16.0 * parts * channels * (tables.ChunkCount + tables.Utterances));
        Observer?.Before(cost);
        _moments(
            Stream, new KernelConfig(checked(tables.Utterances * DivideUp(channels, threads)), threads), sums, squares, channels,
            tables.Chunks, tables.UtteranceChunks, moments, new SpecializedValue<int>(deviation ? 1 : 0));
        Observer?.After(cost);
    }

    /// <summary>A fully connected layer on one vector for each utterance (<see cref="UtteranceLinear"/>).</summary>
    public void Linear(ArrayView<Float4> input, DeviceLinear layer, ArrayView<Float4> output, int utterances)
    {
        double weights = 16.0 * layer.Inputs * layer.Outputs;
        LaunchCost cost = new(
            "UtteranceLinear", Stage, 2 * weights * utterances, (4 * weights) + (16.0 * utterances * (layer.Inputs + layer.Outputs)));
        Observer?.Before(cost);
        _linear(
            Stream, new KernelConfig(checked(utterances * DivideUp(layer.Outputs, UtteranceLinear.Lanes)), UtteranceLinear.Threads), input,
            layer.Inputs, layer.Weight.Quads, layer.Bias.Quads, output, layer.Outputs);
        Observer?.After(cost);
    }

    /// <summary>
    /// Attentive statistics (<see cref="AttentiveStatistics"/>) of x from its attention's hidden layer; neither has room between its rows.
    /// </summary>
    /// <param name="hidden"><c>[rows, hidden]</c>, after tanh.</param>
    /// <param name="attention">From the hidden layer to logits.</param>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="means">For each utterance the plain means first.</param>
    /// <param name="meanStride">From utterance to utterance, in quads.</param>
    /// <param name="pooled">Receives <c>[utterances, 2 * channels]</c>.</param>
    /// <param name="tables">The batch.</param>
    public void Attend(
        QuadView hidden, DeviceConv attention, QuadView x, ArrayView<Float4> means, int meanStride, ArrayView<Float4> pooled,
        in BatchTables tables)
    {
        int channels = attention.Outputs;
        (AttentionLauncher launcher, string name, KernelConfig config, Precision multiplied) =
            Storage.Tensor is { } tensor ? tensor.Attention(_plan, tables.ChunkCount, attention) : Attention(tables.ChunkCount, attention);
        ArrayView<Float4> records = _records.Require((long)tables.ChunkCount * channels * 4);
        LaunchCost cost = new(
            name, Stage, tables.Rows * 4.0 * channels * ((8.0 * attention.Inputs) + 20),
            (double)Storage.QuadBytes * tables.Rows * (attention.Inputs + channels), multiplied);
        Observer?.Before(cost);
        launcher(
            Stream, config, hidden, attention.Inputs,
            attention.Weight.View, attention.WeightStride, x, means, meanStride, channels, tables.Chunks, tables.RowUtterances, records);
        Observer?.After(cost);
        cost = new(
            "AttentiveStatistics.Pool", Stage, 32.0 * tables.ChunkCount * channels,
            16.0 * channels * ((8 * tables.ChunkCount) + (3 * tables.Utterances)));
        Observer?.Before(cost);
        _pool(
            Stream, new KernelConfig(checked(tables.Utterances * DivideUp(channels * 4, LineThreads)), LineThreads), records,
            means.Cast<float>(), 4 * meanStride, 4 * channels, tables.UtteranceChunks, pooled.Cast<float>());
        Observer?.After(cost);
    }

    /// <summary>The softmax head's probabilities (<see cref="SoftmaxHead"/>).</summary>
    /// <param name="embeddings"><c>[utterances, size]</c>.</param>
    /// <param name="scale">Of the batch normalisation.</param>
    /// <param name="shift">Of the batch normalisation.</param>
    /// <param name="layer">From embedding to scores.</param>
    /// <param name="classes">Number of classes: the layer's outputs without their padding.</param>
    /// <param name="activated">Room for <c>[utterances, size]</c>.</param>
    /// <param name="probabilities">Receives <c>[utterances, layer.Outputs]</c>.</param>
    /// <param name="utterances">Number of utterances.</param>
    public void Classify(
        ArrayView<Float4> embeddings, DeviceVector scale, DeviceVector shift, DeviceLinear layer, int classes, ArrayView<Float4> activated,
        ArrayView<Float4> probabilities, int utterances)
    {
        LaunchCost cost = new("SoftmaxHead.NormalizeRelu", Stage, 12.0 * utterances * layer.Inputs, 32.0 * utterances * layer.Inputs);
        Observer?.Before(cost);
        _normalizeRelu(Stream, Line(utterances, layer.Inputs), embeddings, scale.Quads, shift.Quads, activated, utterances, layer.Inputs);
        Observer?.After(cost);
        Linear(activated, layer, probabilities, utterances);
        cost = new("SoftmaxHead.Softmax", Stage, 4.0 * utterances * classes, 16.0 * utterances * classes);
        Observer?.Before(cost);
        _softmax(Stream, new KernelConfig(utterances, SoftmaxHead.Threads), probabilities.Cast<float>(), classes, 4 * layer.Outputs);
        Observer?.After(cost);
    }

    private void Convolve(
        DeviceRows input, DeviceConv conv, int dilation, Epilogue epilogue, DeviceRows output, ArrayView<Float4> bias,
        ArrayView<Float4>? means, ArrayView<Float4>? sums, in BatchTables tables)
    {
        if (conv.Scale is not null)
            epilogue |= Epilogue.ScaleShift;
        // With sums of segments, rows are counted by the segments' places.
        int rows = sums is null ? tables.Rows : checked(tables.SegmentCount * TimeMoments.SegmentFrames);
        ConvForm form = new(conv.Taps, epilogue, means is not null);
        (ConvLauncher launcher, string name, KernelConfig config, Precision multiplied) =
            Storage.Tensor is { } tensor ? tensor.Convolution(_plan, rows, conv, form) : Convolution(rows, conv, form);
        ConvExtent extent = new(rows, dilation, conv.Inputs, input.Stride, conv.Outputs, output.Stride, conv.WeightStride);
        double weights = 16.0 * conv.Taps * conv.Inputs * conv.Outputs, stored = Storage.QuadBytes;
        LaunchCost cost = new(
            name, Stage, 2 * weights * tables.Rows,
            (tables.Rows * (((double)input.View.QuadBytes * conv.Inputs) + (stored * conv.Outputs))) + (stored / 4 * weights)
                + (sums is null ? 0 : 16.0 * tables.SegmentCount * conv.Outputs),
            multiplied);
        Observer?.Before(cost);
        launcher(
            Stream, config, input.View, conv.Weight.View, bias, conv.Scale?.Quads ?? conv.Bias.Quads,
            conv.Shift?.Quads ?? conv.Bias.Quads, means ?? conv.Bias.Quads, tables.RowUtterances, tables.Offsets, tables.Segments,
            output.View, sums ?? conv.Bias.Quads, extent, form);
        Observer?.After(cost);
    }

    private ReadyKernel<AttentionLauncher> Attention(int chunks, DeviceConv attention)
    {
        ProductTile tile = _plan.Attention(chunks, attention.Outputs * 4);
        if (!_attentions.TryGetValue(tile, out AttentionLauncher? launcher))
            _attentions[tile] = launcher = Storage.Attention(_accelerator, tile, TilePlan.Specialization(tile));
        return new(
            launcher, "AttentiveStatistics.Chunks",
            new KernelConfig(checked(chunks * DivideUp(attention.Outputs * 4, tile.Columns)), tile.Threads));
    }

    private ArrayView<Float4> SumChunks(DeviceRows x, int channels, bool deviation, in BatchTables tables, out ArrayView<Float4> squares)
    {
        long size = (long)tables.ChunkCount * channels;
        ArrayView<Float4> sums = _sums.Require(size);
        squares = deviation ? _squares.Require(size) : sums;
        int threads = Math.Min(LineThreads, RoundUp(channels, 32)), parts = deviation ? 2 : 1;
        LaunchCost cost = new(
            "TimeMoments.Chunks", Stage, (deviation ? 16.0 : 4.0) * tables.Rows * channels,
            channels * (((double)x.View.QuadBytes * tables.Rows) + (16.0 * parts * tables.ChunkCount)));
        Observer?.Before(cost);
        ChunksLauncher launcher = x.View.QuadBytes == Storage.QuadBytes ? _chunks : _featureChunks;
        launcher(
            Stream, new KernelConfig(checked(tables.ChunkCount * DivideUp(channels, threads)), threads), x.View, x.Stride, channels,
            tables.Chunks, sums, squares, deviation ? 1 : 0);
        Observer?.After(cost);
        return sums;
    }

    private static KernelConfig Line(int rows, int quads) =>
        new((int)((((long)rows * quads) + LineThreads - 1) / LineThreads), LineThreads);

    private static int DivideUp(int value, int divisor) => (value + divisor - 1) / divisor;

    private static int RoundUp(int value, int multiple) => DivideUp(value, multiple) * multiple;
}
