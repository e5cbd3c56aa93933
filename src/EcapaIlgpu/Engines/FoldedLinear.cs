using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines;

/// <summary>
/// The embedding layer with the batch normalisations before and after it folded in: exact, because nothing but affine maps lies between
/// them. In float64, for an engine to lay out and round once.
/// </summary>
internal sealed class FoldedLinear
{
    private readonly ConvWeights _linear;
    private readonly BatchNormWeights? _after;
    private readonly double[] _scale;
    private readonly double[] _shift;

    public FoldedLinear(EcapaWeights weights)
    {
        (_linear, _after) = (weights.Linear, weights.EmbeddingBn);
        _scale = [.. Enumerable.Range(0, Inputs).Select(weights.PooledBn.Scale)];
        _shift = [.. Enumerable.Range(0, Inputs).Select(weights.PooledBn.Shift)];
    }

    /// <summary>Pooled channels.</summary>
    public int Inputs => _linear.Inputs;

    /// <summary>Numbers of an embedding.</summary>
    public int Outputs => _linear.Outputs;

    /// <summary>The weight of an output and an input.</summary>
    public double Weight(int output, int input) => (_after?.Scale(output) ?? 1) * Own(output, input) * _scale[input];

    /// <summary>The bias of an output.</summary>
    public double Bias(int output)
    {
        double sum = _linear.Bias.Span[output];
        for (int i = 0; i < Inputs; i++)
            sum += Own(output, i) * _shift[i];
        return _after is null ? sum : (_after.Scale(output) * sum) + _after.Shift(output);
    }

    private double Own(int output, int input) => _linear.Weight.Span[(output * Inputs) + input];
}
