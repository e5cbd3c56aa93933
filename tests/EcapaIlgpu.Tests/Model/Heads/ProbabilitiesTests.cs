using EcapaIlgpu.Model.Heads;

namespace EcapaIlgpu.Tests.Model.Heads;

public class ProbabilitiesTests
{
    [Fact]
    public void Are_the_softmax_of_the_scores()
    {
        float[] logits = [1, 2, 3, -4];
        double sum = logits.Sum(v => Math.Exp(v));
        Assert.True(Closeness.MaxAbs([.. logits.Select(v => Math.Exp(v) / sum)], Probabilities.FromLogits(logits)) < 1e-7);
    }

    [Fact]
    public void Large_scores_do_not_overflow()
    {
        Assert.Equal([0.5f, 0.5f, 0f], Probabilities.FromLogits([3e38f, 3e38f, -3e38f]));
        Assert.Equal([1f, 0f], Probabilities.FromLogits([-1000f, -3000f]));
        Assert.Equal([1f], Probabilities.FromLogits([float.MinValue]));
    }

    [Fact]
    public void Many_classes_still_sum_to_one()
    {
        Random random = new(3);
        float[] logits = [.. Enumerable.Range(0, 17_982).Select(_ => (float)(32 * random.NextDouble()))];
        Assert.Equal(1, Probabilities.FromLogits(logits).Sum(p => (double)p), 1e-5);
    }

    [Fact]
    public void No_scores_or_no_room_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Probabilities.FromLogits([]));
        Assert.Throws<ArgumentException>(() => Probabilities.FromLogits([1, 2], new float[1]));
    }
}
