using ILGPU;
using ILGPU.Algorithms;

namespace EcapaIlgpu.Kernels;

/// <summary>
/// The matrix product inside <see cref="ConvReluBn"/> and <see cref="AttentiveStatistics"/>: one group's tile of
/// <c>sum over taps and input channels of x[row + (tap - taps/2) * dilation, i] * w[tap, i, o]</c>.
/// </summary>
/// <remarks>
/// <para>
/// Layout. Weights are <c>[taps * inputs + depth, outputs]</c>, outputs fastest, inputs padded with zero rows to a multiple of 16 for
/// each tap and outputs to a multiple of 128: no weight load needs a condition, not even the one that runs ahead. In
/// shared memory both operands lie depth by depth, so that a thread's four rows or columns are one 16-byte load. Rows arrive from
/// global memory with four depths in one access and are turned on the way in; the four depths of an access go to places that differ
/// by 8 rows (an exclusive or with bits 3 and 4 of the row's number), so that the 32 lanes of a warp, which hold 8 rows of 4 accesses each,
/// write to 32 different banks.
/// </para>
/// <para>
/// Order. Each sum is one chain of fused multiply-adds, taps ascending, inside them input channels ascending, from zero; rows
/// outside the utterance take part as zeros. It is the same for every tile and every place in the batch, hence the same bits.
/// </para>
/// <para>
/// Cost of a depth step of a 128 x 128 tile with 8 x 8 outputs a thread: 64 multiply-adds for 4 shared loads of 16 bytes. While a tile is
/// multiplied the next one is on its way from global memory to registers; it goes to the other half of the shared memory, and one
/// barrier a tile is enough.
/// </para>
/// </remarks>
public static class TileProduct
{
    /// <summary>Input channels of a tap are padded to a multiple of this in the weights: every depth of a tile divides it.</summary>
    public const int WeightPadding = 16;

    /// <summary>How far a row's neighbours are counted: kernels reach no further. Two such numbers share a register.</summary>
    private const int MostReach = 0x7fff;

    /// <summary>Computes the sums of the calling thread. It ends with a barrier: the shared memory is the caller's again.</summary>
    /// <typeparam name="TInput">How rows are stored; they are widened on the way into shared memory.</typeparam>
    /// <typeparam name="TWeight">How weights are stored; widened there too.</typeparam>
    /// <param name="shared">Shared memory for <see cref="ProductTile.SharedQuads"/> quads.</param>
    /// <param name="input">Rows of <paramref name="inputStride"/> quads, of which the first <paramref name="inputQuads"/> are read.</param>
    /// <param name="inputStride">From row to row, in quads.</param>
    /// <param name="inputQuads">Input channels, in quads.</param>
    /// <param name="weight">See the layout above.</param>
    /// <param name="weightStride">Padded output channels, in quads.</param>
    /// <param name="taps">Kernel width: a constant.</param>
    /// <param name="dilation">Frames from tap to tap.</param>
    /// <param name="utterances">The utterance of each row; read only for more than one tap.</param>
    /// <param name="offsets">First row of each utterance, then the number of rows; read only for more than one tap.</param>
    /// <param name="means">
    /// For each utterance what is subtracted from its rows, <paramref name="inputQuads"/> quads; read only with more than one tap.
    /// </param>
    /// <param name="subtractsMean">Whether <paramref name="means"/> are subtracted: a constant.</param>
    /// <param name="rows">The rows that the calling thread loads, from <see cref="ConsecutiveRows"/> or <see cref="SegmentRows"/>.</param>
    /// <param name="firstColumn">First output channel of the tile, in quads.</param>
    /// <param name="tile">How to cut: constants.</param>
    /// <param name="sums">
    /// Receives <c>[ThreadRows, ThreadColumns]</c>: the rows and columns that <see cref="Row"/> and <see cref="ColumnQuad"/> name.
    /// </param>
    public static void Compute<TInput, TWeight>(
        ArrayView<Float4> shared, ArrayView<TInput> input, int inputStride, int inputQuads, ArrayView<TWeight> weight, int weightStride,
        int taps, int dilation, ArrayView<int> utterances, ArrayView<int> offsets, ArrayView<Float4> means, bool subtractsMean,
        ArrayView<int> rows, int firstColumn, ProductTile tile, ArrayView<float> sums)
        where TInput : unmanaged, IQuad<TInput>
        where TWeight : unmanaged, IQuad<TWeight>
    {
        int thread = Group.IdxX, threads = tile.Threads;
        int depthQuads = tile.Depth / 4, rowQuads = tile.Rows / 4, columnQuads = tile.Columns / 4;
        int rowLoads = tile.RowLoads, columnLoads = tile.Depth * columnQuads / threads;
        int rowsBuffer = tile.Depth * rowQuads, columnsBuffer = tile.Depth * columnQuads;
        ArrayView<Float4> rowTiles = shared.SubView(0, 2 * rowsBuffer);
        ArrayView<Float4> columns = shared.SubView(2 * rowsBuffer, 2 * columnsBuffer);
        ArrayView<float> turned = rowTiles.Cast<float>();
        ArrayView<TInput> nextRows = LocalMemory.Allocate<TInput>(rowLoads);
        ArrayView<TWeight> nextColumns = LocalMemory.Allocate<TWeight>(columnLoads);

        // Where this thread's loads of rows start, and how far its rows may be shifted and stay inside their utterance.
        ArrayView<int> source = LocalMemory.Allocate<int>(rowLoads);
        ArrayView<int> reach = LocalMemory.Allocate<int>(rowLoads);
        ArrayView<int> mean = LocalMemory.Allocate<int>(rowLoads);
        int loadDepth = thread % depthQuads, loadRow = thread / depthQuads;
        for (int i = 0; i < rowLoads; i++)
        {
            int row = rows[i];
            source[i] = (row * inputStride) + loadDepth;
            reach[i] = row >= 0 ? 0 : int.MinValue;
            mean[i] = 0;
            if (taps > 1 && row >= 0)
            {
                int utterance = utterances[row];
                reach[i] = (XMath.Min(row - offsets[utterance], MostReach) << 16) | XMath.Min(offsets[utterance + 1] - 1 - row, MostReach);
                if (subtractsMean)
                    mean[i] = (utterance * inputQuads) + loadDepth;
            }
        }
        int loadColumn = thread % columnQuads, loadChannel = thread / columnQuads, loadChannelStep = threads / columnQuads;
        int weightAt = (loadChannel * weightStride) + firstColumn + loadColumn;
        int rowThread = RowThread(tile), columnThread = ColumnThread(tile);
        for (int i = 0; i < tile.ThreadRows * tile.ThreadColumns; i++)
            sums[i] = 0f;

        int paddedQuads = (inputQuads + (WeightPadding / 4) - 1) / (WeightPadding / 4) * (WeightPadding / 4);
        int steps = taps * (paddedQuads / depthQuads), depth = 0, shift = -(taps / 2) * dilation, endShift = shift + (taps * dilation);
        LoadRows(
            input, source, reach, shift, (shift * inputStride) + depth, depth + loadDepth < inputQuads, means, mean, depth, subtractsMean,
            nextRows);
        LoadColumns(weight, weightAt, loadChannelStep * weightStride, nextColumns);
        Store(nextRows, nextColumns, turned, columns, 0, loadRow, loadDepth, tile);
        Group.Barrier();
        for (int step = 0; step < steps; step++)
        {
            weightAt += tile.Depth * weightStride;
            depth += depthQuads;
            if (taps > 1 && depth >= paddedQuads)
            {
                depth = 0;
                shift += dilation;
            }
            // After the last tile zeros are loaded, and weights from the padding behind the last.
            bool inside = depth + loadDepth < inputQuads && (taps == 1 || shift < endShift);
            LoadRows(input, source, reach, shift, (shift * inputStride) + depth, inside, means, mean, depth, subtractsMean, nextRows);
            LoadColumns(weight, weightAt, loadChannelStep * weightStride, nextColumns);
            int half = step & 1;
            Multiply(
                rowTiles.SubView(half * rowsBuffer, rowsBuffer), columns.SubView(half * columnsBuffer, columnsBuffer), rowThread,
                columnThread, tile, sums);
            Store(nextRows, nextColumns, turned, columns, half ^ 1, loadRow, loadDepth, tile);
            Group.Barrier();
        }
    }

    /// <summary>
    /// The rows that the calling thread loads of a tile of neighbouring rows; -1 for those from <paramref name="endRow"/> on.
    /// </summary>
    public static void ConsecutiveRows(int firstRow, int endRow, ProductTile tile, ArrayView<int> rows)
    {
        for (int i = 0; i < tile.RowLoads; i++)
        {
            int row = firstRow + LoadPlace(i, tile);
            rows[i] = row < endRow ? row : -1;
        }
    }

    /// <summary>
    /// The rows that the calling thread loads of a tile whose places belong, <see cref="TimeMoments.SegmentFrames"/> each, to segments of
    /// utterances; -1 for places that no frame has.
    /// </summary>
    public static void SegmentRows(ArrayView<int> segments, int firstPlace, int endPlace, ProductTile tile, ArrayView<int> rows)
    {
        for (int i = 0; i < tile.RowLoads; i++)
            rows[i] = SegmentRow(segments, firstPlace + LoadPlace(i, tile), endPlace);
    }

    /// <summary>The row at a place: -1 beyond the last frame of the place's segment, and from <paramref name="endPlace"/> on.</summary>
    /// <param name="segments">First row of each segment, then the number of rows.</param>
    /// <param name="place"><see cref="TimeMoments.SegmentFrames"/> of them for each segment.</param>
    /// <param name="endPlace">The number of places.</param>
    public static int SegmentRow(ArrayView<int> segments, int place, int endPlace)
    {
        int row = -1;
        if (place < endPlace)
        {
            int segment = place / TimeMoments.SegmentFrames, at = segments[segment] + (place % TimeMoments.SegmentFrames);
            row = at < segments[segment + 1] ? at : -1;
        }
        return row;
    }

    /// <summary>Row <paramref name="i"/> of the calling thread, counted from the tile's first.</summary>
    public static int Row(int i, ProductTile tile) => (((i / 4 * tile.RowThreads) + RowThread(tile)) * 4) + (i % 4);

    /// <summary>Quad <paramref name="j"/> of the calling thread's columns, counted from the tile's first.</summary>
    public static int ColumnQuad(int j, ProductTile tile) => (j * tile.ColumnThreads) + ColumnThread(tile);

    /// <summary>
    /// The thread's place among those side by side on the rows. A warp is 4 of them by 8 columns: what it reads of either operand is then
    /// short.
    /// </summary>
    public static int RowThread(ProductTile tile) => (Group.IdxX / 8 % 4) + (Group.IdxX / 32 / (tile.ColumnThreads / 8) * 4);

    /// <summary>Where in the tile the row of a thread's load lies.</summary>
    private static int LoadPlace(int load, ProductTile tile) =>
        (Group.IdxX / (tile.Depth / 4)) + (load * (tile.Threads / (tile.Depth / 4)));

    private static int ColumnThread(ProductTile tile) => (Group.IdxX % 8) + (Group.IdxX / 32 % (tile.ColumnThreads / 8) * 8);

    /// <summary>By what the rows of one quad of depths are moved, so that a warp's stores meet no bank twice.</summary>
    private static int Swizzle(int depthQuad, ProductTile tile) => depthQuad * (32 / (tile.Depth / 4));

    private static void LoadRows<TInput>(
        ArrayView<TInput> input, ArrayView<int> source, ArrayView<int> reach, int shift, int shifted, bool inside, ArrayView<Float4> means,
        ArrayView<int> mean, int depth, bool subtractsMean, ArrayView<TInput> next)
        where TInput : unmanaged, IQuad<TInput>
    {
        for (int i = 0; i < next.IntLength; i++)
        {
            TInput value = default;
            if (inside && -shift <= reach[i] >> 16 && shift <= (reach[i] & MostReach))
            {
                value = input[source[i] + shifted];
                if (subtractsMean)
                    value = TInput.Narrow(TInput.Widen(value) - means[mean[i] + depth]);
            }
            next[i] = value;
        }
    }

    private static void LoadColumns<TWeight>(ArrayView<TWeight> weight, int at, int step, ArrayView<TWeight> next)
        where TWeight : unmanaged
    {
        for (int i = 0; i < next.IntLength; i++)
            next[i] = weight[at + (i * step)];
    }

    /// <summary>From registers to one half of the shared memory, rows turned so that four of them at one depth lie together.</summary>
    private static void Store<TInput, TWeight>(
        ArrayView<TInput> nextRows, ArrayView<TWeight> nextColumns, ArrayView<float> turned, ArrayView<Float4> columns, int half,
        int loadRow, int loadDepth, ProductTile tile)
        where TInput : unmanaged, IQuad<TInput>
        where TWeight : unmanaged, IQuad<TWeight>
    {
        int step = tile.Threads / (tile.Depth / 4), plane = ((half * tile.Depth) + (loadDepth * 4)) * tile.Rows;
        for (int i = 0; i < nextRows.IntLength; i++)
        {
            // The exclusive or touches bits 3 and 4 alone: a step that leaves them as they are can be an offset of one address.
            int place = plane + (step % 32 == 0
                ? (loadRow ^ Swizzle(loadDepth, tile)) + (i * step)
                : (loadRow + (i * step)) ^ Swizzle(loadDepth, tile));
            Float4 row = TInput.Widen(nextRows[i]);
            turned[place] = row.X;
            turned[place + tile.Rows] = row.Y;
            turned[place + (2 * tile.Rows)] = row.Z;
            turned[place + (3 * tile.Rows)] = row.W;
        }
        for (int i = 0; i < nextColumns.IntLength; i++)
            columns[(half * tile.Depth * (tile.Columns / 4)) + Group.IdxX + (i * tile.Threads)] = TWeight.Widen(nextColumns[i]);
    }

    private static void Multiply(
        ArrayView<Float4> rows, ArrayView<Float4> columns, int rowThread, int columnThread, ProductTile tile, ArrayView<float> sums)
    {
        ArrayView<Float4> x = LocalMemory.Allocate<Float4>(tile.ThreadRows / 4);
        ArrayView<Float4> w = LocalMemory.Allocate<Float4>(tile.ThreadColumns / 4);
        for (int k = 0; k < tile.Depth; k++)
        {
            int moved = rowThread ^ (Swizzle(k / 4, tile) / 4);
            for (int i = 0; i < tile.ThreadRows / 4; i++)
                x[i] = rows[(k * (tile.Rows / 4)) + (i * tile.RowThreads) + moved];
            for (int j = 0; j < tile.ThreadColumns / 4; j++)
                w[j] = columns[(k * (tile.Columns / 4)) + (j * tile.ColumnThreads) + columnThread];
            for (int i = 0; i < tile.ThreadRows / 4; i++)
            {
                for (int j = 0; j < tile.ThreadColumns / 4; j++)
                {
                    int corner = (i * 4 * tile.ThreadColumns) + (j * 4);
                    MultiplyAdd(x[i].X, w[j], sums, corner);
                    MultiplyAdd(x[i].Y, w[j], sums, corner + tile.ThreadColumns);
                    MultiplyAdd(x[i].Z, w[j], sums, corner + (2 * tile.ThreadColumns));
                    MultiplyAdd(x[i].W, w[j], sums, corner + (3 * tile.ThreadColumns));
                }
            }
        }
    }

    private static void MultiplyAdd(float x, Float4 w, ArrayView<float> sums, int at)
    {
        sums[at] = (x * w.X) + sums[at];
        sums[at + 1] = (x * w.Y) + sums[at + 1];
        sums[at + 2] = (x * w.Z) + sums[at + 2];
        sums[at + 3] = (x * w.W) + sums[at + 3];
    }
}
