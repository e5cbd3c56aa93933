using EcapaIlgpu.Model;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>One SE-Res2 block's weights on a device.</summary>
internal sealed record DeviceBlock(
    int Dilation, DeviceConv First, DeviceRes2 Res2, DeviceConv Second, DeviceLinear Squeeze, DeviceLinear Excite) : IDisposable
{
    public void Dispose()
    {
        foreach (IDisposable part in (IDisposable[])[First, Res2, Second, Squeeze, Excite])
            part.Dispose();
    }
}

/// <summary>All weights of a network on a device, uploaded once, in the layout that kernels read. Never written again.</summary>
internal sealed class Network : IDisposable
{
    public Network(Accelerator accelerator, RowStorage storage, EcapaWeights weights)
    {
        Storage = storage;
        EcapaConfig config = weights.Config;
        ChannelLayout features = ChannelLayout.Plain(config.FeatureDim);
        ChannelLayout channels = new(EcapaConfig.Res2Scale, config.Channels / EcapaConfig.Res2Scale);
        ChannelLayout concatenated = channels.Repeat(weights.Blocks.Count), bottleneck = ChannelLayout.Plain(EcapaConfig.Bottleneck);
        ChannelLayout aggregate = ChannelLayout.Plain(EcapaConfig.AggregateChannels);
        (ChannelQuads, ConcatenatedQuads, AggregateQuads, HiddenQuads) =
            (channels.Quads, concatenated.Quads, aggregate.Quads, bottleneck.Quads);
        Layer1 = new DeviceConv(accelerator, storage, weights.Layer1.Conv, weights.Layer1.Bn, features, channels, ofFeatures: true);
        Blocks = [.. weights.Blocks.Select(block => new DeviceBlock(
            block.Dilation,
            new DeviceConv(accelerator, storage, block.First.Conv, block.First.Bn, channels, channels),
            new DeviceRes2(accelerator, storage, block.Res2),
            new DeviceConv(accelerator, storage, block.Second.Conv, block.Second.Bn, channels, channels),
            new DeviceLinear(accelerator, block.Squeeze, channels, bottleneck),
            new DeviceLinear(accelerator, block.Excite, bottleneck, channels)))];
        Aggregate = new DeviceConv(accelerator, storage, weights.Aggregate, null, concatenated, aggregate);
        if (weights.AttentionDown is { } down)
        {
            AttentionDown = new DeviceConv(
                accelerator, storage, Columns(down, 0, EcapaConfig.AggregateChannels), null, aggregate, bottleneck);
            AttentionUp = new DeviceConv(accelerator, storage, weights.AttentionUp!, null, bottleneck, aggregate);
            // With global context the hidden layer is W x + (Wm mean + Ws std + b): the bracket is the same for every frame of an
            // utterance.
            if (config.GlobalContext)
            {
                ConvWeights context = Columns(down, EcapaConfig.AggregateChannels, 2 * EcapaConfig.AggregateChannels);
                AttentionContext = new DeviceLinear(accelerator, context, aggregate.Repeat(2), bottleneck);
            }
        }
        FoldedLinear linear = new(weights);
        // Means come with the deviations; a network that pools deviations alone has no use for them, which is weights of zero.
        int unused = config.Pooling is Pooling.Tsdp ? EcapaConfig.AggregateChannels : 0;
        Linear = new DeviceLinear(
            accelerator, ChannelLayout.Plain(unused + linear.Inputs), ChannelLayout.Plain(linear.Outputs),
            (o, i) => i < unused ? 0 : linear.Weight(o, i - unused), linear.Bias);
    }

    /// <summary>How weights of convolutions are stored, and the rows that go through them.</summary>
    public RowStorage Storage { get; }

    /// <summary>C with its padding, in quads.</summary>
    public int ChannelQuads { get; }

    /// <summary>The blocks' outputs side by side, in quads.</summary>
    public int ConcatenatedQuads { get; }

    /// <summary>Channels that are pooled, in quads.</summary>
    public int AggregateQuads { get; }

    /// <summary>Attention's hidden layer, in quads.</summary>
    public int HiddenQuads { get; }

    public DeviceConv Layer1 { get; }

    public IReadOnlyList<DeviceBlock> Blocks { get; }

    public DeviceConv Aggregate { get; }

    /// <summary>The part of attention's hidden layer that sees the frame; null unless the pooling is ASTP.</summary>
    public DeviceConv? AttentionDown { get; }

    /// <summary>The part of attention's hidden layer that sees mean and deviation, and its bias; null without global context.</summary>
    public DeviceLinear? AttentionContext { get; }

    /// <summary>From the hidden layer to logits; null unless the pooling is ASTP.</summary>
    public DeviceConv? AttentionUp { get; }

    /// <summary>The embedding layer with both batch normalisations around it.</summary>
    public DeviceLinear Linear { get; }

    public void Dispose()
    {
        IDisposable?[] parts = [Layer1, .. Blocks, Aggregate, AttentionDown, AttentionContext, AttentionUp, Linear];
        foreach (IDisposable? part in parts)
            part?.Dispose();
    }

    /// <summary>Some neighbouring inputs of a 1x1 convolution.</summary>
    private static ConvWeights Columns(ConvWeights conv, int first, int count)
    {
        float[] weight = new float[conv.Outputs * count];
        for (int o = 0; o < conv.Outputs; o++)
            conv.Weight.Span.Slice((o * conv.Inputs) + first, count).CopyTo(weight.AsSpan(o * count));
        return conv with { Inputs = count, Weight = weight };
    }
}
