namespace EcapaIlgpu.Model.Heads;

/// <summary>
/// <c>sphereface2</c>: every class is a binary question of its own. Its scores are <c>scale * (cos - margin at the label)</c>; the loss
/// it was trained with is made of adjusted cosines and a bias (<see cref="Loss"/>).
/// </summary>
public sealed class SphereFace2Head : CosineHead
{
    private readonly double _bias;
    private readonly ProjectionOptions _options;
    private readonly AngularMargin _angle;

    internal SphereFace2Head(HeadTensors tensors, ProjectionOptions options)
        : base(ProjectionKind.SphereFace2, tensors, options)
    {
        ReadOnlyMemory<float> bias = tensors.Take("bias", 1, 1);
        tensors.ThrowIfUnfit();
        _bias = bias.Span[0];
        _options = options;
        _angle = new AngularMargin(Margin, easy: false);
    }

    /// <summary>The training loss of one embedding; the loss of a batch is the mean over its embeddings.</summary>
    /// <param name="embedding">One embedding, <c>[EmbeddingSize]</c>, as the network gives it.</param>
    /// <param name="label">The right class.</param>
    /// <remarks>Where wespeaker's formula overflows to infinity, because a score is very large, this gives its true value.</remarks>
    /// <exception cref="ArgumentException">An embedding of another length, or no such class.</exception>
    public double Loss(ReadOnlySpan<float> embedding, int label)
    {
        CheckLabel(label);
        CheckEmbedding(embedding);
        float[] cosines = new float[ClassCount];
        Cosines(embedding, cosines);
        double balance = _options.SphereFace2Balance, loss = 0;
        for (int j = 0; j < cosines.Length; j++)
            loss += j == label ? balance * Softplus(-OwnScore(cosines[j])) : (1 - balance) * Softplus(OtherScore(cosines[j]));
        return loss;
    }

    private protected override void ApplyMargin(Span<float> cosines, int label) => cosines[label] -= Margin;

    private double OwnScore(double cosine) => _bias + (Scale *
        (_options.SphereFace2Margin == SphereFace2Margin.C ? Adjust(cosine) - Margin : Adjust(_angle.Widen(cosine))));

    private double OtherScore(double cosine) => _bias + (Scale *
        (_options.SphereFace2Margin == SphereFace2Margin.C ? Adjust(cosine) + Margin : Adjust(_angle.Narrow(cosine))));

    /// <summary>Spreads the cosines of wrong classes, which crowd around 0, over [-1, 1].</summary>
    private double Adjust(double cosine) => (2 * Math.Pow((cosine + 1) / 2, _options.SphereFace2Exponent)) - 1;

    /// <summary>ln(1 + exp(x)), without overflow.</summary>
    private static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));
}
