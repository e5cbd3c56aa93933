using EcapaIlgpu.Engines;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Engines;

/// <summary>What every engine promises, on every network shape; <see cref="EngineUnderTest.All"/> says which engines there are.</summary>
public class EngineTests
{
    public static TheoryData<string> Engines => [.. EngineUnderTest.All.Select(e => e.Name)];

    public static TheoryData<string, string> EnginesAndCases
    {
        get
        {
            TheoryData<string, string> data = [];
            foreach (EngineUnderTest engine in EngineUnderTest.All)
            {
                foreach (EngineCase engineCase in EngineCase.All)
                    data.Add(engine.Name, engineCase.Name);
            }
            return data;
        }
    }

    /// <summary>Small, but with every operation: what bit-identity is tried on.</summary>
    private static EcapaConfig SmallConfig { get; } = new() { Channels = 32, EmbeddingSize = 24, GlobalContext = true };

    [Theory]
    [MemberData(nameof(EnginesAndCases))]
    public void Embeddings_equal_the_reference(string engineName, string caseName)
    {
        EngineCase engineCase = EngineCase.Named(caseName);
        using IEmbeddingEngine engine = EngineUnderTest.Named(engineName).Create(engineCase.Weights, 2);
        float[][] found = Embed(engine, engineCase.Utterances);
        for (int u = 0; u < found.Length; u++)
        {
            double[] expected = engineCase.ExactEmbeddings[u];
            string which = $"{engineName}, {caseName}, {engineCase.Lengths[u]} frames";
            // About twice what float32 costs over the deepest sums here; a wrong tap, frame or epilogue costs a thousand times that.
            AssertBelow(1e-5, Closeness.RelativeL2(expected, found[u]), $"relative L2, {which}");
            AssertBelow(4e-5 * Rms(expected), Closeness.MaxAbs(expected, found[u]), $"max abs, {which}");
            AssertBelow(1e-9, 1 - Closeness.Cosine(expected, found[u]), $"1 - cosine, {which}");
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void An_embedding_is_the_same_to_the_bit_alone_and_in_any_batch(string engineName)
    {
        int seed = Environment.TickCount;
        Random random = new(seed);
        EcapaWeights weights = RandomModels.Create(SmallConfig, seed);
        // The longest is cut by engines that work piece by piece, and elsewhere in every batch.
        int[] lengths = [1, 2, 28, 2300, .. Enumerable.Range(0, 9).Select(_ => random.Next(1, 200))];
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances(lengths, SmallConfig.FeatureDim, seed);
        using IEmbeddingEngine engine = EngineUnderTest.Named(engineName).Create(weights, 2);
        float[][] alone = [.. utterances.Select(u => Embed(engine, [u])[0])];
        for (int round = 0; round < 6; round++)
        {
            int[] chosen = [.. Enumerable.Range(0, utterances.Length).Where(_ => random.Next(3) > 0)];
            random.Shuffle(chosen);
            float[][] together = Embed(engine, [.. chosen.Select(u => utterances[u])]);
            for (int i = 0; i < chosen.Length; i++)
            {
                AssertSameBits(
                    alone[chosen[i]], together[i],
                    $"{engineName}, seed {seed}: utterance {i} of lengths {string.Join(' ', chosen.Select(u => lengths[u]))} "
                    + "differs from itself alone");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void An_embedding_is_the_same_to_the_bit_for_any_number_of_threads(string engineName)
    {
        int seed = Environment.TickCount;
        Random random = new(seed);
        EcapaWeights weights = RandomModels.Create(SmallConfig, seed);
        int[] lengths = [1, 2300, .. Enumerable.Range(0, 6).Select(_ => random.Next(1, 400))];
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances(lengths, SmallConfig.FeatureDim, seed);
        float[][]? first = null;
        foreach (int threads in (int[])[1, 2, 3, 7])
        {
            using IEmbeddingEngine engine = EngineUnderTest.Named(engineName).Create(weights, threads);
            float[][] found = Embed(engine, utterances);
            first ??= found;
            for (int u = 0; u < found.Length; u++)
            {
                AssertSameBits(
                    first[u], found[u], $"{engineName}, seed {seed}: {lengths[u]} frames with {threads} threads differ from one thread");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void A_single_frame_has_a_finite_embedding_under_every_pooling(string engineName)
    {
        foreach (Pooling pooling in Enum.GetValues<Pooling>())
        {
            EcapaConfig config = SmallConfig with { Pooling = pooling, GlobalContext = pooling == Pooling.Astp };
            using IEmbeddingEngine engine = EngineUnderTest.Named(engineName).Create(RandomModels.Create(config, 1), 1);
            Assert.All(Embed(engine, RandomModels.Utterances([1], config.FeatureDim, 2))[0], v => Assert.True(float.IsFinite(v)));
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void An_empty_batch_has_no_embeddings(string engineName)
    {
        using IEmbeddingEngine engine = EngineUnderTest.Named(engineName).Create(RandomModels.Create(SmallConfig, 9), 2);
        engine.Embed(PackedBatch.Pack([], SmallConfig.FeatureDim), []);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void A_NaN_spoils_the_embedding_of_its_utterance_and_no_other(string engineName)
    {
        using IEmbeddingEngine engine = EngineUnderTest.Named(engineName).Create(RandomModels.Create(SmallConfig, 10), 2);
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances([3, 50, 5], SmallConfig.FeatureDim, 11);
        float[][] sound = Embed(engine, utterances);
        float[] spoilt = utterances[1].ToArray();
        spoilt[spoilt.Length / 2] = float.NaN;
        float[][] found = Embed(engine, [utterances[0], spoilt, utterances[2]]);
        Assert.All(found[1], v => Assert.True(float.IsNaN(v)));
        AssertSameBits(sound[0], found[0], $"{engineName}: the utterance before the one with a NaN");
        AssertSameBits(sound[2], found[2], $"{engineName}: the utterance after the one with a NaN");
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void Weights_that_contradict_their_configuration_are_refused(string engineName)
    {
        EcapaWeights weights = RandomModels.Create(SmallConfig, 12);
        EcapaWeights wider = RandomModels.Create(SmallConfig with { Channels = 40 }, 12);
        EcapaWeights[] contradictions =
        [
            weights with { Config = SmallConfig with { Channels = 36 } },
            weights with { Config = SmallConfig with { EmbeddingSize = 0 } },
            weights with { Layer1 = wider.Layer1 },
            weights with { Blocks = [.. weights.Blocks.Take(2)] },
            weights with { AttentionDown = null },
        ];
        foreach (EcapaWeights contradiction in contradictions)
            Assert.Throws<ArgumentException>(() => EngineUnderTest.Named(engineName).Create(contradiction, 1).Dispose());
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void Calls_from_several_threads_do_not_disturb_each_other(string engineName)
    {
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances([40, 90, 7, 130, 28, 61], SmallConfig.FeatureDim, 3);
        using IEmbeddingEngine engine = EngineUnderTest.Named(engineName).Create(RandomModels.Create(SmallConfig, 4), 2);
        float[][] alone = [.. utterances.Select(u => Embed(engine, [u])[0])];
        Parallel.For(0, 4 * utterances.Length, i =>
            AssertSameBits(alone[i % alone.Length], Embed(engine, [utterances[i % alone.Length]])[0], $"{engineName}, call {i}"));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void Features_or_room_that_do_not_fit_are_refused(string engineName)
    {
        using IEmbeddingEngine engine = EngineUnderTest.Named(engineName).Create(RandomModels.Create(SmallConfig, 5), 1);
        PackedBatch fitting = RandomModels.Batch([30], SmallConfig.FeatureDim, 6), narrow = RandomModels.Batch([30], 79, 6);
        Assert.Throws<ArgumentException>(() => engine.Embed(narrow, new float[SmallConfig.EmbeddingSize]));
        Assert.Throws<ArgumentException>(() => engine.Embed(fitting, new float[SmallConfig.EmbeddingSize - 1]));
        Assert.Throws<ArgumentException>(() => engine.Embed(fitting, new float[SmallConfig.EmbeddingSize + 1]));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void A_cancelled_batch_stops_and_the_engine_goes_on_working(string engineName)
    {
        using IEmbeddingEngine engine = EngineUnderTest.Named(engineName).Create(RandomModels.Create(SmallConfig, 7), 2);
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances([64], SmallConfig.FeatureDim, 8);
        float[] before = Embed(engine, utterances)[0];
        PackedBatch batch = PackedBatch.Pack(utterances, SmallConfig.FeatureDim);
        Assert.ThrowsAny<OperationCanceledException>(
            () => engine.Embed(batch, new float[SmallConfig.EmbeddingSize], new CancellationToken(true)));
        AssertSameBits(before, Embed(engine, utterances)[0], $"{engineName} after a cancelled batch");
    }

    /// <summary>One array per utterance.</summary>
    internal static float[][] Embed(IEmbeddingEngine engine, IReadOnlyList<ReadOnlyMemory<float>> utterances)
    {
        float[] embeddings = new float[utterances.Count * engine.Config.EmbeddingSize];
        engine.Embed(PackedBatch.Pack(utterances, engine.Config.FeatureDim), embeddings);
        return [.. embeddings.Chunk(engine.Config.EmbeddingSize)];
    }

    /// <summary>NaN is not below anything.</summary>
    internal static void AssertBelow(double bound, double found, string what) =>
        Assert.True(found <= bound, $"{what}: {found:g4}, at most {bound:g4} is allowed.");

    private static double Rms(double[] values) => Math.Sqrt(values.Sum(v => v * v) / values.Length);

    private static void AssertSameBits(float[] expected, float[] found, string what) =>
        Assert.True(
            expected.Select(BitConverter.SingleToInt32Bits).SequenceEqual(found.Select(BitConverter.SingleToInt32Bits)), what);
}
