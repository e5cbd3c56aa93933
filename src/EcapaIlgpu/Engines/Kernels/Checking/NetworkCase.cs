using EcapaIlgpu.Engines.Reference;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Kernels.Checking;

/// <summary>A whole network of random weights on one batch: a case for devices that run kernels and for engines that have none.</summary>
/// <param name="Batch">What kind of batch, for people.</param>
/// <param name="Lengths">Frames of each utterance.</param>
/// <param name="Config">The network.</param>
internal sealed record NetworkCase(string Batch, int[] Lengths, EcapaConfig Config)
{
    private static readonly int[] Ragged = [300, 28, 64, 129, 200];

    /// <summary>Few and many channels, with and without global context, every pooling.</summary>
    public static IReadOnlyList<NetworkCase> All { get; } =
    [
        .. ((int[])[32, 512, 1024]).SelectMany(channels => new NetworkCase[]
        {
            new("28 frames", [28], new EcapaConfig { Channels = channels, GlobalContext = true }),
            new("ragged", Ragged, new EcapaConfig { Channels = channels, GlobalContext = true }),
        }),
        new("ragged", Ragged, new EcapaConfig()),
        .. ((Pooling[])[Pooling.Tap, Pooling.Tsdp, Pooling.Tstp]).Select(pooling =>
            new NetworkCase("ragged", Ragged, new EcapaConfig { Channels = 32, Pooling = pooling, EmbeddingBatchNorm = true })),
    ];

    /// <summary>The case for a device that runs kernels.</summary>
    public KernelCase OnKernels => new(
        "network", $"{Batch}, {Config.Name}{(Config.Pooling == Pooling.Astp ? "" : $" {Config.Pooling}")}",
        (double)Lengths.Sum() * RandomModels.Create(Config, Seed).OperationsPerFrame, CaseScope.Network,
        device => Run(weights => new KernelEngine(weights, device.Accelerator, device.Precision, device.Plan)));

    private static int Seed => 12;

    /// <summary>Runs the case on an engine.</summary>
    public CaseOutput Run(Func<EcapaWeights, IEmbeddingEngine> create)
    {
        EcapaWeights weights = RandomModels.Create(Config, Seed);
        PackedBatch input = RandomModels.Batch(Lengths, Config.FeatureDim, seed: 13);
        float[] embeddings = new float[Lengths.Length * Config.EmbeddingSize];
        using IEmbeddingEngine engine = create(weights);
        engine.Embed(input, embeddings);
        using ReferenceEngine reference = new(weights);
        return new CaseOutput([.. reference.EmbedExactly(input).SelectMany(e => e)], embeddings);
    }
}
