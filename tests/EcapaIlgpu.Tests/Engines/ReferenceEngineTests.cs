using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Reference;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Engines;

/// <summary>The reference as an engine: batches in, rows out. What it computes is checked by the goldens.</summary>
public class ReferenceEngineTests
{
    private static EcapaConfig Config { get; } = new() { Channels = 16, EmbeddingSize = 9, EmbeddingBatchNorm = true };

    [Fact]
    public void Rows_are_the_rounded_embeddings_in_the_batchs_order()
    {
        using ReferenceEngine engine = new(RandomModels.Create(Config, 31));
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances([4, 1, 30], Config.FeatureDim, 32);
        float[] rows = new float[3 * Config.EmbeddingSize];
        engine.Embed(PackedBatch.Pack(utterances, Config.FeatureDim), rows);
        double[] alone = [.. utterances.SelectMany(u => engine.EmbedExactly(PackedBatch.Pack([u], Config.FeatureDim))[0])];
        Assert.Equal(alone.Select(v => (float)v), rows);
    }

    [Fact]
    public void Features_or_room_that_do_not_fit_are_refused()
    {
        using ReferenceEngine engine = new(RandomModels.Create(Config, 33));
        Assert.Throws<ArgumentException>(() => engine.Embed(RandomModels.Batch([30], 79, 34), new float[Config.EmbeddingSize]));
        Assert.Throws<ArgumentException>(
            () => engine.Embed(RandomModels.Batch([30], Config.FeatureDim, 34), new float[Config.EmbeddingSize + 1]));
    }

    [Fact]
    public void A_cancelled_batch_stops()
    {
        using ReferenceEngine engine = new(RandomModels.Create(Config, 35));
        PackedBatch batch = RandomModels.Batch([30], Config.FeatureDim, 36);
        Assert.ThrowsAny<OperationCanceledException>(
            () => engine.Embed(batch, new float[Config.EmbeddingSize], new CancellationToken(true)));
    }
}
