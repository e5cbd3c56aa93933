using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace EcapaIlgpu.Kernels;

/// <summary>
/// Mean, and where it is wanted <c>sqrt(variance + 1e-7)</c> with the unbiased variance, of every channel over the frames of each
/// utterance; the variance of a single frame is 0. The plain poolings (TAP, TSDP, TSTP) are this; mean normalisation and attention start
/// from it, and squeeze-excite joins its sums over time as it does.
/// </summary>
/// <remarks>
/// <para>
/// Two levels. An utterance is cut into chunks of <see cref="ChunkFrames"/> frames from its first frame on; <see cref="Chunks"/> sums
/// each chunk and its squared distances from the chunk's own mean, <see cref="Utterances"/> joins the chunks in order:
/// <c>mean = sum_i S_i / T</c>, <c>M2 = sum_i Q_i + n_i (m_i - mean)^2</c>. Nothing depends on where in the batch the utterance lies, and
/// no difference of large squares is ever taken.
/// </para>
/// <para>
/// Cost. 1 operation a number for the mean, 4 with the deviation; 4 bytes a number, or 2 (the second look at a chunk finds it in the
/// cache): bound by memory. Partial sums are 1/64 of the input.
/// </para>
/// </remarks>
public static class TimeMoments
{
    /// <summary>
    /// Frames that are summed by one thread: enough that partial sums are few, few enough that a handful of utterances fills a device.
    /// Attention's pass over time is cut the same way.
    /// </summary>
    public const int ChunkFrames = 64;

    /// <summary>
    /// Frames whose sum a convolution leaves beside its output (<see cref="Epilogue.SegmentSums"/>): as many as four threads of a product
    /// have of neighbouring rows, and as many as a tensor core's tile has. Like chunks, segments are counted from an utterance's first
    /// frame.
    /// </summary>
    public const int SegmentFrames = 16;

    /// <summary>What wespeaker adds to a variance before its root.</summary>
    public const float VarianceFloor = 1e-7f;

    /// <summary>Sums of chunks. Groups in a line, <c>ceil(quads / group)</c> of them for each chunk.</summary>
    /// <typeparam name="TStored">How the rows are stored; sums are float32.</typeparam>
    /// <param name="x">The rows.</param>
    /// <param name="stride">From row to row, in quads.</param>
    /// <param name="quads">Channels, in quads.</param>
    /// <param name="chunks">First row of each chunk, then the number of rows.</param>
    /// <param name="sums">Receives <c>[chunks, channels]</c>.</param>
    /// <param name="squares">
    /// Receives <c>[chunks, channels]</c>: squared distances from the chunk's mean. Not touched without the deviation.
    /// </param>
    /// <param name="deviation">1 where the deviation is wanted, else 0.</param>
    public static void Chunks<TStored>(
        ArrayView<TStored> x, int stride, int quads, ArrayView<int> chunks, ArrayView<Float4> sums, ArrayView<Float4> squares,
        SpecializedValue<int> deviation)
        where TStored : unmanaged, IQuad<TStored>
    {
        int blocks = (quads + Group.DimX - 1) / Group.DimX, chunk = Grid.IdxX / blocks;
        int quad = (Grid.IdxX % blocks * Group.DimX) + Group.IdxX;
        if (quad >= quads)
            return;
        int first = chunks[chunk], end = chunks[chunk + 1];
        Float4 sum = default;
        for (int row = first; row < end; row++)
            sum += TStored.Widen(x[(row * stride) + quad]);
        sums[(chunk * quads) + quad] = sum;
        if (deviation.Value != 0)
        {
            Float4 mean = sum * (1f / (end - first)), square = default;
            for (int row = first; row < end; row++)
            {
                Float4 distance = TStored.Widen(x[(row * stride) + quad]) - mean;
                square = Float4.MultiplyAdd(distance, distance, square);
            }
            squares[(chunk * quads) + quad] = square;
        }
    }

    /// <summary>Moments of utterances. Groups in a line, <c>ceil(quads / group)</c> of them for each utterance.</summary>
    /// <param name="sums">From <see cref="Chunks"/>.</param>
    /// <param name="squares">From <see cref="Chunks"/>; not read without the deviation.</param>
    /// <param name="quads">Channels, in quads.</param>
    /// <param name="chunks">First row of each chunk, then the number of rows.</param>
    /// <param name="utteranceChunks">First chunk of each utterance, then the number of chunks.</param>
    /// <param name="moments">Receives for each utterance the means and, where wanted, the deviations after them.</param>
    /// <param name="deviation">1 where the deviation is wanted, else 0.</param>
    public static void Utterances(
        ArrayView<Float4> sums, ArrayView<Float4> squares, int quads, ArrayView<int> chunks, ArrayView<int> utteranceChunks,
        ArrayView<Float4> moments, SpecializedValue<int> deviation)
    {
        int blocks = (quads + Group.DimX - 1) / Group.DimX, utterance = Grid.IdxX / blocks;
        int quad = (Grid.IdxX % blocks * Group.DimX) + Group.IdxX;
        if (quad >= quads)
            return;
        int first = utteranceChunks[utterance], end = utteranceChunks[utterance + 1];
        int frames = chunks[end] - chunks[first];
        Float4 mean = Mean(sums, quads, quad, first, end, frames);
        int at = utterance * quads * (deviation.Value != 0 ? 2 : 1);
        moments[at + quad] = mean;
        if (deviation.Value != 0)
        {
            Float4 square = default;
            for (int chunk = first; chunk < end; chunk++)
            {
                int count = chunks[chunk + 1] - chunks[chunk];
                Float4 distance = (sums[(chunk * quads) + quad] * (1f / count)) - mean;
                square += Float4.MultiplyAdd(distance * distance, count, squares[(chunk * quads) + quad]);
            }
            Float4 floor = new(VarianceFloor, VarianceFloor, VarianceFloor, VarianceFloor);
            moments[at + quads + quad] = Float4.Sqrt(Float4.MultiplyAdd(square, 1f / XMath.Max(frames - 1, 1), floor));
        }
    }

    /// <summary>
    /// The mean of four channels of an utterance; its chunks or segments are summed with compensation, which keeps an hour as exact as a
    /// second.
    /// </summary>
    internal static Float4 Mean(ArrayView<Float4> sums, int quads, int quad, int firstChunk, int endChunk, int frames)
    {
        Float4 total = default, lost = default;
        for (int chunk = firstChunk; chunk < endChunk; chunk++)
        {
            Float4 corrected = sums[(chunk * quads) + quad] - lost, sum = total + corrected;
            lost = sum - total - corrected;
            total = sum;
        }
        return total * (1f / frames);
    }
}
