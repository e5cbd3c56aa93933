namespace EcapaIlgpu.Model;

/// <summary>A one-dimensional convolution; also a fully connected layer, where <c>Kernel</c> is 1.</summary>
/// <param name="Outputs">Output channels.</param>
/// <param name="Inputs">Input channels.</param>
/// <param name="Kernel">Taps, an odd number.</param>
/// <param name="Weight"><c>[Outputs, Inputs, Kernel]</c>, PyTorch's order.</param>
/// <param name="Bias"><c>[Outputs]</c>.</param>
public sealed record ConvWeights(int Outputs, int Inputs, int Kernel, ReadOnlyMemory<float> Weight, ReadOnlyMemory<float> Bias);

/// <summary>A batch normalisation with its running statistics, eps 1e-5; all <c>[Channels]</c>.</summary>
public sealed record BatchNormWeights(
    ReadOnlyMemory<float> Gamma, ReadOnlyMemory<float> Beta, ReadOnlyMemory<float> Mean, ReadOnlyMemory<float> Variance)
{
    /// <summary>PyTorch's default epsilon, which wespeaker uses everywhere.</summary>
    public const double Epsilon = 1e-5;

    /// <summary>Number of channels.</summary>
    public int Channels => Gamma.Length;

    /// <summary>The factor of channel <paramref name="c"/>: y = Scale * x + Shift.</summary>
    public double Scale(int c) => Gamma.Span[c] / Math.Sqrt(Variance.Span[c] + Epsilon);

    /// <summary>The summand of channel <paramref name="c"/>: y = Scale * x + Shift.</summary>
    public double Shift(int c) => Beta.Span[c] - (Mean.Span[c] * Scale(c));
}

/// <summary>Convolution, ReLU, then batch normalisation.</summary>
public sealed record ConvReluBnWeights(ConvWeights Conv, BatchNormWeights Bn);

/// <summary>One SE-Res2 block: <c>y = x + SE(Second(Res2(First(x))))</c>.</summary>
/// <param name="Dilation">Dilation of the Res2 convolutions.</param>
/// <param name="First">1x1, C to C (<c>se_res2block.0</c>).</param>
/// <param name="Res2">The seven chained k=3 convolutions of width C/8 (<c>se_res2block.1</c>).</param>
/// <param name="Second">1x1, C to C (<c>se_res2block.2</c>).</param>
/// <param name="Squeeze">C to 128, then ReLU (<c>se_res2block.3.linear1</c>).</param>
/// <param name="Excite">128 to C, then sigmoid (<c>se_res2block.3.linear2</c>).</param>
public sealed record SeRes2BlockWeights(
    int Dilation, ConvReluBnWeights First, IReadOnlyList<ConvReluBnWeights> Res2, ConvReluBnWeights Second, ConvWeights Squeeze, ConvWeights Excite);

/// <summary>The typed weights of a network, exactly as in the checkpoint: nothing folded or reordered.</summary>
public sealed record EcapaWeights
{
    /// <summary>The shape of the network.</summary>
    public required EcapaConfig Config { get; init; }

    /// <summary>k=5, features to C.</summary>
    public required ConvReluBnWeights Layer1 { get; init; }

    /// <summary>The three SE-Res2 blocks (<c>layer2</c> to <c>layer4</c>), dilations 2, 3, 4.</summary>
    public required IReadOnlyList<SeRes2BlockWeights> Blocks { get; init; }

    /// <summary>1x1, 3C to 1536, then ReLU (<c>conv</c>).</summary>
    public required ConvWeights Aggregate { get; init; }

    /// <summary>1536, or 4608 with global context, to 128, then tanh (<c>pool.linear1</c>); null unless the pooling is ASTP.</summary>
    public ConvWeights? AttentionDown { get; init; }

    /// <summary>128 to 1536 (<c>pool.linear2</c>); null unless the pooling is ASTP.</summary>
    public ConvWeights? AttentionUp { get; init; }

    /// <summary>Over the pooled vector (<c>bn</c>).</summary>
    public required BatchNormWeights PooledBn { get; init; }

    /// <summary>Pooled vector to embedding (<c>linear</c>).</summary>
    public required ConvWeights Linear { get; init; }

    /// <summary>Over the embedding (<c>bn2</c>); null unless <see cref="EcapaConfig.EmbeddingBatchNorm"/>.</summary>
    public BatchNormWeights? EmbeddingBn { get; init; }

    /// <summary>Parameters that training changes: running statistics are not among them.</summary>
    public long ParameterCount
    {
        get
        {
            static long Conv(ConvWeights? w) => w is null ? 0 : w.Weight.Length + w.Bias.Length;
            static long Bn(BatchNormWeights? w) => w is null ? 0 : 2L * w.Channels;
            static long Crb(ConvReluBnWeights w) => Conv(w.Conv) + Bn(w.Bn);
            return Crb(Layer1)
                + Blocks.Sum(b => Crb(b.First) + b.Res2.Sum(Crb) + Crb(b.Second) + Conv(b.Squeeze) + Conv(b.Excite))
                + Conv(Aggregate) + Conv(AttentionDown) + Conv(AttentionUp) + Bn(PooledBn) + Conv(Linear) + Bn(EmbeddingBn);
        }
    }
    /// <summary>
    /// Multiply-accumulates per frame, as the network is defined. Computing the constant part of the global-context attention once per
    /// utterance saves <c>2 * 1536 * 128</c> of them.
    /// </summary>
    public long OperationsPerFrame =>
        Of(Layer1.Conv) + Blocks.Sum(b => Of(b.First.Conv) + b.Res2.Sum(r => Of(r.Conv)) + Of(b.Second.Conv))
        + Of(Aggregate) + Of(AttentionDown) + Of(AttentionUp);

    /// <summary>Multiply-accumulates per utterance, whatever its length: squeeze-excite and the embedding layer.</summary>
    public long OperationsPerUtterance => Blocks.Sum(b => Of(b.Squeeze) + Of(b.Excite)) + Of(Linear);

    private static long Of(ConvWeights? layer) => layer?.Weight.Length ?? 0;
}
