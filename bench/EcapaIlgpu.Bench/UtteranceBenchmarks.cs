using BenchmarkDotNet.Attributes;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels.Checking;
using EcapaIlgpu.Engines.Simd;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Bench;

/// <summary>Features to embeddings, whole batches through a random GLOB network, on all cores.</summary>
public class UtteranceBenchmarks
{
    private SimdEngine _engine = null!;
    private PackedBatch _batch = null!;
    private float[] _embeddings = [];

    [Params(512, 1024)]
    public int Channels { get; set; }

    [Params("1x200", "1x300", "8x300", "32x200")]
    public string Utterances { get; set; } = "";

    [GlobalSetup]
    public void CreateEngine()
    {
        _engine = new SimdEngine(RandomModels.Create(new EcapaConfig { Channels = Channels, GlobalContext = true }, seed: 1));
        _batch = BatchCase.Parse(Utterances, "cpu").Pack(_engine.Config);
        _embeddings = new float[_batch.Count * _engine.Config.EmbeddingSize];
    }

    [GlobalCleanup]
    public void DisposeEngine() => _engine.Dispose();

    [Benchmark]
    public void Embed() => _engine.Embed(_batch, _embeddings);
}
