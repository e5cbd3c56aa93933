using System.Numerics.Tensors;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Reference;

/// <summary>
/// Convolution over time, stride 1, "same" length, frames before and after the utterance read as zero:
/// <c>y[t, o] = bias[o] + sum over k, i of weight[o, i, k] * x[t + (k - K/2) * dilation, i]</c>.
/// </summary>
internal static class Conv1d
{
    public static FrameMatrix Apply(FrameMatrix x, ConvWeights weights, int dilation = 1)
    {
        if (x.Channels != weights.Inputs)
            throw new ArgumentException($"{x.Channels} channels go into a convolution of {weights.Inputs}.", nameof(x));
        double[] taps = TapsFirst(weights);
        ReadOnlyMemory<float> bias = weights.Bias;
        FrameMatrix y = new(x.Frames, weights.Outputs);
        Parallel.For(0, x.Frames, t =>
        {
            Span<double> row = y[t];
            for (int o = 0; o < row.Length; o++)
                row[o] = bias.Span[o];
            for (int k = 0; k < weights.Kernel; k++)
            {
                int source = t + ((k - (weights.Kernel / 2)) * dilation);
                if (source < 0 || source >= x.Frames)
                    continue;
                ReadOnlySpan<double> frame = x[source];
                for (int o = 0; o < row.Length; o++)
                    row[o] += TensorPrimitives.Dot(frame, taps.AsSpan(((k * row.Length) + o) * frame.Length, frame.Length));
            }
        });
        return y;
    }

    /// <summary><c>[outputs, inputs, kernel]</c> to <c>[kernel, outputs, inputs]</c>: what meets one frame is contiguous.</summary>
    private static double[] TapsFirst(ConvWeights weights)
    {
        ReadOnlySpan<float> weight = weights.Weight.Span;
        double[] taps = new double[weight.Length];
        for (int k = 0; k < weights.Kernel; k++)
        {
            for (int oi = 0; oi < weights.Outputs * weights.Inputs; oi++)
                taps[(k * weights.Outputs * weights.Inputs) + oi] = weight[(oi * weights.Kernel) + k];
        }
        return taps;
    }
}
