namespace EcapaIlgpu.Tests.Features;

/// <summary>The filterbank as its definition reads, in float64 with a plain Fourier sum: what the fast one is held against.</summary>
internal static class FbankInDoubles
{
    private const int Points = 512;

    private static readonly double[] Cos = [.. Enumerable.Range(0, Points).Select(i => Math.Cos(2 * Math.PI * i / Points))];
    private static readonly double[] Sin = [.. Enumerable.Range(0, Points).Select(i => Math.Sin(2 * Math.PI * i / Points))];

    public static double[] Compute(ReadOnlySpan<float> samples)
    {
        int frames = 1 + ((samples.Length - 400) / 160);
        double[] rows = new double[frames * 80];
        for (int frame = 0; frame < frames; frame++)
            Frame(samples.Slice(frame * 160, 400), rows.AsSpan(frame * 80, 80));
        return rows;
    }

    private static void Frame(ReadOnlySpan<float> samples, Span<double> row)
    {
        double mean = 0;
        foreach (float sample in samples)
            mean += sample / 400.0;
        double[] windowed = new double[400];
        for (int i = 0; i < 400; i++)
        {
            double here = samples[i] - mean, before = samples[Math.Max(i - 1, 0)] - mean;
            windowed[i] = (here - (0.97 * before)) * (0.54 - (0.46 * Math.Cos(2 * Math.PI * i / 399)));
        }
        Span<double> energies = stackalloc double[80];
        double low = Mel(20), step = (Mel(8000) - low) / 81;
        for (int k = 0; k < Points / 2; k++)
        {
            double real = 0, imaginary = 0;
            for (int i = 0; i < 400; i++)
            {
                real += windowed[i] * Cos[i * k % Points];
                imaginary -= windowed[i] * Sin[i * k % Points];
            }
            double place = (Mel(k * 16000.0 / Points) - low) / step;
            for (int bin = 0; bin < 80; bin++)
                energies[bin] += Math.Max(0, 1 - Math.Abs(place - bin - 1)) * ((real * real) + (imaginary * imaginary));
        }
        for (int bin = 0; bin < 80; bin++)
            row[bin] = Math.Log(Math.Max(energies[bin], 1.1920928955078125e-7));
    }

    private static double Mel(double hertz) => 1127 * Math.Log(1 + (hertz / 700));
}
