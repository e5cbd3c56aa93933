using System.Collections.Concurrent;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Engines.Reference;
using EcapaIlgpu.Engines.Simd;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Engines;

/// <summary>An engine that all engine tests run on.</summary>
/// <param name="Name">What test reports call it.</param>
/// <param name="Create">Makes it for some weights and a number of threads.</param>
internal sealed record EngineUnderTest(string Name, Func<EcapaWeights, int, IEmbeddingEngine> Create)
{
    /// <summary>One for all tests: kernels are compiled once for an accelerator.</summary>
    private static Lazy<DeviceSession> Processor { get; } = new(() => DeviceSelector.Open("cpu-kernels"));

    /// <summary>Every engine of the library. A new one is one line here.</summary>
    public static IReadOnlyList<EngineUnderTest> All { get; } =
    [
        // Every vector width this machine has: the narrower ones are what other machines run.
        .. ((int[])[512, 256, 128]).Where(bits => bits <= MatrixKernel.WidestBits).Select(bits =>
            new EngineUnderTest(
                $"simd {bits}", (weights, threads) => new SimdEngine(weights, new SimdOptions { Threads = threads, VectorBits = bits }))),
        // The kernels on the one device that every machine has; KernelCaseTests hold the others to the same answers.
        new EngineUnderTest("cpu-kernels", (weights, _) => new KernelEngine(weights, Processor.Value.Accelerator)),
    ];

    public static EngineUnderTest Named(string name) => All.Single(e => e.Name == name);
}

/// <summary>A network and the lengths of the utterances that go through it.</summary>
/// <param name="Name">What test reports call it.</param>
/// <param name="Config">The network.</param>
/// <param name="Lengths">Frames of each utterance of one batch.</param>
internal sealed record EngineCase(string Name, EcapaConfig Config, params int[] Lengths)
{
    private static readonly ConcurrentDictionary<string, double[][]> Exact = new();

    /// <summary>
    /// Every pooling, with and without what is optional; channel counts that are and are not multiples of a vector's width (24 and 40
    /// have splits of 3 and 5); lengths about the reach of the widest convolution, tile sizes, and the single frame.
    /// </summary>
    public static IReadOnlyList<EngineCase> All { get; } =
    [
        new("c16 ASTP", new() { Channels = 16, EmbeddingSize = 24 }, 1, 2, 3, 27, 28, 64, 129),
        new(
            "c16 GLOB emb_bn", new() { Channels = 16, EmbeddingSize = 24, GlobalContext = true, EmbeddingBatchNorm = true }, 1, 2, 3, 4, 5,
            30, 31),
        new("c24 GLOB", new() { Channels = 24, EmbeddingSize = 7, GlobalContext = true }, 9, 1, 50, 8),
        new("c40 40 mels", new() { Channels = 40, FeatureDim = 40, EmbeddingSize = 33 }, 17, 16, 15, 65),
        new("c32 TSTP", new() { Channels = 32, Pooling = Pooling.Tstp }, 1, 2, 28, 100),
        new("c32 TSDP", new() { Channels = 32, Pooling = Pooling.Tsdp }, 1, 2, 28, 100),
        new("c64 TAP emb_bn", new() { Channels = 64, Pooling = Pooling.Tap, EmbeddingBatchNorm = true }, 1, 2, 28, 100),
        new("c64 GLOB 256", new() { Channels = 64, EmbeddingSize = 256, GlobalContext = true }, 300, 6, 127, 128),
        // Longer than any piece that an engine cuts utterances into.
        new("c16 GLOB long", new() { Channels = 16, EmbeddingSize = 24, GlobalContext = true }, 4200, 3, 2048),
        new("c512", new(), 28, 1, 129),
        new("c512 GLOB", new() { GlobalContext = true }, 1, 2, 3, 27, 28, 64, 129, 300),
    ];

    public static EngineCase Named(string name) => All.Single(c => c.Name == name);

    public EcapaWeights Weights => RandomModels.Create(Config, seed: 11);

    public ReadOnlyMemory<float>[] Utterances => RandomModels.Utterances(Lengths, Config.FeatureDim, seed: 12);

    /// <summary>The reference's embeddings, computed once however many engines ask.</summary>
    public double[][] ExactEmbeddings => Exact.GetOrAdd(Name, _ =>
    {
        using ReferenceEngine reference = new(Weights);
        return reference.EmbedExactly(PackedBatch.Pack(Utterances, Config.FeatureDim));
    });

    public override string ToString() => Name;
}
