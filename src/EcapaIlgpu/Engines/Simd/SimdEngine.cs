using System.Numerics.Tensors;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>
/// The fast CPU engine: float32 on packed rows of many utterances, vectors of 512, 256 or 128 bits, all cores.
/// </summary>
/// <remarks>
/// <para>
/// Memory is 4 R (2 C + 1536) bytes and a fixed remainder, R being the frames of the longest utterance, at least 4096, however many there
/// are: an hour of speech in one utterance takes 3.7 GB with 512 channels and 5.2 GB with 1024. It is kept for the next batch, except after
/// such giants.
/// </para>
/// <para>
/// Thread-safe: calls from several threads wait for each other, <see cref="Dispose"/> among them. Whoever made the engine disposes of it:
/// its threads end then and not before; those of an engine that is only forgotten stay until the process ends.
/// </para>
/// </remarks>
public sealed unsafe class SimdEngine : IEmbeddingEngine
{
    /// <summary>
    /// Frames that go through the network together, and through a block where one utterance has more: enough for the weights to be worth
    /// fetching (60 MB with 1024 channels), few enough that memory does not grow with the batch.
    /// </summary>
    private const int SliceFrames = 4096;

    /// <summary>Floats that the engine keeps from one batch to the next: 256 MB.</summary>
    private const long KeptFloats = 64L << 20;

    private readonly Lock _gate = new();
    private readonly EcapaWeights _weights;
    private readonly WorkerPool _pool;
    private readonly RowProduct _product;
    private readonly PackedConv _layer1;
    private readonly SeRes2Block[] _blocks;
    private readonly PackedConv[] _aggregate;
    private readonly Pooler _pooler;
    private readonly PackedConv _linear;
    private readonly AlignedBuffer _zeros;
    private readonly AlignedBuffer _state = new();
    private readonly AlignedBuffer _branch = new();
    private readonly AlignedBuffer _aggregated = new();
    private readonly AlignedBuffer _pooled = new();
    private readonly AlignedBuffer _embedded = new();
    private bool _disposed;

    /// <summary>Packs the weights for this processor.</summary>
    /// <param name="weights">The network.</param>
    /// <param name="options">Threads and vector width; null for all of the machine.</param>
    /// <exception cref="PlatformNotSupportedException">The vector width asked for is not to be had.</exception>
    /// <exception cref="ArgumentException">A tensor of the weights is not as long as their configuration makes it.</exception>
    public SimdEngine(EcapaWeights weights, SimdOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentOutOfRangeException.ThrowIfNegative(options?.Threads ?? 0);
        // Loops over pointers trust the shapes from here on.
        _weights = weights = EcapaTensors.Checked(weights);
        MatrixKernel kernel = MatrixKernel.Create(options?.VectorBits);
        int threads = options?.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        EcapaConfig config = weights.Config;
        _pool = new WorkerPool(threads);
        _product = new RowProduct(kernel, _pool);
        _zeros = new AlignedBuffer(Math.Max(config.Channels, config.FeatureDim));
        _layer1 = PackedConv.From(kernel, weights.Layer1.Conv, weights.Layer1.Bn);
        _blocks = [.. weights.Blocks.Select(block => new SeRes2Block(_product, _pool, block, _zeros.Pointer))];
        _aggregate = [.. _blocks.Select((_, b) => PackedConv.Slice(kernel, weights.Aggregate, b * config.Channels, config.Channels))];
        _pooler = new Pooler(_product, _pool, weights);
        FoldedLinear linear = new(weights);
        _linear = new PackedConv(kernel.PanelWidth, linear.Outputs, linear.Inputs, 1, (o, i, _) => linear.Weight(o, i), linear.Bias);
        Description = $"cpu ({kernel.Name}, {threads} {(threads == 1 ? "thread" : "threads")}, {Precision.Fp32.Name()})";
    }

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public EcapaConfig Config => _weights.Config;

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The engine was disposed.</exception>
    public void Embed(PackedBatch batch, Span<float> embeddings, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.FeatureDim != Config.FeatureDim)
        {
            throw new ArgumentException(
                $"The network reads {Config.FeatureDim} numbers a frame, the batch has {batch.FeatureDim}.", nameof(batch));
        }
        if (embeddings.Length != (long)batch.Count * Config.EmbeddingSize)
        {
            throw new ArgumentException(
                $"{batch.Count} embeddings of {Config.EmbeddingSize} do not fit a span of {embeddings.Length}.", nameof(embeddings));
        }
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            try
            {
                if (batch.Count > 0)
                    Forward(batch, embeddings, cancellation);
            }
            finally
            {
                ReleaseGiants();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
        }
        _pool.Dispose();
        foreach (IDisposable part in (IEnumerable<IDisposable>)[_layer1, .. _blocks, .. _aggregate, _pooler, _linear, _zeros, .. Buffers()])
            part.Dispose();
    }

    private void Forward(PackedBatch batch, Span<float> embeddings, CancellationToken cancellation)
    {
        using System.Buffers.MemoryHandle frames = batch.Frames.Pin();
        ReadOnlySpan<int> offsets = batch.Offsets;
        for (int first = 0, end; first < batch.Count; first = end)
        {
            int firstRow = offsets[first];
            end = first + 1;
            while (end < batch.Count && offsets[end + 1] - firstRow <= SliceFrames)
                end++;
            int[] slice = new int[end - first + 1];
            TensorPrimitives.Subtract(offsets[first..(end + 1)], firstRow, slice);
            float* input = (float*)frames.Pointer + ((nint)firstRow * Config.FeatureDim);
            Forward(input, slice, embeddings[(first * Config.EmbeddingSize)..(end * Config.EmbeddingSize)], cancellation);
        }
    }

    /// <summary>The forward pass of some utterances.</summary>
    /// <param name="frames"><c>[rows, FeatureDim]</c>.</param>
    /// <param name="offsets">First row of each utterance, then the number of rows.</param>
    /// <param name="embeddings">Receives <c>[utterances, EmbeddingSize]</c>.</param>
    /// <param name="cancellation">Looked at between stages.</param>
    private void Forward(float* frames, int[] offsets, Span<float> embeddings, CancellationToken cancellation)
    {
        int rows = offsets[^1], utterances = offsets.Length - 1, channels = Config.Channels;
        FrameRange[] ranges = new FrameRange(0, rows, 0, rows).CutEvenly(SliceFrames);
        float* state = _state.Require((long)rows * channels);
        float* branch = _branch.Require((long)rows * Math.Max(channels, EcapaConfig.Bottleneck));
        float* aggregated = _aggregated.Require((long)rows * EcapaConfig.AggregateChannels);
        _product.RunTaps(_layer1, frames, _zeros.Pointer, offsets, new Epilogue { Relu = true }, state);
        for (int b = 0; b < _blocks.Length; b++)
        {
            _blocks[b].Run(state, branch, offsets, ranges, cancellation);
            // The aggregating convolution reads the three blocks' outputs side by side; summing its product block by block spares keeping
            // them.
            Epilogue epilogue = new() { Accumulate = b > 0, Relu = b == _blocks.Length - 1 };
            _product.Run(_aggregate[b], state, channels, rows, epilogue, aggregated, EcapaConfig.AggregateChannels);
            cancellation.ThrowIfCancellationRequested();
        }
        float* pooled = _pooled.Require((long)utterances * Config.PooledSize);
        _pooler.Run(aggregated, offsets, branch, pooled, cancellation);
        float* embedded = _embedded.Require(embeddings.Length);
        _product.Run(_linear, pooled, Config.PooledSize, utterances, default, embedded, Config.EmbeddingSize);
        new ReadOnlySpan<float>(embedded, embeddings.Length).CopyTo(embeddings);
    }

    private void ReleaseGiants()
    {
        if (Buffers().Sum(buffer => buffer.Length) <= KeptFloats)
            return;
        foreach (AlignedBuffer buffer in Buffers())
            buffer.Dispose();
    }

    private IEnumerable<AlignedBuffer> Buffers() => [_state, _branch, _aggregated, _pooled, _embedded, .. _pooler.Buffers];
}
