using ILGPU;

namespace EcapaIlgpu.Kernels;

/// <summary>Mean normalisation of filterbank rows: each bin's mean over the utterance is subtracted, in place.</summary>
/// <remarks>
/// The means come from <see cref="TimeMoments"/>. Cost: 1 operation and 8 bytes a number.
/// </remarks>
public static class MeanNormalization
{
    /// <summary>The kernel. One thread for each quad, in a line.</summary>
    /// <param name="frames"><c>[rows, bins]</c>.</param>
    /// <param name="means"><c>[utterances, bins]</c>.</param>
    /// <param name="utterances">The utterance of each row.</param>
    /// <param name="rows">Frames of the batch.</param>
    /// <param name="bins">Bins, in quads.</param>
    public static void Subtract(ArrayView<Float4> frames, ArrayView<Float4> means, ArrayView<int> utterances, int rows, int bins)
    {
        int at = (Grid.IdxX * Group.DimX) + Group.IdxX, row = at / bins;
        if (row < rows)
            frames[at] -= means[(utterances[row] * bins) + (at % bins)];
    }
}
