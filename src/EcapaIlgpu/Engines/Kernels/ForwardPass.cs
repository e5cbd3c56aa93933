using EcapaIlgpu.Features;
using EcapaIlgpu.Kernels;
using EcapaIlgpu.Model;
using ILGPU;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>
/// The network from a batch's input on the device to its embeddings there: queues kernels, and owns the activations between them.
/// </summary>
/// <remarks>Not thread-safe: one batch at a time. What is queued depends on the input's form alone.</remarks>
internal sealed class ForwardPass
{
    private readonly EcapaConfig _config;
    private readonly Network _network;
    private readonly Func<DeviceFilterbank> _filterbank;
    private readonly NetworkOperations _operations;
    private readonly DeviceBuffer<Float4> _frames;
    private readonly DeviceBuffer<byte> _concatenated;
    private readonly DeviceBuffer<byte> _work;
    private readonly DeviceBuffer<Float4> _vectors;

    /// <param name="config">What the network is.</param>
    /// <param name="network">Its weights.</param>
    /// <param name="filterbank">Gives what batches of samples need.</param>
    /// <param name="operations">Where kernels are queued.</param>
    public ForwardPass(EcapaConfig config, Network network, Func<DeviceFilterbank> filterbank, NetworkOperations operations)
    {
        (_config, _network, _filterbank, _operations) = (config, network, filterbank, operations);
        ILGPU.Runtime.Accelerator accelerator = operations.Stream.Accelerator;
        (_frames, _concatenated, _work, _vectors) = (new(accelerator), new(accelerator), new(accelerator), new(accelerator));
    }

    /// <summary>The memory kept between batches.</summary>
    public IEnumerable<IMovingMemory> Buffers => [_frames, _concatenated, _work, _vectors];

    /// <summary>Quads of an embedding's row.</summary>
    public int EmbeddingQuads => _network.Linear.Outputs;

    /// <summary>
    /// Bytes that a frame takes in <see cref="Buffers"/>, in those of the operations and in the input, for utterances of half a second
    /// and more: what short ones have beside their frames weighs more.
    /// </summary>
    public static long BytesPerRow(Network network)
    {
        const int ShortestUtterance = 50, Float4Bytes = 16;
        double rows = Math.Max(network.ConcatenatedQuads, network.HiddenQuads) + Math.Max(3 * network.ChannelQuads, network.AggregateQuads);
        double perUtterance =
            network.ChannelQuads + (2.0 * network.AggregateQuads) + network.HiddenQuads + network.Linear.Inputs + network.Linear.Outputs;
        // A chunk has a record of a quad for each channel and, at another time, sums and squares of a quarter of that.
        double perChunk = 6.0 * network.AggregateQuads, perSegment = network.ChannelQuads;
        double quads =
            (2 * network.Layer1.Inputs) + ((perUtterance + perChunk) / ShortestUtterance) + (4 * perSegment / ShortestUtterance) + 1;
        return (long)Math.Ceiling((rows * network.Storage.QuadBytes) + (quads * Float4Bytes));
    }

    /// <summary>The most rows of a batch: kernels count quads in 32 bits.</summary>
    public static int MostRows(Network network) => int.MaxValue / Math.Max(network.ConcatenatedQuads, network.AggregateQuads);

    /// <summary>Queues all kernels of a batch.</summary>
    /// <param name="form">The input's form.</param>
    /// <param name="input">The input, as <see cref="BatchInput.Write"/> has it.</param>
    /// <param name="cancellation">Stops between parts of the network.</param>
    /// <returns><c>[utterances, <see cref="EmbeddingQuads"/>]</c>, there when the stream has passed what was queued.</returns>
    /// <exception cref="DeviceMemoryException">The device has no room for the activations.</exception>
    public ArrayView<Float4> Queue(in InputForm form, ArrayView<Float4> input, CancellationToken cancellation)
    {
        BatchTables tables = new(form.Shape, input.SubView(0, form.TableQuads).Cast<int>());
        ArrayView<Float4> content = input.SubView(form.TableQuads, form.Quads - form.TableQuads);
        VectorViews vectors = new(_vectors, form.Shape.Utterances, _network);
        _operations.Stage = "features";
        DeviceRows frames = new(content, ChannelLayout.Plain(_config.FeatureDim).Quads);
        ArrayView<Float4>? means = null;
        if (form.Kind != InputKind.Features)
        {
            frames = new(_frames.Require((long)tables.Rows * frames.Stride), frames.Stride);
            if (form.Kind == InputKind.ShortSamples)
                _filterbank().Compute(content.Cast<short>(), frames.View.As<Float4>(), tables, _operations);
            else
                _filterbank().Compute(content.Cast<float>(), frames.View.As<Float4>(), tables, _operations);
            means = vectors.Moments;
            _operations.Moments(frames, frames.Stride, deviation: false, means.Value, tables);
        }
        QuadView outputs = Convolutions(frames, means, vectors, tables, cancellation, out QuadView aggregated);
        _operations.Stage = "pool";
        Pool(aggregated, outputs.SubView(0, (long)tables.Rows * _network.HiddenQuads), vectors, tables);
        _operations.Stage = "linear";
        _operations.Linear(vectors.Pooled, _network.Linear, vectors.Embeddings, tables.Utterances);
        return vectors.Embeddings;
    }

    /// <summary>From features to the aggregated frames. Returns memory that is free again: the blocks' outputs.</summary>
    private QuadView Convolutions(
        DeviceRows frames, ArrayView<Float4>? means, in VectorViews vectors, in BatchTables tables, CancellationToken cancellation,
        out QuadView aggregated)
    {
        int rows = tables.Rows, channels = _network.ChannelQuads;
        int concatenated = _network.ConcatenatedQuads, aggregate = _network.AggregateQuads;
        long plane = (long)rows * channels;
        QuadView outputs = _operations.Storage.Require(_concatenated, (long)rows * Math.Max(concatenated, _network.HiddenQuads));
        QuadView work = _operations.Storage.Require(_work, Math.Max(3 * plane, (long)rows * aggregate));
        QuadView inner = work.SubView(0, plane), outer = work.SubView(plane, plane);
        DeviceRows state = new(work.SubView(2 * plane, plane), channels);

        _operations.Stage = "layer1";
        _operations.Convolve(frames, _network.Layer1, 1, Epilogue.Relu, state, tables, means: means);
        for (int b = 0; b < _network.Blocks.Count; b++)
        {
            cancellation.ThrowIfCancellationRequested();
            _operations.Stage = $"layer{b + 2}";
            DeviceBlock block = _network.Blocks[b];
            DeviceRows output = new(outputs.SubView(b * channels, outputs.Length - (b * channels)), concatenated);
            _operations.Convolve(state, block.First, 1, Epilogue.Relu, new DeviceRows(inner, channels), tables);
            _operations.Res2(inner, block.Res2, block.Dilation, outer, tables);
            ArrayView<Float4> sums = _operations.ConvolveAndSum(
                new DeviceRows(outer, channels), block.Second, Epilogue.Relu, new DeviceRows(inner, channels), tables);
            _operations.Gate(sums, block.Squeeze, block.Excite, vectors.Gates, tables);
            _operations.ScaleAndAdd(inner, vectors.Gates, state, output, channels, tables);
            state = output;
        }
        cancellation.ThrowIfCancellationRequested();
        _operations.Stage = "conv";
        // What the blocks worked in is free now: the aggregate lies there, and later the hidden layer where the blocks' outputs were.
        aggregated = work.SubView(0, (long)rows * aggregate);
        _operations.Convolve(
            new DeviceRows(outputs, concatenated), _network.Aggregate, 1, Epilogue.Relu, new DeviceRows(aggregated, aggregate), tables);
        return outputs;
    }

    /// <summary>From frames to one vector for each utterance.</summary>
    private void Pool(QuadView x, QuadView hidden, in VectorViews vectors, in BatchTables tables)
    {
        int channels = _network.AggregateQuads;
        DeviceRows rows = new(x, channels);
        if (_network.AttentionDown is null)
        {
            _operations.Moments(rows, channels, deviation: _config.Pooling is not Pooling.Tap, vectors.Pooled, tables);
            return;
        }
        bool context = _network.AttentionContext is not null;
        int meanStride = context ? 2 * channels : channels;
        _operations.Moments(rows, channels, context, vectors.Moments, tables);
        ArrayView<Float4>? bias = null;
        if (_network.AttentionContext is not null)
        {
            _operations.Linear(vectors.Moments, _network.AttentionContext, vectors.Context, tables.Utterances);
            bias = vectors.Context;
        }
        _operations.Convolve(rows, _network.AttentionDown, 1, Epilogue.Tanh, new DeviceRows(hidden, _network.HiddenQuads), tables, bias);
        _operations.Attend(hidden, _network.AttentionUp!, x, vectors.Moments, meanStride, vectors.Pooled, tables);
    }

    /// <summary>What has one row for each utterance, in one buffer.</summary>
    private readonly struct VectorViews
    {
        public VectorViews(DeviceBuffer<Float4> buffer, int utterances, Network network)
        {
            int moments = Math.Max(2 * network.AggregateQuads, Fbank.MelBins / 4);
            int[] quads = [network.ChannelQuads, moments, network.HiddenQuads, network.Linear.Inputs, network.Linear.Outputs];
            ArrayView<Float4> memory = buffer.Require((long)utterances * quads.Sum());
            long start = 0;
            ArrayView<Float4> Next(int part)
            {
                ArrayView<Float4> view = memory.SubView(start, (long)utterances * quads[part]);
                start += view.Length;
                return view;
            }
            (Gates, Moments, Context, Pooled, Embeddings) = (Next(0), Next(1), Next(2), Next(3), Next(4));
        }

        public ArrayView<Float4> Gates { get; }

        public ArrayView<Float4> Moments { get; }

        public ArrayView<Float4> Context { get; }

        public ArrayView<Float4> Pooled { get; }

        public ArrayView<Float4> Embeddings { get; }
    }
}
