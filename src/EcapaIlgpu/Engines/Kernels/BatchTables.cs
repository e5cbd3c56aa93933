using EcapaIlgpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>
/// What kernels know of how a batch is laid out, in one upload: where utterances start, which utterance a row belongs to, and the chunks into which
/// sums over time are cut.
/// </summary>
internal readonly struct BatchTables
{
    private readonly int[] _utteranceChunks;

    private BatchTables(int rows, int[] utteranceChunks, ArrayView<int> memory)
    {
        int utterances = utteranceChunks.Length - 1, chunks = utteranceChunks[^1];
        (Rows, _utteranceChunks) = (rows, utteranceChunks);
        Offsets = memory.SubView(0, utterances + 1);
        RowUtterances = memory.SubView(utterances + 1, rows);
        Chunks = memory.SubView(utterances + 1 + rows, chunks + 1);
        UtteranceChunks = memory.SubView(utterances + 1 + rows + chunks + 1, utterances + 1);
    }

    /// <summary>Number of frames.</summary>
    public int Rows { get; }

    /// <summary>Number of utterances.</summary>
    public int Utterances => _utteranceChunks.Length - 1;

    /// <summary>Number of chunks.</summary>
    public int ChunkCount => _utteranceChunks[^1];

    /// <summary>First row of each utterance, then the number of rows.</summary>
    public ArrayView<int> Offsets { get; }

    /// <summary>The utterance of each row.</summary>
    public ArrayView<int> RowUtterances { get; }

    /// <summary>First row of each chunk, then the number of rows.</summary>
    public ArrayView<int> Chunks { get; }

    /// <summary>First chunk of each utterance, then the number of chunks.</summary>
    public ArrayView<int> UtteranceChunks { get; }

    /// <summary>Builds the tables of utterances that start at <paramref name="offsets"/> (and end at its last number).</summary>
    public static BatchTables Upload(ReadOnlySpan<int> offsets, DeviceBuffer<int> buffer, AcceleratorStream stream)
    {
        int utterances = offsets.Length - 1, rows = offsets[^1];
        int[] utteranceChunks = new int[utterances + 1];
        for (int u = 0; u < utterances; u++)
            utteranceChunks[u + 1] = utteranceChunks[u] + ((offsets[u + 1] - offsets[u] + TimeMoments.ChunkFrames - 1) / TimeMoments.ChunkFrames);
        int chunks = utteranceChunks[^1];
        int[] numbers = new int[(2 * (utterances + 1)) + rows + chunks + 1];
        offsets.CopyTo(numbers);
        Span<int> rowUtterances = numbers.AsSpan(utterances + 1, rows), firsts = numbers.AsSpan(utterances + 1 + rows, chunks + 1);
        for (int u = 0; u < utterances; u++)
        {
            rowUtterances[offsets[u]..offsets[u + 1]].Fill(u);
            for (int chunk = utteranceChunks[u]; chunk < utteranceChunks[u + 1]; chunk++)
                firsts[chunk] = offsets[u] + ((chunk - utteranceChunks[u]) * TimeMoments.ChunkFrames);
        }
        firsts[chunks] = rows;
        utteranceChunks.CopyTo(numbers, numbers.Length - utterances - 1);
        ArrayView<int> memory = buffer.Require(numbers.Length);
        memory.CopyFromCPU(stream, numbers);
        return new BatchTables(rows, utteranceChunks, memory);
    }
}
