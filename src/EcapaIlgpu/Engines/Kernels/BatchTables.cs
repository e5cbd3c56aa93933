using EcapaIlgpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>
/// What kernels know of how a batch is laid out, in one upload: where utterances start, which utterance a row belongs to, and the chunks
/// and segments into which sums over time are cut.
/// </summary>
internal readonly struct BatchTables
{
    /// <summary>The tables of a batch whose numbers lie, or will lie, in some memory as <see cref="Write"/> has them.</summary>
    public BatchTables(BatchShape shape, ArrayView<int> memory)
    {
        Shape = shape;
        int start = 0;
        ArrayView<int> Next(int length)
        {
            ArrayView<int> view = memory.SubView(start, length);
            start += length;
            return view;
        }
        int utterances = shape.Utterances;
        (Offsets, SampleOffsets, RowUtterances) = (Next(utterances + 1), Next(utterances + 1), Next(shape.Rows));
        (Chunks, UtteranceChunks) = (Next(shape.Chunks + 1), Next(utterances + 1));
        (Segments, UtteranceSegments) = (Next(shape.Segments + 1), Next(utterances + 1));
    }

    /// <summary>How much of everything there is.</summary>
    public BatchShape Shape { get; }

    /// <summary>Number of frames.</summary>
    public int Rows => Shape.Rows;

    /// <summary>Number of utterances.</summary>
    public int Utterances => Shape.Utterances;

    /// <summary>Number of chunks.</summary>
    public int ChunkCount => Shape.Chunks;

    /// <summary>Number of segments.</summary>
    public int SegmentCount => Shape.Segments;

    /// <summary>First row of each utterance, then the number of rows.</summary>
    public ArrayView<int> Offsets { get; }

    /// <summary>First sample of each utterance, then where the last one ends; zeros for a batch of features.</summary>
    public ArrayView<int> SampleOffsets { get; }

    /// <summary>The utterance of each row.</summary>
    public ArrayView<int> RowUtterances { get; }

    /// <summary>First row of each chunk, then the number of rows.</summary>
    public ArrayView<int> Chunks { get; }

    /// <summary>First chunk of each utterance, then the number of chunks.</summary>
    public ArrayView<int> UtteranceChunks { get; }

    /// <summary>First row of each segment, then the number of rows.</summary>
    public ArrayView<int> Segments { get; }

    /// <summary>First segment of each utterance, then the number of segments.</summary>
    public ArrayView<int> UtteranceSegments { get; }

    /// <summary>Writes the tables of utterances that start at <paramref name="offsets"/> (and end at its last number).</summary>
    /// <param name="offsets">First row of each utterance, then the number of rows.</param>
    /// <param name="sampleOffsets">First sample of each utterance, then where the last one ends; empty for a batch of features.</param>
    /// <param name="numbers">Receives <see cref="BatchShape.TableLength"/> numbers.</param>
    public static void Write(ReadOnlySpan<int> offsets, ReadOnlySpan<int> sampleOffsets, Span<int> numbers)
    {
        BatchShape shape = BatchShape.Of(offsets);
        int utterances = shape.Utterances, start = 0;
        Span<int> target = Next(numbers, utterances + 1);
        offsets.CopyTo(target);
        target = Next(numbers, utterances + 1);
        target.Clear();
        sampleOffsets.CopyTo(target);
        target = Next(numbers, shape.Rows);
        for (int u = 0; u < utterances; u++)
            target[offsets[u]..offsets[u + 1]].Fill(u);
        WritePieces(offsets, TimeMoments.ChunkFrames, Next(numbers, shape.Chunks + 1), Next(numbers, utterances + 1));
        WritePieces(offsets, TimeMoments.SegmentFrames, Next(numbers, shape.Segments + 1), Next(numbers, utterances + 1));

        Span<int> Next(Span<int> all, int length)
        {
            start += length;
            return all.Slice(start - length, length);
        }
    }

    /// <summary>Writes and uploads the tables of a batch.</summary>
    public static BatchTables Upload(
        ReadOnlySpan<int> offsets, DeviceBuffer<int> buffer, AcceleratorStream stream, ReadOnlySpan<int> sampleOffsets = default)
    {
        BatchShape shape = BatchShape.Of(offsets);
        int[] numbers = new int[shape.TableLength];
        Write(offsets, sampleOffsets, numbers);
        ArrayView<int> memory = buffer.Require(numbers.Length);
        memory.CopyFromCPU(stream, numbers);
        return new BatchTables(shape, memory);
    }

    /// <summary>Cuts every utterance into pieces from its first frame on.</summary>
    private static void WritePieces(ReadOnlySpan<int> offsets, int length, Span<int> firstRows, Span<int> firstPieces)
    {
        int piece = 0;
        for (int u = 0; u < offsets.Length - 1; u++)
        {
            firstPieces[u] = piece;
            for (int row = offsets[u]; row < offsets[u + 1]; row += length)
                firstRows[piece++] = row;
        }
        (firstPieces[^1], firstRows[^1]) = (piece, offsets[^1]);
    }
}
