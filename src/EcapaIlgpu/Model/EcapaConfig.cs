namespace EcapaIlgpu.Model;

/// <summary>How frames become one vector per utterance (wespeaker's <c>pooling_func</c>).</summary>
public enum Pooling
{
    /// <summary>Attentive statistics: softmax-weighted mean and standard deviation per channel.</summary>
    Astp,

    /// <summary>Mean and unbiased standard deviation.</summary>
    Tstp,

    /// <summary>Unbiased standard deviation.</summary>
    Tsdp,

    /// <summary>Mean.</summary>
    Tap,
}

/// <summary>The shape of an ECAPA-TDNN as wespeaker builds it; everything else about the network is fixed (the constants here).</summary>
public sealed record EcapaConfig
{
    /// <summary>Splits of the Res2 convolution; the first <c>Res2Scale - 1</c> are convolved, the last passes through.</summary>
    public const int Res2Scale = 8;

    /// <summary>Width of the squeeze-excite and attention bottlenecks, for every channel count.</summary>
    public const int Bottleneck = 128;

    /// <summary>Channels of the aggregating convolution before pooling, for every channel count.</summary>
    public const int AggregateChannels = 1536;

    /// <summary>The dilations of the three SE-Res2 blocks.</summary>
    public static ReadOnlySpan<int> Dilations => [2, 3, 4];

    /// <summary>Numbers per input frame.</summary>
    public int FeatureDim { get; init; } = 80;

    /// <summary>Channels of the frame-level layers; a multiple of 8.</summary>
    public int Channels { get; init; } = 512;

    /// <summary>Length of the embedding.</summary>
    public int EmbeddingSize { get; init; } = 192;

    /// <summary>How frames become one vector.</summary>
    public Pooling Pooling { get; init; } = Pooling.Astp;

    /// <summary>Whether the attention also sees the utterance's mean and standard deviation (the GLOB models).</summary>
    public bool GlobalContext { get; init; }

    /// <summary>Whether a batch normalisation follows the embedding layer (<c>emb_bn</c>).</summary>
    public bool EmbeddingBatchNorm { get; init; }

    /// <summary>Length of the pooled vector.</summary>
    public int PooledSize => Pooling is Pooling.Astp or Pooling.Tstp ? 2 * AggregateChannels : AggregateChannels;

    /// <summary>wespeaker's name of this network, <c>ECAPA_TDNN_GLOB_c512</c> say.</summary>
    public string Name => $"ECAPA_TDNN_{(GlobalContext ? "GLOB_" : "")}c{Channels}";
}
