using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Reference;

/// <summary>Batch normalisation by running statistics: <c>y = (x - mean) / sqrt(var + eps) * gamma + beta</c> per channel.</summary>
internal static class BatchNorm
{
    public static FrameMatrix Apply(FrameMatrix x, BatchNormWeights weights)
    {
        if (x.Channels != weights.Channels)
            throw new ArgumentException($"{x.Channels} channels go into a normalisation of {weights.Channels}.", nameof(x));
        ReadOnlySpan<float> gamma = weights.Gamma.Span, beta = weights.Beta.Span, mean = weights.Mean.Span, variance = weights.Variance.Span;
        FrameMatrix y = new(x.Frames, x.Channels);
        for (int t = 0; t < x.Frames; t++)
        {
            ReadOnlySpan<double> source = x[t];
            Span<double> row = y[t];
            for (int c = 0; c < row.Length; c++)
                row[c] = ((source[c] - mean[c]) / Math.Sqrt(variance[c] + BatchNormWeights.Epsilon) * gamma[c]) + beta[c];
        }
        return y;
    }
}
