using EcapaIlgpu.Kernels;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>
/// How much of everything a batch has: what decides the sizes of buffers and launches, whatever the utterances' lengths are one by one.
/// </summary>
/// <param name="Rows">Number of frames.</param>
/// <param name="Utterances">Number of utterances.</param>
/// <param name="Chunks">Number of chunks, of at most <see cref="TimeMoments.ChunkFrames"/> frames of one utterance.</param>
/// <param name="Segments">Number of segments, of at most <see cref="TimeMoments.SegmentFrames"/> frames of one utterance.</param>
internal readonly record struct BatchShape(int Rows, int Utterances, int Chunks, int Segments)
{
    /// <summary>Numbers of the batch's tables, see <see cref="BatchTables"/>.</summary>
    public int TableLength => (4 * (Utterances + 1)) + Rows + Chunks + 1 + Segments + 1;

    /// <summary>The shape of utterances that start at these rows, and end at the last number.</summary>
    public static BatchShape Of(ReadOnlySpan<int> offsets)
    {
        int chunks = 0, segments = 0;
        for (int u = 1; u < offsets.Length; u++)
        {
            int frames = offsets[u] - offsets[u - 1];
            chunks += Pieces(frames, TimeMoments.ChunkFrames);
            segments += Pieces(frames, TimeMoments.SegmentFrames);
        }
        return new BatchShape(offsets[^1], offsets.Length - 1, chunks, segments);
    }

    /// <summary>Pieces of a length that an utterance is cut into, the last one perhaps shorter.</summary>
    public static int Pieces(int frames, int length) => (frames + length - 1) / length;
}
