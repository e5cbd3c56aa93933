using BenchmarkDotNet.Attributes;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels.Checking;
using EcapaIlgpu.Engines.Simd;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Bench;

/// <summary>One layer of each kind of the CPU engine over 4 utterances of 300 frames, on all cores.</summary>
public unsafe class LayerBenchmarks
{
    private readonly List<IDisposable> _owned = [];
    private RowProduct _product = null!;
    private PackedConv _layer1 = null!;
    private PackedConv _aggregate = null!;
    private PackedConv _linear = null!;
    private SeRes2Block _block = null!;
    private Pooler _pooler = null!;
    private AlignedBuffer _zeros = null!;
    private AlignedBuffer _features = null!;
    private AlignedBuffer _state = null!;
    private AlignedBuffer _branch = null!;
    private AlignedBuffer _aggregated = null!;
    private AlignedBuffer _pooled = null!;
    private AlignedBuffer _embedded = null!;
    private FrameRange[] _ranges = [];
    private int[] _offsets = [];
    private int _rows;

    [Params(512, 1024)]
    public int Channels { get; set; }

    [GlobalSetup]
    public void PackWeights()
    {
        EcapaWeights weights = RandomModels.Create(new EcapaConfig { Channels = Channels, GlobalContext = true }, seed: 1);
        PackedBatch batch = BatchCase.Parse("4x300", "cpu").Pack(weights.Config);
        MatrixKernel kernel = MatrixKernel.Create();
        WorkerPool pool = Owned(new WorkerPool(Environment.ProcessorCount));
        _offsets = batch.Offsets.ToArray();
        _rows = batch.Rows;
        _ranges = [new FrameRange(0, _rows, 0, _rows)];
        _product = new RowProduct(kernel, pool);
        _zeros = Owned(new AlignedBuffer(Math.Max(Channels, weights.Config.FeatureDim)));
        _layer1 = Owned(PackedConv.From(kernel, weights.Layer1.Conv, weights.Layer1.Bn));
        _block = Owned(new SeRes2Block(_product, pool, weights.Blocks[0], _zeros.Pointer));
        _aggregate = Owned(PackedConv.Slice(kernel, weights.Aggregate, 0, Channels));
        _pooler = Owned(new Pooler(_product, pool, weights));
        _linear = Owned(PackedConv.From(kernel, weights.Linear));
        _features = Filled(batch.Frames.Span);
        _state = Filled(RandomModels.Features(_rows, Channels, seed: 2));
        _branch = Owned(new AlignedBuffer((long)_rows * Channels));
        _aggregated = Filled(RandomModels.Features(_rows, EcapaConfig.AggregateChannels, seed: 3));
        _pooled = Owned(new AlignedBuffer((long)batch.Count * weights.Config.PooledSize));
        _embedded = Owned(new AlignedBuffer((long)batch.Count * weights.Config.EmbeddingSize));
    }

    [GlobalCleanup]
    public void Release() => _owned.ForEach(o => o.Dispose());

    [Benchmark(Description = "k=5 convolution, 80 to C (layer1)")]
    public void Layer1() =>
        _product.RunTaps(_layer1, _features.Pointer, _zeros.Pointer, _offsets, new Epilogue { Relu = true }, _branch.Pointer);

    // In place: over many calls the numbers grow to infinity, with which vectors reckon no slower.
    [Benchmark(Description = "SE-Res2 block, dilation 2 (layer2)")]
    public void SeRes2() => _block.Run(_state.Pointer, _branch.Pointer, _offsets, _ranges, CancellationToken.None);

    [Benchmark(Description = "1x1 convolution, C to 1536 (a third of conv)")]
    public void Aggregate() => _product.Run(
        _aggregate, _state.Pointer, Channels, _rows, new Epilogue { Relu = true }, _aggregated.Pointer, EcapaConfig.AggregateChannels);

    [Benchmark(Description = "attentive statistics with global context (pool)")]
    public void Pool() => _pooler.Run(_aggregated.Pointer, _offsets, _branch.Pointer, _pooled.Pointer, CancellationToken.None);

    [Benchmark(Description = "pooled vector to embedding (linear)")]
    public void Linear() =>
        _product.Run(_linear, _pooled.Pointer, _linear.Inputs, _offsets.Length - 1, default, _embedded.Pointer, _linear.Outputs);

    private AlignedBuffer Filled(ReadOnlySpan<float> values)
    {
        AlignedBuffer buffer = Owned(new AlignedBuffer(values.Length));
        values.CopyTo(new Span<float>(buffer.Pointer, values.Length));
        return buffer;
    }

    private T Owned<T>(T resource)
        where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }
}
