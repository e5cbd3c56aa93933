using ILGPU;
using ILGPU.Algorithms;

namespace EcapaIlgpu.Kernels;

/// <summary>
/// wespeaker's softmax head: <c>p = softmax(W relu(bn(e)) + b)</c> over the classes. Its linear layer is <see cref="UtteranceLinear"/>;
/// here are what comes before and after.
/// </summary>
/// <remarks>
/// A group has one utterance: it finds the largest score, then the sum of exponentials, then divides, each thread the classes that are its
/// number apart. Partial results are joined in order. Cost: about 4 operations and 16 bytes a class.
/// </remarks>
public static class SoftmaxHead
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 256;

    /// <summary><c>relu(scale * e + shift)</c>. One thread for each quad, in a line.</summary>
    /// <param name="embeddings"><c>[utterances, size]</c>.</param>
    /// <param name="scale"><c>[size]</c>.</param>
    /// <param name="shift"><c>[size]</c>.</param>
    /// <param name="output">Receives <c>[utterances, size]</c>.</param>
    /// <param name="utterances">Number of utterances.</param>
    /// <param name="size">Length of an embedding, in quads.</param>
    public static void NormalizeRelu(
        ArrayView<Float4> embeddings, ArrayView<Float4> scale, ArrayView<Float4> shift, ArrayView<Float4> output, int utterances, int size)
    {
        int at = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (at < utterances * size)
            output[at] = Float4.Relu(Float4.MultiplyAdd(embeddings[at], scale[at % size], shift[at % size]));
    }

    /// <summary>Softmax over the classes, in place. One group of <see cref="Threads"/> threads for each utterance.</summary>
    /// <param name="scores">Rows of <paramref name="stride"/> numbers; what lies beyond the classes is left alone.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="stride">From row to row.</param>
    public static void Softmax(ArrayView<float> scores, int classes, int stride)
    {
        ArrayView<float> partial = SharedMemory.Allocate<float>(Threads);
        int first = Grid.IdxX * stride;
        float most = float.NegativeInfinity;
        for (int c = Group.IdxX; c < classes; c += Threads)
            most = XMath.Max(most, scores[first + c]);
        partial[Group.IdxX] = most;
        Group.Barrier();
        for (int i = 0; i < Threads; i++)
            most = XMath.Max(most, partial[i]);
        Group.Barrier();
        float sum = 0f;
        for (int c = Group.IdxX; c < classes; c += Threads)
        {
            float e = XMath.Exp(scores[first + c] - most);
            scores[first + c] = e;
            sum += e;
        }
        partial[Group.IdxX] = sum;
        Group.Barrier();
        sum = 0f;
        for (int i = 0; i < Threads; i++)
            sum += partial[i];
        for (int c = Group.IdxX; c < classes; c += Threads)
            scores[first + c] /= sum;
    }
}
