using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Kernels.Checking;

/// <summary>Random networks and features of any shape, the same for a seed on every machine.</summary>
internal static class RandomModels
{
    /// <summary>
    /// Weights at the scales of a trained network: He initialisation, normalisations with running variances in 0.5..1.5, means and
    /// shifts away from zero, so that a forgotten or misplaced one shows.
    /// </summary>
    public static EcapaWeights Create(EcapaConfig config, int seed)
    {
        Random random = new(seed);
        int channels = config.Channels, width = channels / EcapaConfig.Res2Scale;
        bool attentive = config.Pooling == Pooling.Astp;
        return new EcapaWeights
        {
            Config = config,
            Layer1 = ConvReluBn(random, channels, config.FeatureDim, 5),
            Blocks = [.. EcapaConfig.Dilations.ToArray().Select(dilation => new SeRes2BlockWeights(
                dilation,
                ConvReluBn(random, channels, channels, 1),
                [.. Enumerable.Range(0, EcapaConfig.Res2Scale - 1).Select(_ => ConvReluBn(random, width, width, 3))],
                ConvReluBn(random, channels, channels, 1),
                Conv(random, EcapaConfig.Bottleneck, channels, 1),
                Conv(random, channels, EcapaConfig.Bottleneck, 1)))],
            Aggregate = Conv(random, EcapaConfig.AggregateChannels, 3 * channels, 1),
            AttentionDown = attentive
                ? Conv(random, EcapaConfig.Bottleneck, EcapaConfig.AggregateChannels * (config.GlobalContext ? 3 : 1), 1)
                : null,
            AttentionUp = attentive ? Conv(random, EcapaConfig.AggregateChannels, EcapaConfig.Bottleneck, 1) : null,
            PooledBn = Bn(random, config.PooledSize),
            Linear = Conv(random, config.EmbeddingSize, config.PooledSize, 1),
            EmbeddingBn = config.EmbeddingBatchNorm ? Bn(random, config.EmbeddingSize) : null,
        };
    }

    /// <summary>Rows <c>[frames, featureDim]</c> of the spread of mean-normalised log mel energies.</summary>
    public static float[] Features(int frames, int featureDim, int seed) => Normal(new Random(seed), frames * featureDim, 2);

    /// <summary>One utterance per length.</summary>
    public static ReadOnlyMemory<float>[] Utterances(IEnumerable<int> lengths, int featureDim, int seed) =>
        [.. lengths.Select((frames, u) => (ReadOnlyMemory<float>)Features(frames, featureDim, seed + u))];

    /// <summary>As <see cref="Utterances"/>, end to end.</summary>
    public static PackedBatch Batch(IEnumerable<int> lengths, int featureDim, int seed) =>
        PackedBatch.Pack(Utterances(lengths, featureDim, seed), featureDim);

    public static ConvReluBnWeights ConvReluBn(Random random, int outputs, int inputs, int kernel) =>
        new(Conv(random, outputs, inputs, kernel), Bn(random, outputs));

    public static ConvWeights Conv(Random random, int outputs, int inputs, int kernel) => new(
        outputs, inputs, kernel,
        Normal(random, outputs * inputs * kernel, Math.Sqrt(2.0 / (inputs * kernel))),
        Normal(random, outputs, 0.1));

    public static BatchNormWeights Bn(Random random, int channels) => new(
        Uniform(random, channels, 0.5, 1.5), Normal(random, channels, 0.3), Normal(random, channels, 0.3),
        Uniform(random, channels, 0.5, 1.5));

    public static float[] Uniform(Random random, int count, double least, double most)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (float)(least + ((most - least) * random.NextDouble()));
        return values;
    }

    /// <summary>Box and Muller's normal numbers.</summary>
    public static float[] Normal(Random random, int count, double deviation)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i += 2)
        {
            double radius = deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            (double sine, double cosine) = Math.SinCos(2 * Math.PI * random.NextDouble());
            values[i] = (float)(radius * cosine);
            if (i + 1 < count)
                values[i + 1] = (float)(radius * sine);
        }
        return values;
    }
}
