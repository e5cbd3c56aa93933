namespace EcapaIlgpu.Engines.Kernels.Checking;

/// <summary>
/// How far two lists of numbers are apart. Always look at more than one of these: a cosine hides scale, a maximum hides drift.
/// </summary>
internal static class Closeness
{
    public static double MaxAbs(ReadOnlySpan<double> expected, ReadOnlySpan<float> found)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(found.Length, expected.Length);
        double worst = 0;
        for (int i = 0; i < found.Length; i++)
        {
            double difference = Math.Abs(expected[i] - found[i]);
            if (double.IsNaN(difference))
                return double.NaN;
            worst = Math.Max(worst, difference);
        }
        return worst;
    }

    public static double MeanAbs(ReadOnlySpan<double> expected, ReadOnlySpan<float> found)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(found.Length, expected.Length);
        double sum = 0;
        for (int i = 0; i < found.Length; i++)
            sum += Math.Abs(expected[i] - found[i]);
        return sum / found.Length;
    }

    public static double RelativeL2(ReadOnlySpan<double> expected, ReadOnlySpan<float> found)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(found.Length, expected.Length);
        double error = 0, norm = 0;
        for (int i = 0; i < found.Length; i++)
        {
            error += (expected[i] - found[i]) * (expected[i] - found[i]);
            norm += expected[i] * expected[i];
        }
        return Math.Sqrt(error / norm);
    }

    public static double Cosine(ReadOnlySpan<double> expected, ReadOnlySpan<float> found)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(found.Length, expected.Length);
        double dot = 0, a = 0, b = 0;
        for (int i = 0; i < found.Length; i++)
        {
            dot += expected[i] * found[i];
            a += expected[i] * expected[i];
            b += (double)found[i] * found[i];
        }
        return dot / Math.Sqrt(a * b);
    }
}
