using EcapaIlgpu.Engines.Simd;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Engines;

/// <summary>What only the CPU engine promises.</summary>
public class SimdEngineTests
{
    private static EcapaConfig Config { get; } = new() { Channels = 40, EmbeddingSize = 30, GlobalContext = true };

    [Fact]
    public void Vectors_of_every_width_give_the_same_bits()
    {
        EcapaWeights weights = RandomModels.Create(Config, 21);
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances([1, 28, 75, 300], Config.FeatureDim, 22);
        float[][][] perWidth = [.. from bits in (int[])[128, 256, 512]
                                   where bits <= MatrixKernel.WidestBits
                                   select Embed(weights, new SimdOptions { VectorBits = bits, Threads = 2 }, utterances)];
        foreach (float[][] other in perWidth)
            Assert.Equal(perWidth[0].SelectMany(e => e), other.SelectMany(e => e));
    }

    [Fact]
    public void A_batch_of_many_slices_gives_the_bits_of_each_utterance_alone()
    {
        // 4096 frames go together: slices of several utterances, of one that just fits, and of one that is itself cut.
        EcapaWeights weights = RandomModels.Create(Config, 27);
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances([1500, 2000, 900, 9000, 30, 4096, 7], Config.FeatureDim, 28);
        using SimdEngine engine = new(weights, new SimdOptions { Threads = 2 });
        Assert.Equal(utterances.Select(u => EngineTests.Embed(engine, [u])[0]), EngineTests.Embed(engine, utterances));
    }

    [Fact]
    public void A_width_that_is_not_to_be_had_is_refused() =>
        Assert.Throws<PlatformNotSupportedException>(
            () => new SimdEngine(RandomModels.Create(Config, 23), new SimdOptions { VectorBits = 1024 }));

    [Fact]
    public void The_description_names_the_threads()
    {
        using SimdEngine engine = new(RandomModels.Create(Config, 24), new SimdOptions { Threads = 3 });
        Assert.Contains("3 threads", engine.Description, StringComparison.Ordinal);
    }

    [Fact]
    public void A_disposed_engine_says_so_and_can_be_disposed_again()
    {
        SimdEngine engine = new(RandomModels.Create(Config, 25));
        engine.Dispose();
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(
            () => engine.Embed(RandomModels.Batch([30], Config.FeatureDim, 26), new float[Config.EmbeddingSize]));
    }

    private static float[][] Embed(EcapaWeights weights, SimdOptions options, ReadOnlyMemory<float>[] utterances)
    {
        using SimdEngine engine = new(weights, options);
        return EngineTests.Embed(engine, utterances);
    }
}
