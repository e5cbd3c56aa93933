using System.Numerics.Tensors;

namespace EcapaIlgpu.Model.Heads;

/// <summary>From the scores of a head to probabilities of its classes.</summary>
public static class Probabilities
{
    /// <summary>
    /// Softmax: <c>exp(logit) / sum of exp(logits)</c>, computed relative to the largest logit, so that none overflows. (For sphereface2,
    /// whose classes are separate questions, this says which class is likeliest and not whether any is right.)
    /// </summary>
    /// <param name="logits">Scores, at least one.</param>
    /// <param name="probabilities">Receives the probabilities, as many; their sum is 1. May be the same memory.</param>
    /// <exception cref="ArgumentException">No scores, or spans of different lengths.</exception>
    public static void FromLogits(ReadOnlySpan<float> logits, Span<float> probabilities)
    {
        if (logits.IsEmpty)
            throw new ArgumentException("There are no scores.", nameof(logits));
        if (logits.Length != probabilities.Length)
            throw new ArgumentException($"Room for {probabilities.Length} probabilities of {logits.Length} scores.", nameof(probabilities));
        TensorPrimitives.Subtract(logits, TensorPrimitives.Max(logits), probabilities);
        TensorPrimitives.Exp(probabilities, probabilities);
        TensorPrimitives.Divide(probabilities, TensorPrimitives.Sum<float>(probabilities), probabilities);
    }

    /// <inheritdoc cref="FromLogits(ReadOnlySpan{float}, Span{float})"/>
    /// <returns>The probabilities.</returns>
    public static float[] FromLogits(ReadOnlySpan<float> logits)
    {
        float[] probabilities = new float[logits.Length];
        FromLogits(logits, probabilities);
        return probabilities;
    }
}
