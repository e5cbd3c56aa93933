using System.Numerics.Tensors;

namespace EcapaIlgpu.Scoring;

/// <summary>How alike two speaker embeddings are.</summary>
public static class Cosine
{
    /// <summary>The cosine of the angle between two embeddings.</summary>
    /// <param name="first">One embedding.</param>
    /// <param name="second">Another of the same length, at least 1.</param>
    /// <returns>-1 to 1; higher is more alike. An embedding of zeros has no direction: its cosine with anything is 0.</returns>
    /// <exception cref="ArgumentException">No numbers, or different lengths.</exception>
    public static float Similarity(ReadOnlySpan<float> first, ReadOnlySpan<float> second)
    {
        if (first.IsEmpty || first.Length != second.Length)
            throw new ArgumentException($"Embeddings of {first.Length} and {second.Length} numbers cannot be compared.", nameof(second));
        float[] unit = new float[2 * first.Length];
        Span<float> unitFirst = unit.AsSpan(0, first.Length), unitSecond = unit.AsSpan(first.Length);
        Normalize(first, unitFirst);
        Normalize(second, unitSecond);
        return Math.Clamp(TensorPrimitives.Dot(unitFirst, unitSecond), -1, 1);
    }

    /// <summary>wespeaker's <c>similarity</c>: the cosine moved from [-1, 1] to [0, 1].</summary>
    /// <param name="cosine">A cosine, from <see cref="Similarity"/> or <see cref="CosineMatrix"/>.</param>
    /// <returns><c>(cosine + 1) / 2</c>, which <c>wespeaker --task similarity</c> prints. Most tools report the plain cosine.</returns>
    public static float WespeakerScore(float cosine) => (cosine + 1) / 2;

    /// <summary>Scales an embedding to unit length.</summary>
    /// <param name="embedding">One embedding.</param>
    /// <param name="unit">Receives it at length 1; zeros stay zeros. May be the same memory.</param>
    /// <exception cref="ArgumentException">Spans of different lengths.</exception>
    public static void Normalize(ReadOnlySpan<float> embedding, Span<float> unit)
    {
        if (embedding.Length != unit.Length)
            throw new ArgumentException($"Room for {unit.Length} of {embedding.Length} numbers.", nameof(unit));
        // In float64, where no square of a float32 overflows or vanishes.
        double squares = 0;
        foreach (float value in embedding)
            squares += (double)value * value;
        double norm = squares > 0 ? Math.Sqrt(squares) : 1;
        for (int i = 0; i < unit.Length; i++)
            unit[i] = (float)(embedding[i] / norm);
    }
}
