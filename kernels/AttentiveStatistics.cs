using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace EcapaIlgpu.Kernels;

/// <summary>
/// Attentive statistics pooling: <c>a = softmax_t(V h)</c> of the hidden layer h, <c>m = sum_t a x</c>,
/// <c>s = sqrt(max(sum_t a x^2 - m^2, 1e-7))</c>, all for each channel, in one pass over time: the logits never reach memory.
/// </summary>
/// <remarks>
/// <para>
/// <see cref="Chunks"/> multiplies a tile of <see cref="TimeMoments.ChunkFrames"/> frames of one utterance (<see cref="TileProduct"/>) and,
/// while the logits are in registers, reduces it to one record for each channel: the largest logit and, with weights
/// <c>e = exp(logit - largest)</c> and distances <c>d = x - mean</c> from the plain mean, the sums of e, e d and e d^2. <see cref="Pool"/>
/// joins an utterance's records in order. Distances from a mean that is near the weighted one keep <c>E[x^2] - E[x]^2</c> from cancelling,
/// and dividing by the sum of the weights as it was really summed keeps them summing to one. The logits' bias is left out: it is the same
/// for all frames of a channel, and softmax does not see it.
/// </para>
/// <para>
/// Layout. Records are <c>[chunks, channels]</c>, each one <see cref="Float4"/>: largest, sum e, sum e d, sum e d^2.
/// </para>
/// <para>
/// Cost. 2 * rows * hidden * channels operations for the logits, about 20 * rows * channels for the rest; 4 * rows * (hidden + channels)
/// bytes.
/// </para>
/// </remarks>
public static class AttentiveStatistics
{
    /// <summary>The least weighted variance, clamped to (not added).</summary>
    public const float LeastVariance = 1e-7f;

    /// <summary>
    /// The records of chunks. Groups of <c>tile.Threads</c> in a line, <c>ceil(channels / tile.Columns)</c> of them for each chunk.
    /// </summary>
    /// <typeparam name="TStored">How rows and V are stored; all else is float32.</typeparam>
    /// <param name="hiddenRows"><c>[rows, hidden]</c>, after tanh.</param>
    /// <param name="hidden">Channels of the hidden layer, in quads.</param>
    /// <param name="weight">V, laid out as <see cref="TileProduct"/> says.</param>
    /// <param name="weightStride">Padded channels, in quads.</param>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="means">For each utterance the plain means first; rows of <paramref name="meanStride"/> quads.</param>
    /// <param name="meanStride">From utterance to utterance, in quads.</param>
    /// <param name="channels">Channels, in quads.</param>
    /// <param name="chunks">First row of each chunk, then the number of rows.</param>
    /// <param name="utterances">The utterance of each row.</param>
    /// <param name="records">Receives the records.</param>
    /// <param name="tile">How the product is cut; its rows are <see cref="TimeMoments.ChunkFrames"/>.</param>
    public static void Chunks<TStored>(
        ArrayView<TStored> hiddenRows, int hidden, ArrayView<TStored> weight, int weightStride, ArrayView<TStored> x,
        ArrayView<Float4> means, int meanStride, int channels, ArrayView<int> chunks, ArrayView<int> utterances, ArrayView<Float4> records,
        SpecializedValue<ProductTile> tile)
        where TStored : unmanaged, IQuad<TStored>
    {
        ProductTile cut = tile.Value;
        int tileQuads = cut.Columns / 4, columnTiles = (channels + tileQuads - 1) / tileQuads;
        int chunk = Grid.IdxX / columnTiles, firstColumn = Grid.IdxX % columnTiles * tileQuads;
        int firstRow = chunks[chunk], endRow = chunks[chunk + 1];
        ArrayView<float> logits = LocalMemory.Allocate<float>(cut.ThreadRows * cut.ThreadColumns);
        ArrayView<int> rows = LocalMemory.Allocate<int>(cut.RowLoads);
        TileProduct.ConsecutiveRows(firstRow, endRow, cut, rows);
        TileProduct.Compute(
            SharedMemory.Allocate<Float4>(cut.SharedQuads), hiddenRows, hidden, hidden, weight, weightStride, 1, 1, utterances, utterances,
            means, false, rows, firstColumn, cut, logits);
        Reduce(logits, x, means, meanStride, channels, utterances, chunk, firstRow, endRow, firstColumn, records, cut);
    }

    /// <summary>
    /// The record of a chunk from its logits, of which each thread has the rows and columns that <see cref="TileProduct"/> names.
    /// </summary>
    internal static void Reduce<TStored>(
        ArrayView<float> logits, ArrayView<TStored> x, ArrayView<Float4> means, int meanStride, int channels, ArrayView<int> utterances,
        int chunk, int firstRow, int endRow, int firstColumn, ArrayView<Float4> records, ProductTile cut)
        where TStored : unmanaged, IQuad<TStored>
    {
        int rowThread = TileProduct.RowThread(cut);

        // One row of threads after another: what each has found for a column, then what all have.
        ArrayView<float> largest = SharedMemory.Allocate<float>(cut.RowThreads * cut.Columns);
        ArrayView<Float4> found = SharedMemory.Allocate<Float4>(cut.RowThreads * cut.Columns);
        for (int j = 0; j < cut.ThreadColumns; j++)
        {
            float most = float.NegativeInfinity;
            for (int i = 0; i < cut.ThreadRows; i++)
            {
                if (firstRow + TileProduct.Row(i, cut) < endRow)
                    most = XMath.Max(most, logits[(i * cut.ThreadColumns) + j]);
            }
            largest[(rowThread * cut.Columns) + Column(j, cut)] = most;
        }
        Group.Barrier();

        int utterance = utterances[firstRow];
        for (int q = 0; q < cut.ThreadColumns / 4; q++)
        {
            int quad = firstColumn + TileProduct.ColumnQuad(q, cut), column = Column(q * 4, cut);
            Float4 peak = new(
                Largest(largest, column, cut), Largest(largest, column + 1, cut), Largest(largest, column + 2, cut),
                Largest(largest, column + 3, cut));
            Float4 weights = default, firsts = default, seconds = default;
            if (quad < channels)
            {
                Float4 mean = means[(utterance * meanStride) + quad];
                for (int i = 0; i < cut.ThreadRows; i++)
                {
                    int row = firstRow + TileProduct.Row(i, cut), at = (i * cut.ThreadColumns) + (q * 4);
                    if (row < endRow)
                    {
                        Float4 e = new(
                            XMath.Exp(logits[at] - peak.X), XMath.Exp(logits[at + 1] - peak.Y),
                            XMath.Exp(logits[at + 2] - peak.Z), XMath.Exp(logits[at + 3] - peak.W));
                        Float4 distance = TStored.Widen(x[(row * channels) + quad]) - mean, weighted = e * distance;
                        weights += e;
                        firsts += weighted;
                        seconds = Float4.MultiplyAdd(weighted, distance, seconds);
                    }
                }
            }
            int place = (rowThread * cut.Columns) + column;
            found[place] = new Float4(peak.X, weights.X, firsts.X, seconds.X);
            found[place + 1] = new Float4(peak.Y, weights.Y, firsts.Y, seconds.Y);
            found[place + 2] = new Float4(peak.Z, weights.Z, firsts.Z, seconds.Z);
            found[place + 3] = new Float4(peak.W, weights.W, firsts.W, seconds.W);
        }
        Group.Barrier();
        for (int column = Group.IdxX; column < cut.Columns; column += cut.Threads)
        {
            Float4 record = found[column];
            for (int i = 1; i < cut.RowThreads; i++)
            {
                Float4 part = found[(i * cut.Columns) + column];
                record = new Float4(record.X, record.Y + part.Y, record.Z + part.Z, record.W + part.W);
            }
            int channel = (firstColumn * 4) + column;
            if (channel < channels * 4)
                records[(chunk * channels * 4) + channel] = record;
        }
    }

    /// <summary>The pooled vectors. Groups in a line, <c>ceil(channels / group)</c> of them for each utterance.</summary>
    /// <param name="records">From <see cref="Chunks"/>.</param>
    /// <param name="means">For each utterance the plain means first; rows of <paramref name="meanStride"/> numbers.</param>
    /// <param name="meanStride">From utterance to utterance, in numbers.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="utteranceChunks">First chunk of each utterance, then the number of chunks.</param>
    /// <param name="pooled">Receives for each utterance the means, then the deviations.</param>
    public static void Pool(
        ArrayView<Float4> records, ArrayView<float> means, int meanStride, int channels, ArrayView<int> utteranceChunks,
        ArrayView<float> pooled)
    {
        int blocks = (channels + Group.DimX - 1) / Group.DimX, utterance = Grid.IdxX / blocks;
        int channel = (Grid.IdxX % blocks * Group.DimX) + Group.IdxX;
        if (channel >= channels)
            return;
        int first = utteranceChunks[utterance], end = utteranceChunks[utterance + 1];
        float peak = float.NegativeInfinity;
        for (int chunk = first; chunk < end; chunk++)
            peak = XMath.Max(peak, records[(chunk * channels) + channel].X);
        float weight = 0f, firsts = 0f, seconds = 0f;
        for (int chunk = first; chunk < end; chunk++)
        {
            Float4 record = records[(chunk * channels) + channel];
            float factor = XMath.Exp(record.X - peak);
            weight += record.Y * factor;
            firsts += record.Z * factor;
            seconds += record.W * factor;
        }
        float distance = firsts / weight, variance = (seconds / weight) - (distance * distance);
        int at = (utterance * 2 * channels) + channel;
        pooled[at] = means[(utterance * meanStride) + channel] + distance;
        pooled[at + channels] = XMath.Sqrt(XMath.Max(variance, LeastVariance));
    }

    /// <summary>Column <paramref name="j"/> of the calling thread, counted from the tile's first.</summary>
    private static int Column(int j, ProductTile cut) => (TileProduct.ColumnQuad(j / 4, cut) * 4) + (j % 4);

    private static float Largest(ArrayView<float> largest, int column, ProductTile cut)
    {
        float most = largest[column];
        for (int i = 1; i < cut.RowThreads; i++)
            most = XMath.Max(most, largest[(i * cut.Columns) + column]);
        return most;
    }
}
