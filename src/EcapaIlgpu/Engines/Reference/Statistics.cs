using System.Numerics.Tensors;

namespace EcapaIlgpu.Engines.Reference;

/// <summary>Unweighted statistics of an utterance per channel, each a row.</summary>
internal static class Statistics
{
    /// <summary>What wespeaker adds to a variance before its root.</summary>
    private const double VarianceFloor = 1e-7;

    public static FrameMatrix Mean(FrameMatrix x)
    {
        FrameMatrix sum = new(1, x.Channels);
        for (int t = 0; t < x.Frames; t++)
            TensorPrimitives.Add(sum.Values, x[t], sum.Values);
        return sum.Map(s => s / x.Frames);
    }

    /// <summary>
    /// <c>sqrt(var + 1e-7)</c> with the unbiased variance (divisor frames - 1). Over a single frame that is 0/0, NaN in PyTorch; here
    /// the variance of one frame is 0, so that the shortest utterance has an embedding.
    /// </summary>
    public static FrameMatrix StandardDeviation(FrameMatrix x)
    {
        FrameMatrix deviation = x.Zip(Mean(x).RepeatRow(x.Frames), (v, mean) => v - mean), squares = new(1, x.Channels);
        for (int t = 0; t < x.Frames; t++)
            TensorPrimitives.MultiplyAdd(deviation[t], deviation[t], squares.Values, squares.Values);
        return squares.Map(s => Math.Sqrt((s / Math.Max(x.Frames - 1, 1)) + VarianceFloor));
    }
}
