using System.Numerics.Tensors;

namespace EcapaIlgpu.Engines.Reference;

/// <summary>The pieces of attentive statistics pooling (wespeaker's ASTP) that are not convolutions.</summary>
internal static class AttentiveStatistics
{
    /// <summary>The least weighted variance, clamped to (not added).</summary>
    private const double LeastVariance = 1e-7;

    /// <summary>What the attention sees with global context: <c>[x; mean; std]</c> at every frame.</summary>
    public static FrameMatrix WithGlobalContext(FrameMatrix x) =>
        FrameMatrix.Concatenate([x, Statistics.Mean(x).RepeatRow(x.Frames), Statistics.StandardDeviation(x).RepeatRow(x.Frames)]);

    /// <summary>Softmax over time, each channel for itself.</summary>
    public static FrameMatrix SoftmaxOverTime(FrameMatrix logits)
    {
        FrameMatrix weights = new(logits.Frames, logits.Channels);
        for (int c = 0; c < logits.Channels; c++)
        {
            double largest = double.NegativeInfinity, sum = 0;
            for (int t = 0; t < logits.Frames; t++)
                largest = Math.Max(largest, logits[t][c]);
            for (int t = 0; t < logits.Frames; t++)
                sum += weights[t][c] = Math.Exp(logits[t][c] - largest);
            for (int t = 0; t < logits.Frames; t++)
                weights[t][c] /= sum;
        }
        return weights;
    }

    /// <summary>
    /// <c>[mean; std]</c> under weights that sum to 1 over time: <c>m = sum a x</c>, <c>s = sqrt(max(sum a (x - m)^2, 1e-7))</c>, which
    /// is wespeaker's <c>sum a x^2 - m^2</c> without its cancellation.
    /// </summary>
    public static FrameMatrix WeightedMeanAndDeviation(FrameMatrix x, FrameMatrix weights)
    {
        FrameMatrix mean = WeightedSum(x, weights);
        FrameMatrix squares = x.Zip(mean.RepeatRow(x.Frames), (v, m) => (v - m) * (v - m));
        FrameMatrix variance = WeightedSum(squares, weights);
        return FrameMatrix.Concatenate([mean, variance.Map(v => Math.Sqrt(Math.Max(v, LeastVariance)))]);
    }

    private static FrameMatrix WeightedSum(FrameMatrix x, FrameMatrix weights)
    {
        FrameMatrix sum = new(1, x.Channels);
        for (int t = 0; t < x.Frames; t++)
            TensorPrimitives.MultiplyAdd(x[t], weights[t], sum.Values, sum.Values);
        return sum;
    }
}
