using System.Numerics.Tensors;
using EcapaIlgpu.Scoring;

namespace EcapaIlgpu.Extraction;

/// <summary>What stands between the engine's numbers and an embedding that is handed out.</summary>
internal static class RawEmbedding
{
    /// <summary>Makes sure that the numbers are some, and scales them to unit length where that is asked for.</summary>
    /// <exception cref="InputException">A number is not finite.</exception>
    public static void Finish(Span<float> embedding, string source, bool normalize)
    {
        if (!TensorPrimitives.IsFiniteAll<float>(embedding))
            throw new InputException(source, "the network's answer is not finite; the model is damaged or not an embedding model");
        if (normalize)
            Cosine.Normalize(embedding, embedding);
    }
}
