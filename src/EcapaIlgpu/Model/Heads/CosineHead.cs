using System.Numerics.Tensors;

namespace EcapaIlgpu.Model.Heads;

/// <summary>
/// The heads that score by the cosine between the embedding and a learnt centre of each class (the best one, where a class has several),
/// times a scale. They differ in what the margin does to the cosines in training.
/// </summary>
public abstract class CosineHead : ProjectionHead
{
    /// <summary>torch's <c>F.normalize</c> divides by no less than this.</summary>
    private const double MinNorm = 1e-12;

    private readonly float[] _unitCenters;
    private readonly int _centersPerClass;

    private protected CosineHead(ProjectionKind kind, HeadTensors tensors, ProjectionOptions options, int centersPerClass = 1)
        : this(kind, tensors, options, tensors.TakeRows("weight", tensors.EmbeddingSize, out int rows), rows, centersPerClass)
    {
    }

    private CosineHead(
        ProjectionKind kind, HeadTensors tensors, ProjectionOptions options, ReadOnlyMemory<float> centers, int rows, int centersPerClass)
        : base(kind, centersPerClass > 0 ? rows / centersPerClass : 0, tensors.EmbeddingSize)
    {
        tensors.Require(
            centersPerClass > 0 && rows % centersPerClass == 0,
            $"weight has {rows} rows, which are not {centersPerClass} centres for each class");
        _centersPerClass = centersPerClass;
        _unitCenters = centers.ToArray();
        for (int row = 0; row < _unitCenters.Length; row += EmbeddingSize)
            Normalize(_unitCenters.AsSpan(row, EmbeddingSize));
        Scale = options.Scale;
        Margin = options.Margin;
    }

    private protected float Scale { get; }

    private protected float Margin { get; }

    /// <summary>What cosines are multiplied with in the end.</summary>
    private protected virtual double Factor(ReadOnlySpan<float> embedding) => Scale;

    /// <summary>Turns the cosines into what training makes of them, still without the factor.</summary>
    private protected abstract void ApplyMargin(Span<float> cosines, int label);

    private protected override void Score(ReadOnlySpan<float> embedding, int? label, Span<float> logits)
    {
        Cosines(embedding, logits);
        if (label is { } right)
            ApplyMargin(logits, right);
        TensorPrimitives.Multiply(logits, (float)Factor(embedding), logits);
    }

    /// <summary>The cosine of the embedding with the nearest centre of each class.</summary>
    private protected void Cosines(ReadOnlySpan<float> embedding, Span<float> cosines)
    {
        float[] unit = embedding.ToArray();
        Normalize(unit);
        for (int j = 0; j < cosines.Length; j++)
        {
            float best = float.NegativeInfinity;
            for (int row = j * _centersPerClass; row < (j + 1) * _centersPerClass; row++)
                best = MathF.Max(best, TensorPrimitives.Dot(unit, _unitCenters.AsSpan(row * EmbeddingSize, EmbeddingSize)));
            // Rounding can leave a cosine just beyond 1, where the sine of the angle would not be a number.
            cosines[j] = Math.Clamp(best, -1f, 1f);
        }
    }

    private protected static double Norm(ReadOnlySpan<float> vector)
    {
        double sum = 0;
        foreach (float value in vector)
            sum += (double)value * value;
        return Math.Sqrt(sum);
    }

    private static void Normalize(Span<float> vector)
    {
        double norm = Math.Max(Norm(vector), MinNorm);
        foreach (ref float value in vector)
            value = (float)(value / norm);
    }
}
