using System.Numerics;
using System.Numerics.Tensors;

namespace EcapaIlgpu.Features;

/// <summary>Mean normalisation as in wespeaker: each bin's mean over the utterance is subtracted, the variance left alone.</summary>
public static class MeanNormalization
{
    /// <summary>Subtracts from every bin its mean over all frames, in place.</summary>
    /// <param name="rows">Row-major <c>[frames, bins]</c>.</param>
    /// <param name="bins">Numbers per frame.</param>
    /// <remarks>The sums run in float64 from the first frame to the last, so an hour's mean is as exact as a second's.</remarks>
    /// <exception cref="ArgumentException">The length of <paramref name="rows"/> is no multiple of <paramref name="bins"/>.</exception>
    public static void Apply(Span<float> rows, int bins)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bins);
        if (rows.Length % bins != 0)
            throw new ArgumentException($"{rows.Length} numbers are not rows of {bins}.", nameof(rows));
        double[] sums = new double[bins];
        for (int row = 0; row < rows.Length; row += bins)
            AddTo(sums, rows.Slice(row, bins));
        float[] mean = new float[bins];
        for (int bin = 0; bin < bins; bin++)
            mean[bin] = (float)(sums[bin] * bins / rows.Length);
        for (int row = 0; row < rows.Length; row += bins)
            TensorPrimitives.Subtract(rows.Slice(row, bins), mean, rows.Slice(row, bins));
    }

    private static void AddTo(Span<double> sums, ReadOnlySpan<float> row)
    {
        int bin = 0;
        for (; bin <= row.Length - Vector<float>.Count; bin += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(row[bin..]), out Vector<double> low, out Vector<double> high);
            Span<double> lowSums = sums[bin..], highSums = sums[(bin + Vector<double>.Count)..];
            (new Vector<double>(lowSums) + low).CopyTo(lowSums);
            (new Vector<double>(highSums) + high).CopyTo(highSums);
        }
        for (; bin < row.Length; bin++)
            sums[bin] += row[bin];
    }
}
