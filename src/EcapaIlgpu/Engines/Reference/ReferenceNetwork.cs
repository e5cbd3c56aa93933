using System.Globalization;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Reference;

/// <summary>
/// ECAPA-TDNN as wespeaker defines it, one utterance at a time in float64, nothing folded, fused or skipped. This file is the
/// definition that every engine is tested against; its source is wespeaker's <c>ecapa_tdnn.py</c> and <c>pooling_layers.py</c>.
/// </summary>
/// <param name="weights">The network.</param>
/// <param name="observe">
/// Receives every activation by the name of the PyTorch module it leaves (<c>layer2.se_res2block.0</c>), and where no module has it:
/// <c>layer2.se_gate</c>, <c>conv_relu</c>, <c>pool.alpha</c> (the attention weights), <c>embedding</c>.
/// </param>
internal sealed class ReferenceNetwork(EcapaWeights weights, Action<string, FrameMatrix>? observe = null)
{
    /// <summary>The embedding of <c>[frames, FeatureDim]</c>, a row of <c>EmbeddingSize</c>.</summary>
    public FrameMatrix Forward(FrameMatrix features, CancellationToken cancellation = default)
    {
        FrameMatrix x = Observed("layer1.conv", Conv1d.Apply(features, weights.Layer1.Conv));
        x = Observed("layer1", BatchNorm.Apply(Activation.Relu(x), weights.Layer1.Bn));
        List<FrameMatrix> outputs = [];
        foreach (SeRes2BlockWeights block in weights.Blocks)
        {
            cancellation.ThrowIfCancellationRequested();
            x = SeRes2Block(x, block, string.Create(CultureInfo.InvariantCulture, $"layer{outputs.Count + 2}"));
            outputs.Add(x);
        }
        cancellation.ThrowIfCancellationRequested();
        x = Observed("conv", Conv1d.Apply(FrameMatrix.Concatenate(outputs), weights.Aggregate));
        x = Observed("conv_relu", Activation.Relu(x));
        cancellation.ThrowIfCancellationRequested();
        x = Observed("pool", Pool(x));
        x = Observed("bn", BatchNorm.Apply(x, weights.PooledBn));
        x = Observed("linear", Conv1d.Apply(x, weights.Linear));
        if (weights.EmbeddingBn is not null)
            x = Observed("bn2", BatchNorm.Apply(x, weights.EmbeddingBn));
        return Observed("embedding", x);
    }

    private FrameMatrix SeRes2Block(FrameMatrix input, SeRes2BlockWeights block, string name)
    {
        FrameMatrix x = Observed($"{name}.se_res2block.0", ConvReluBn.Apply(input, block.First));
        x = Observed($"{name}.se_res2block.1", Res2.Apply(x, block.Res2, block.Dilation));
        x = Observed($"{name}.se_res2block.2", ConvReluBn.Apply(x, block.Second));
        FrameMatrix gate = Observed($"{name}.se_gate", SqueezeExcite.Gate(x, block.Squeeze, block.Excite));
        x = Observed($"{name}.se_res2block.3", SqueezeExcite.Apply(x, gate));
        return Observed(name, input.Add(x));
    }

    private FrameMatrix Pool(FrameMatrix x) => weights.Config.Pooling switch
    {
        Pooling.Astp => AttentivePool(x),
        Pooling.Tstp => FrameMatrix.Concatenate([Statistics.Mean(x), Statistics.StandardDeviation(x)]),
        Pooling.Tsdp => Statistics.StandardDeviation(x),
        Pooling.Tap => Statistics.Mean(x),
        _ => throw new NotSupportedException($"Pooling {weights.Config.Pooling}."),
    };

    private FrameMatrix AttentivePool(FrameMatrix x)
    {
        FrameMatrix seen = weights.Config.GlobalContext ? AttentiveStatistics.WithGlobalContext(x) : x;
        FrameMatrix hidden = Observed("pool.linear1", Conv1d.Apply(seen, weights.AttentionDown!));
        FrameMatrix logits = Observed("pool.linear2", Conv1d.Apply(Activation.Tanh(hidden), weights.AttentionUp!));
        FrameMatrix attention = Observed("pool.alpha", AttentiveStatistics.SoftmaxOverTime(logits));
        return AttentiveStatistics.WeightedMeanAndDeviation(x, attention);
    }

    private FrameMatrix Observed(string name, FrameMatrix activation)
    {
        observe?.Invoke(name, activation);
        return activation;
    }
}
