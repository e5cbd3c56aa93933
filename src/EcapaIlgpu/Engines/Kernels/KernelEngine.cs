using EcapaIlgpu.Features;
using EcapaIlgpu.Kernels;
using EcapaIlgpu.Model;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>
/// The network as C# kernels on an accelerator: an NVIDIA GPU through CUDA, any GPU through OpenCL, or the kernels compiled for the CPU. From feature rows, or from samples with the
/// filterbank on the device as well.
/// </summary>
/// <remarks>
/// <para>
/// Memory on the device for R frames is about 4 R (3 C + max(3 C, 1536)) bytes beside the weights: 12 KB a frame with 512 channels, 25 KB with 1024. It is kept for the
/// next batch. A batch that does not fit is computed in two halves, and these in halves again; only a single utterance that does not fit is an error.
/// </para>
/// <para>Thread-safe: calls from several threads wait for each other. <see cref="Dispose"/> may be called twice, but not during a call.</para>
/// </remarks>
public sealed class KernelEngine : IEmbeddingEngine
{
    private readonly Lock _gate = new();
    private readonly EcapaWeights _weights;
    private readonly Accelerator _accelerator;
    private readonly IDisposable? _owned;
    private readonly AcceleratorStream _stream;
    private readonly NetworkOperations _operations;
    private readonly Network _network;
    private readonly DeviceBuffer<int> _tables;
    private readonly DeviceBuffer<Float4> _frames;
    private readonly DeviceBuffer<Float4> _concatenated;
    private readonly DeviceBuffer<Float4> _work;
    private readonly DeviceBuffer<Float4> _vectors;
    private readonly DeviceBuffer<float> _samples;
    private readonly DeviceBuffer<int> _sampleOffsets;
    private DeviceFilterbank? _filterbank;
    private bool _disposed;

    /// <summary>Uploads the weights.</summary>
    /// <param name="weights">The network.</param>
    /// <param name="accelerator">Where it runs.</param>
    /// <param name="plan">How kernels are cut; null for what fits the device.</param>
    /// <param name="owned">What is disposed with the engine; null for nothing.</param>
    internal KernelEngine(EcapaWeights weights, Accelerator accelerator, TilePlan? plan = null, IDisposable? owned = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(accelerator);
        // Kernels trust the shapes from here on.
        weights = EcapaTensors.Checked(weights);
        (_weights, _accelerator, _owned) = (weights, accelerator, owned);
        _stream = accelerator.CreateStream();
        _operations = new NetworkOperations(accelerator, _stream, plan ?? new TilePlan(accelerator));
        _network = new Network(accelerator, weights);
        (_tables, _sampleOffsets, _samples) = (new(accelerator), new(accelerator), new(accelerator));
        (_frames, _concatenated, _work, _vectors) = (new(accelerator), new(accelerator), new(accelerator), new(accelerator));
        Description = $"{DeviceSelector.KindOf(accelerator.AcceleratorType)} ({accelerator.Name})";
    }

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public EcapaConfig Config => _weights.Config;

    /// <summary>Sees every launch; null for none.</summary>
    internal ILaunchObserver? Observer
    {
        get => _operations.Observer;
        set => _operations.Observer = value;
    }

    /// <summary>Where launches are queued, for markers among them.</summary>
    internal AcceleratorStream Stream => _stream;

    /// <inheritdoc/>
    /// <exception cref="InputException">A single utterance does not fit the device's memory.</exception>
    /// <exception cref="DeviceException">The device failed.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed.</exception>
    public void Embed(PackedBatch batch, Span<float> embeddings, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.FeatureDim != Config.FeatureDim)
            throw new ArgumentException($"The network reads {Config.FeatureDim} numbers a frame, the batch has {batch.FeatureDim}.", nameof(batch));
        CheckRoom(batch.Count, embeddings);
        Run(new FeatureSource(batch), embeddings, cancellation);
    }

    /// <summary>Embeds utterances from their samples: filterbank and mean normalisation run on the device too.</summary>
    /// <param name="samples">16 kHz samples of all utterances, end to end.</param>
    /// <param name="sampleOffsets">First sample of each utterance, then the number of samples; every utterance has at least 400.</param>
    /// <param name="embeddings">Receives <c>[utterances, Config.EmbeddingSize]</c>.</param>
    /// <param name="cancellation">Stops between pieces of work; <paramref name="embeddings"/> is then undefined.</param>
    /// <exception cref="ArgumentException">The offsets do not describe the samples, the room does not fit, or the network does not read 80 mel bins.</exception>
    /// <exception cref="InputException">A single utterance does not fit the device's memory.</exception>
    /// <exception cref="DeviceException">The device failed.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed.</exception>
    public void EmbedSamples(
        ReadOnlyMemory<short> samples, ReadOnlyMemory<int> sampleOffsets, Span<float> embeddings, CancellationToken cancellation = default) =>
        RunSamples(samples, sampleOffsets, embeddings, cancellation);

    /// <inheritdoc cref="EmbedSamples(ReadOnlyMemory{short}, ReadOnlyMemory{int}, Span{float}, CancellationToken)"/>
    /// <param name="samples">16 kHz samples of all utterances, end to end, full scale ±32768.</param>
    /// <param name="sampleOffsets">First sample of each utterance, then the number of samples; every utterance has at least 400.</param>
    /// <param name="embeddings">Receives <c>[utterances, Config.EmbeddingSize]</c>.</param>
    /// <param name="cancellation">Stops between pieces of work; <paramref name="embeddings"/> is then undefined.</param>
    public void EmbedSamples(
        ReadOnlyMemory<float> samples, ReadOnlyMemory<int> sampleOffsets, Span<float> embeddings, CancellationToken cancellation = default) =>
        RunSamples(samples, sampleOffsets, embeddings, cancellation);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
        }
        ReleaseBuffers();
        foreach (IDisposable? part in (IDisposable?[])[_network, _filterbank, _stream, _owned])
            part?.Dispose();
    }

    private void RunSamples<T>(ReadOnlyMemory<T> samples, ReadOnlyMemory<int> sampleOffsets, Span<float> embeddings, CancellationToken cancellation)
        where T : unmanaged
    {
        if (Config.FeatureDim != Fbank.MelBins)
            throw new ArgumentException($"The filterbank has {Fbank.MelBins} bins, the network reads {Config.FeatureDim}.", nameof(samples));
        SampleSource<T> source = new(samples, sampleOffsets.Span);
        CheckRoom(source.Utterances, embeddings);
        Run(source, embeddings, cancellation);
    }

    private void CheckRoom(int utterances, ReadOnlySpan<float> embeddings)
    {
        if (embeddings.Length != (long)utterances * Config.EmbeddingSize)
            throw new ArgumentException($"{utterances} embeddings of {Config.EmbeddingSize} do not fit a span of {embeddings.Length}.", nameof(embeddings));
    }

    private void Run(BatchSource source, Span<float> embeddings, CancellationToken cancellation)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            try
            {
                RunRange(source, 0, source.Utterances, embeddings, cancellation);
            }
            catch (AcceleratorException fault)
            {
                throw new DeviceException(_accelerator.Name, fault);
            }
        }
    }

    /// <summary>Utterances <paramref name="from"/> to <paramref name="to"/> (exclusive), in halves where the device is too small for all.</summary>
    private void RunRange(BatchSource source, int from, int to, Span<float> embeddings, CancellationToken cancellation)
    {
        if (from == to)
            return;
        int rows = source.Offsets[to] - source.Offsets[from], size = Config.EmbeddingSize;
        try
        {
            // Kernels count quads of channels in 32 bits.
            if ((long)rows * Math.Max(_network.ConcatenatedQuads, _network.AggregateQuads) > int.MaxValue)
                throw new DeviceMemoryException(_accelerator.Name, 16L * rows * _network.ConcatenatedQuads, new OverflowException());
            Forward(source, from, to, embeddings.Slice(from * size, (to - from) * size), cancellation);
            return;
        }
        catch (Exception e) when (e is DeviceMemoryException || DeviceMemoryException.IsReportedBy(e) == true)
        {
            ReleaseBuffers();
            if (to - from == 1)
            {
                throw new InputException(
                    $"utterance {from} of the batch",
                    $"its {rows} frames ({rows / 100.0:f0} s) do not fit the memory of {_accelerator.Name} ({_accelerator.MemorySize / 1e9:f1} GB); cut it into pieces, or use --device cpu.",
                    e);
            }
        }
        int middle = from + 1;
        while (middle < to - 1 && source.Offsets[middle] - source.Offsets[from] < rows / 2)
            middle++;
        RunRange(source, from, middle, embeddings, cancellation);
        RunRange(source, middle, to, embeddings, cancellation);
    }

    private void Forward(BatchSource source, int from, int to, Span<float> embeddings, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        NetworkOperations operations = _operations;
        int[] offsets = source.Range(from, to);
        BatchTables tables = BatchTables.Upload(offsets, _tables, _stream);
        int rows = tables.Rows, utterances = tables.Utterances, inputQuads = ChannelLayout.Plain(Config.FeatureDim).Quads;
        ArrayView<Float4> frames = _frames.Require((long)rows * inputQuads);
        operations.Stage = "features";
        source.Upload(this, from, to, frames, tables);
        int channels = _network.ChannelQuads, concatenated = _network.ConcatenatedQuads;
        long plane = (long)rows * channels;
        ArrayView<Float4> outputs = _concatenated.Require((long)rows * Math.Max(concatenated, _network.HiddenQuads));
        ArrayView<Float4> work = _work.Require(Math.Max(3 * plane, (long)rows * _network.AggregateQuads));
        ArrayView<Float4> inner = work.SubView(0, plane), outer = work.SubView(plane, plane);
        DeviceRows state = new(work.SubView(2 * plane, plane), channels);
        VectorViews vectors = new(_vectors, utterances, _network);

        operations.Stage = "layer1";
        operations.Convolve(new DeviceRows(frames, inputQuads), _network.Layer1, 1, Epilogue.Relu, state, tables);
        for (int b = 0; b < _network.Blocks.Count; b++)
        {
            cancellation.ThrowIfCancellationRequested();
            operations.Stage = $"layer{b + 2}";
            DeviceBlock block = _network.Blocks[b];
            DeviceRows output = new(outputs.SubView(b * channels, outputs.Length - (b * channels)), concatenated);
            operations.Convolve(state, block.First, 1, Epilogue.Relu, new DeviceRows(inner, channels), tables);
            operations.Res2(inner, block.Res2, block.Dilation, outer, tables);
            operations.Convolve(new DeviceRows(outer, channels), block.Second, 1, Epilogue.Relu, new DeviceRows(inner, channels), tables);
            operations.Gate(new DeviceRows(inner, channels), block.Squeeze, block.Excite, vectors.Gates, tables);
            operations.ScaleAndAdd(inner, vectors.Gates, state, output, channels, tables);
            state = output;
        }
        cancellation.ThrowIfCancellationRequested();
        operations.Stage = "conv";
        int aggregate = _network.AggregateQuads;
        // What the blocks worked in is free now: the aggregate lies there, and later the hidden layer where the blocks' outputs were.
        ArrayView<Float4> aggregated = work.SubView(0, (long)rows * aggregate);
        operations.Convolve(new DeviceRows(outputs, concatenated), _network.Aggregate, 1, Epilogue.Relu, new DeviceRows(aggregated, aggregate), tables);
        operations.Stage = "pool";
        Pool(aggregated, outputs.SubView(0, (long)rows * _network.HiddenQuads), vectors, tables);
        operations.Stage = "linear";
        operations.Linear(vectors.Pooled, _network.Linear, vectors.Embeddings, utterances);
        CopyBack(vectors.Embeddings, utterances, embeddings);
    }

    /// <summary>From frames to one vector for each utterance.</summary>
    private void Pool(ArrayView<Float4> x, ArrayView<Float4> hidden, in VectorViews vectors, in BatchTables tables)
    {
        int channels = _network.AggregateQuads;
        DeviceRows rows = new(x, channels);
        if (_network.AttentionDown is null)
        {
            // The deviation alone is the second half of the moments.
            bool deviation = Config.Pooling is not Pooling.Tap;
            _operations.Moments(rows, channels, deviation, Config.Pooling is Pooling.Tsdp ? vectors.Moments : vectors.Pooled, tables);
            for (int u = 0; u < tables.Utterances && Config.Pooling is Pooling.Tsdp; u++)
                vectors.Moments.SubView(((2 * u) + 1) * channels, channels).CopyTo(_stream, vectors.Pooled.SubView(u * channels, channels));
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

    private void CopyBack(ArrayView<Float4> rows, int utterances, Span<float> embeddings)
    {
        int size = Config.EmbeddingSize, stride = ChannelLayout.Plain(size).Padded;
        float[] padded = new float[utterances * stride];
        rows.Cast<float>().CopyToCPU(_stream, padded);
        _stream.Synchronize();
        for (int u = 0; u < utterances; u++)
            padded.AsSpan(u * stride, size).CopyTo(embeddings.Slice(u * size, size));
    }

    private void ReleaseBuffers()
    {
        _stream.Drain();
        foreach (IDisposable buffer in (IEnumerable<IDisposable>)[_tables, _frames, _concatenated, _work, _vectors, _samples, _sampleOffsets, .. _operations.Buffers])
            buffer.Dispose();
    }

    /// <summary>Where a batch's frames come from.</summary>
    private abstract class BatchSource(int[] offsets)
    {
        /// <summary>First row of each utterance, then the number of rows.</summary>
        public int[] Offsets => offsets;

        public int Utterances => offsets.Length - 1;

        /// <summary>The offsets of some utterances alone.</summary>
        public int[] Range(int from, int to) => [.. offsets[from..(to + 1)].Select(offset => offset - offsets[from])];

        /// <summary>Brings the frames of some utterances to the device.</summary>
        public abstract void Upload(KernelEngine engine, int from, int to, ArrayView<Float4> frames, in BatchTables tables);
    }

    /// <summary>Feature rows.</summary>
    private sealed class FeatureSource(PackedBatch batch)
        : BatchSource(batch.Offsets.ToArray())
    {
        public override void Upload(KernelEngine engine, int from, int to, ArrayView<Float4> frames, in BatchTables tables)
        {
            int dim = batch.FeatureDim, stride = ChannelLayout.Plain(dim).Padded, first = Offsets[from];
            ReadOnlySpan<float> rows = batch.Frames.Span.Slice(first * dim, tables.Rows * dim);
            if (stride != dim)
            {
                float[] padded = new float[tables.Rows * stride];
                for (int row = 0; row < tables.Rows; row++)
                    rows.Slice(row * dim, dim).CopyTo(padded.AsSpan(row * stride, dim));
                rows = padded;
            }
            frames.Cast<float>().CopyFromCPU(engine._stream, rows);
        }
    }

    /// <summary>Samples, from which the device computes the rows.</summary>
    private sealed class SampleSource<T>(ReadOnlyMemory<T> samples, ReadOnlySpan<int> sampleOffsets)
        : BatchSource(RowOffsets(samples.Length, sampleOffsets))
        where T : unmanaged
    {
        private readonly int[] _sampleOffsets = sampleOffsets.ToArray();

        public override void Upload(KernelEngine engine, int from, int to, ArrayView<Float4> frames, in BatchTables tables)
        {
            int first = _sampleOffsets[from], count = _sampleOffsets[to] - first;
            ArrayView<T> device = engine._samples.Require(((long)count * Interop.SizeOf<T>() + sizeof(float) - 1) / sizeof(float)).Cast<T>().SubView(0, count);
            device.CopyFromCPU(engine._stream, samples.Span.Slice(first, count));
            ArrayView<int> starts = engine._sampleOffsets.Require(to - from);
            starts.CopyFromCPU(engine._stream, _sampleOffsets[from..to].Select(offset => offset - first).ToArray());
            engine._filterbank ??= new DeviceFilterbank(engine._accelerator);
            engine._filterbank.Compute(device, starts, frames, tables, engine._operations);
            VectorViews vectors = new(engine._vectors, tables.Utterances, engine._network);
            engine._operations.NormalizeMean(frames, Fbank.MelBins / 4, vectors.Moments, tables);
        }

        private static int[] RowOffsets(int length, ReadOnlySpan<int> sampleOffsets)
        {
            if (sampleOffsets.IsEmpty || sampleOffsets[0] != 0 || sampleOffsets[^1] != length)
                throw new ArgumentException($"Offsets start at 0 and end at the number of samples, {length}.", nameof(sampleOffsets));
            int[] rows = new int[sampleOffsets.Length];
            for (int u = 1; u < rows.Length; u++)
            {
                long count = (long)sampleOffsets[u] - sampleOffsets[u - 1];
                int frames = count < 0 ? 0 : Fbank.FrameCount((int)count);
                if (frames == 0)
                    throw new ArgumentException($"Utterance {u - 1} has {count} samples; a frame has {Fbank.FrameLength}.", nameof(sampleOffsets));
                rows[u] = rows[u - 1] + frames;
            }
            return rows;
        }
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
