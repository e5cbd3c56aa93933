namespace EcapaIlgpu.Scoring;

/// <summary>
/// The usual figure for a speaker verification system: the rate at which it rejects pairs of the same speaker, at the threshold where it
/// accepts pairs of different speakers at the same rate.
/// </summary>
/// <param name="Rate">The equal error rate, 0 to 1.</param>
/// <param name="Threshold">The score from which on a pair is accepted as one speaker for that.</param>
public readonly record struct EqualErrorRate(double Rate, double Threshold)
{
    /// <summary>Computes the equal error rate of scored trials.</summary>
    /// <param name="scores">One score for each trial; higher means more likely the same speaker.</param>
    /// <param name="sameSpeaker">For each trial, whether it was the same speaker.</param>
    /// <remarks>
    /// As the threshold rises from trial to trial, misses rise and false alarms fall in steps. Where they do not meet at a step, the
    /// rate is that of the straight line between the steps before and after the crossing, as NIST's and wespeaker's tools
    /// (wespeaker/utils/score_metrics.py) do it. Trials of equal score pass the threshold together.
    /// </remarks>
    /// <exception cref="ArgumentException">Different lengths, a score that is not finite, or not both kinds of trials.</exception>
    public static EqualErrorRate Compute(ReadOnlySpan<float> scores, ReadOnlySpan<bool> sameSpeaker)
    {
        if (scores.Length != sameSpeaker.Length)
            throw new ArgumentException($"{scores.Length} scores of {sameSpeaker.Length} trials.", nameof(sameSpeaker));
        float[] sorted = scores.ToArray();
        bool[] same = sameSpeaker.ToArray();
        if (!sorted.All(float.IsFinite))
            throw new ArgumentException("A score is infinite or not a number.", nameof(scores));
        double targets = same.Count(s => s), others = same.Length - targets;
        if (targets == 0 || others == 0)
        {
            throw new ArgumentException(
                $"An equal error rate needs trials of both kinds; there are {targets} of one speaker and {others} of two.",
                nameof(sameSpeaker));
        }
        Array.Sort(sorted, same);

        double missed = 0, alarms = others;
        for (int i = 0; ;)
        {
            double missRate = missed / targets, alarmRate = alarms / others, gap = alarmRate - missRate;
            float score = sorted[i];
            for (; i < sorted.Length && sorted[i] == score; i++)
            {
                if (same[i])
                    missed++;
                else
                    alarms--;
            }
            double nextGap = (alarms / others) - (missed / targets);
            if (nextGap <= 0)
            {
                // With no score above, accepting nothing is a threshold just beyond the last one.
                double next = i < sorted.Length ? sorted[i] : MathF.BitIncrement(score), way = gap / (gap - nextGap);
                return new EqualErrorRate(missRate + (way * ((missed / targets) - missRate)), score + (way * (next - score)));
            }
        }
    }
}
