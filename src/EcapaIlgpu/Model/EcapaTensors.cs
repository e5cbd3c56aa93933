using EcapaIlgpu.Checkpoints;

namespace EcapaIlgpu.Model;

/// <summary>
/// The state dict of wespeaker's ECAPA_TDNN: the one place that knows each tensor's name and shape. <see cref="Walk"/> goes through them in
/// registration order and serves reading, checking, counting and writing alike.
/// </summary>
internal static class EcapaTensors
{
    /// <summary>Tensors of the projection head, which the network itself does not have.</summary>
    public const string ProjectionPrefix = "projection.";

    /// <summary>Statistics that BatchNorm keeps beside its parameters.</summary>
    public const string RunningMean = "running_mean";

    /// <inheritdoc cref="RunningMean"/>
    public const string RunningVariance = "running_var";

    /// <summary>A counter of training steps: an integer, a float after averaging, or absent; of no use to inference.</summary>
    public const string StepCounter = "num_batches_tracked";

    /// <summary>Visits one tensor.</summary>
    /// <param name="name">Its key.</param>
    /// <param name="shape">The shape it must have.</param>
    /// <param name="current">Its numbers, where weights are walked that exist already.</param>
    /// <returns>Its numbers in the resulting weights.</returns>
    public delegate ReadOnlyMemory<float> Visitor(string name, int[] shape, ReadOnlyMemory<float> current);

    /// <summary>Visits every tensor of a network, in registration order.</summary>
    /// <param name="config">The shape of the network.</param>
    /// <param name="current">Weights to walk; null while reading.</param>
    /// <param name="visit">Sees each tensor and gives its numbers.</param>
    /// <returns>The weights made of what <paramref name="visit"/> gave.</returns>
    public static EcapaWeights Walk(EcapaConfig config, EcapaWeights? current, Visitor visit)
    {
        int channels = config.Channels, width = channels / EcapaConfig.Res2Scale;
        const int Bottleneck = EcapaConfig.Bottleneck, Aggregate = EcapaConfig.AggregateChannels;
        int attentionInputs = config.GlobalContext ? 3 * Aggregate : Aggregate;
        bool attentive = config.Pooling == Pooling.Astp;

        return new EcapaWeights
        {
            Config = config,
            Layer1 = ConvReluBn("layer1.conv", "layer1.bn", channels, config.FeatureDim, 5, current?.Layer1),
            Blocks = [.. Enumerable.Range(0, EcapaConfig.Dilations.Length).Select(b => Block($"layer{b + 2}.se_res2block", b, current?.Blocks[b]))],
            Aggregate = Conv("conv", Aggregate, 3 * channels, 1, current?.Aggregate),
            AttentionDown = attentive ? Conv("pool.linear1", Bottleneck, attentionInputs, 1, current?.AttentionDown) : null,
            AttentionUp = attentive ? Conv("pool.linear2", Aggregate, Bottleneck, 1, current?.AttentionUp) : null,
            PooledBn = BatchNorm("bn", config.PooledSize, current?.PooledBn),
            Linear = Linear("linear", config.EmbeddingSize, config.PooledSize, current?.Linear),
            EmbeddingBn = config.EmbeddingBatchNorm ? BatchNorm("bn2", config.EmbeddingSize, current?.EmbeddingBn) : null,
        };

        SeRes2BlockWeights Block(string name, int b, SeRes2BlockWeights? block) => new(
            EcapaConfig.Dilations[b],
            ConvReluBn($"{name}.0.conv", $"{name}.0.bn", channels, channels, 1, block?.First),
            Res2($"{name}.1", block?.Res2),
            ConvReluBn($"{name}.2.conv", $"{name}.2.bn", channels, channels, 1, block?.Second),
            Linear($"{name}.3.linear1", Bottleneck, channels, block?.Squeeze),
            Linear($"{name}.3.linear2", channels, Bottleneck, block?.Excite));

        ConvReluBnWeights[] Res2(string name, IReadOnlyList<ConvReluBnWeights>? splits)
        {
            // wespeaker registers all convolutions of the block before its batch normalisations.
            int count = EcapaConfig.Res2Scale - 1;
            ConvWeights[] convs = new ConvWeights[count];
            ConvReluBnWeights[] result = new ConvReluBnWeights[count];
            for (int i = 0; i < count; i++)
                convs[i] = Conv($"{name}.convs.{i}", width, width, 3, splits?[i].Conv);
            for (int i = 0; i < count; i++)
                result[i] = new ConvReluBnWeights(convs[i], BatchNorm($"{name}.bns.{i}", width, splits?[i].Bn));
            return result;
        }

        ConvReluBnWeights ConvReluBn(string conv, string bn, int outputs, int inputs, int kernel, ConvReluBnWeights? from) =>
            new(Conv(conv, outputs, inputs, kernel, from?.Conv), BatchNorm(bn, outputs, from?.Bn));

        ConvWeights Conv(string name, int outputs, int inputs, int kernel, ConvWeights? from) =>
            ConvOfShape(name, [outputs, inputs, kernel], kernel, from);

        ConvWeights Linear(string name, int outputs, int inputs, ConvWeights? from) => ConvOfShape(name, [outputs, inputs], 1, from);

        ConvWeights ConvOfShape(string name, int[] shape, int kernel, ConvWeights? from) => new(
            shape[0], shape[1], kernel, visit($"{name}.weight", shape, from?.Weight ?? default), visit($"{name}.bias", [shape[0]], from?.Bias ?? default));

        BatchNormWeights BatchNorm(string name, int size, BatchNormWeights? from) => new(
            visit($"{name}.weight", [size], from?.Gamma ?? default),
            visit($"{name}.bias", [size], from?.Beta ?? default),
            visit($"{name}.{RunningMean}", [size], from?.Mean ?? default),
            visit($"{name}.{RunningVariance}", [size], from?.Variance ?? default));
    }

    /// <summary>The weights as named float32 tensors in registration order; the step counters of training are left out.</summary>
    public static List<NamedTensor> ToStateDict(EcapaWeights weights)
    {
        List<NamedTensor> tensors = [];
        Walk(weights.Config, weights, (name, shape, values) =>
        {
            tensors.Add(new NamedTensor(name, shape, TensorType.Float32, values));
            return values;
        });
        return tensors;
    }
}
