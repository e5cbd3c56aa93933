using EcapaIlgpu.Scoring;

namespace EcapaIlgpu.Tests.Scoring;

public class EqualErrorRateTests
{
    [Fact]
    public void Separable_scores_have_none()
    {
        EqualErrorRate found = EqualErrorRate.Compute([0.9f, 0.1f, 0.8f, 0.2f], [true, false, true, false]);
        Assert.Equal(0, found.Rate);
        Assert.InRange(found.Threshold, 0.2f, 0.8f);
    }

    [Fact]
    public void Reversed_scores_are_always_wrong() =>
        Assert.Equal(1, EqualErrorRate.Compute([0.1f, 0.2f, 0.8f, 0.9f], [true, true, false, false]).Rate);

    [Fact]
    public void One_of_four_on_the_wrong_side_each_way_is_a_quarter()
    {
        float[] scores = [1, 2, 3, 5, 4, 6, 7, 8];
        bool[] same = [false, false, false, false, true, true, true, true];
        EqualErrorRate found = EqualErrorRate.Compute(scores, same);
        Assert.Equal(0.25, found.Rate, 1e-12);
        Assert.InRange(found.Threshold, 4, 5);
    }

    [Fact]
    public void Steps_that_jump_over_each_other_meet_on_the_line_between()
    {
        // From (no miss, one alarm of three) to (one miss of two, no alarm): the line has equal rates at (0.2, 0.2).
        EqualErrorRate found = EqualErrorRate.Compute([0, 1, 2, 2, 3], [false, false, false, true, true]);
        Assert.Equal(0.2, found.Rate, 1e-12);
    }

    [Fact]
    public void Equal_scores_say_nothing() =>
        Assert.Equal(0.5, EqualErrorRate.Compute([1, 1, 1, 1, 1], [true, false, false, true, false]).Rate, 1e-12);

    [Fact]
    public void Order_of_the_trials_does_not_matter_and_the_threshold_has_that_rate()
    {
        Random random = new(11);
        bool[] same = [.. Enumerable.Range(0, 4000).Select(i => i % 5 == 0)];
        float[] scores = [.. same.Select(s => (float)(random.NextDouble() + (s ? 0.4 : 0)))];
        EqualErrorRate found = EqualErrorRate.Compute(scores, same);
        Assert.Equal(0.3, found.Rate, 0.03);
        Assert.Equal(found.Rate, scores.Where((s, i) => same[i] && s < found.Threshold).Count() / 800.0, 2.0 / 800);
        Assert.Equal(found.Rate, scores.Where((s, i) => !same[i] && s >= found.Threshold).Count() / 3200.0, 2.0 / 800);
        int[] order = [.. Enumerable.Range(0, same.Length)];
        random.Shuffle(order);
        Assert.Equal(found, EqualErrorRate.Compute([.. order.Select(i => scores[i])], [.. order.Select(i => same[i])]));
    }

    [Fact]
    public void Trials_that_have_no_such_rate_are_refused()
    {
        Assert.Throws<ArgumentException>(() => EqualErrorRate.Compute([1, 2], [true]));
        Assert.Throws<ArgumentException>(() => EqualErrorRate.Compute([1, 2], [true, true]));
        Assert.Throws<ArgumentException>(() => EqualErrorRate.Compute([], []));
        Assert.Throws<ArgumentException>(() => EqualErrorRate.Compute([1, float.NaN], [true, false]));
    }
}
