using EcapaIlgpu.Engines.Reference;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Engines;

/// <summary>The reference's operations on numbers small enough to check by hand; the goldens check them at size.</summary>
public class ReferenceOperationTests
{
    [Fact]
    public void A_convolution_reads_frames_outside_the_utterance_as_zero()
    {
        FrameMatrix x = FrameMatrix.FromRows([1, 10, 100], 1);
        ConvWeights weights = new(1, 1, 3, new float[] { 2, 3, 5 }, new float[] { 0.5f });
        Assert.Equal([0.5 + 3 + 50, 0.5 + 2 + 30 + 500, 0.5 + 20 + 300], Conv1d.Apply(x, weights).Values);
    }

    [Fact]
    public void A_dilated_convolution_reaches_over_the_frames_between()
    {
        FrameMatrix x = FrameMatrix.FromRows([1, 10, 100, 1000], 1);
        ConvWeights weights = new(1, 1, 3, new float[] { 2, 3, 5 }, new float[] { 0 });
        Assert.Equal([3 + 500, 30 + 5000, 2 + 300, 20 + 3000], Conv1d.Apply(x, weights, dilation: 2).Values);
    }

    [Fact]
    public void Weights_are_in_PyTorchs_order_of_outputs_inputs_taps()
    {
        FrameMatrix x = FrameMatrix.FromRows([1, 10], 2);
        ConvWeights weights = new(2, 2, 3, new float[] { 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0 }, new float[] { 0, 0 });
        Assert.Equal([21, 43], Conv1d.Apply(x, weights).Values);
    }

    [Fact]
    public void The_last_split_of_Res2_passes_through_and_each_other_adds_the_one_before()
    {
        ConvReluBnWeights doubling = new(
            new ConvWeights(1, 1, 3, new float[] { 0, 2, 0 }, new float[] { 0 }),
            new BatchNormWeights(new float[] { 1 }, new float[] { 0 }, new float[] { 0 }, new float[] { 1 - 1e-5f }));
        FrameMatrix y = Res2.Apply(FrameMatrix.FromRows([1, 1, 1, 1, 1, 1, 1, -5], 8), [.. Enumerable.Repeat(doubling, 7)], 2);
        double[] expected = [2, 6, 14, 30, 62, 126, 254, -5];
        for (int c = 0; c < 8; c++)
            Assert.Equal(expected[c], y.Values[c], 1e-4);
    }

    [Fact]
    public void The_variance_of_one_frame_is_zero()
    {
        FrameMatrix x = FrameMatrix.FromRows([3, -4], 2);
        Assert.Equal([Math.Sqrt(1e-7), Math.Sqrt(1e-7)], Statistics.StandardDeviation(x).Values);
    }

    [Fact]
    public void The_standard_deviation_is_unbiased()
    {
        FrameMatrix x = FrameMatrix.FromRows([1, 2, 6], 1);
        Assert.Equal(Math.Sqrt(7 + 1e-7), Statistics.StandardDeviation(x).Values[0], 1e-12);
    }

    [Fact]
    public void Softmax_over_time_sums_to_one_however_large_the_logits()
    {
        FrameMatrix weights = AttentiveStatistics.SoftmaxOverTime(FrameMatrix.FromRows([1e4f, 0, 1e4f, 0, 0, 0], 2));
        Assert.Equal([0.5, 1.0 / 3, 0.5, 1.0 / 3, 0, 1.0 / 3], weights.Values);
    }

    [Fact]
    public void Weighted_deviation_is_that_of_the_weighted_frames()
    {
        FrameMatrix x = FrameMatrix.FromRows([1, 3, 1000], 1), weights = FrameMatrix.FromRows([0.5f, 0.5f, 0], 1);
        Assert.Equal([2, 1], AttentiveStatistics.WeightedMeanAndDeviation(x, weights).Values);
    }

    [Fact]
    public void A_gate_is_the_sigmoid_of_two_layers_over_the_mean()
    {
        FrameMatrix x = FrameMatrix.FromRows([1, 3], 1);
        ConvWeights squeeze = new(2, 1, 1, new float[] { 1, -1 }, new float[] { 0, 0 });
        ConvWeights excite = new(1, 2, 1, new float[] { 0.5f, 100 }, new float[] { -1 });
        FrameMatrix gate = SqueezeExcite.Gate(x, squeeze, excite);
        Assert.Equal([0.5], gate.Values);
        Assert.Equal([0.5, 1.5], SqueezeExcite.Apply(x, gate).Values);
    }

    [Fact]
    public void Batch_normalisation_uses_the_running_statistics()
    {
        BatchNormWeights weights = new(new float[] { 3 }, new float[] { 5 }, new float[] { 1 }, new float[] { 4 });
        Assert.Equal(5 + (3 * 2 / Math.Sqrt(4 + 1e-5)), BatchNorm.Apply(FrameMatrix.FromRows([3], 1), weights).Values[0], 1e-12);
    }
}
