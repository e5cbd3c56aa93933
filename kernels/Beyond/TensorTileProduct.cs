using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Beyond;

namespace EcapaIlgpu.Kernels;

/// <summary>
/// The matrix product inside <see cref="TensorConv"/>: one group's tile of
/// <c>sum over taps and input channels of x[row + (tap - taps/2) * dilation, i] * w[o, tap, i]</c> on tensor cores.
/// </summary>
/// <remarks>
/// <para>
/// Layout. Rows and weights are read in chunks of 16 bytes: 4 channels of float32, 8 of 16 bits. Weights are <c>[outputs, taps, slabs,
/// parts, channels of a slab]</c>, inputs padded with zeros to whole slabs and outputs to a multiple of 128: to a tensor core a column of
/// weights is what a row of activations is, and both go the same way. A slab of depth is 64 bytes of each row and column. In shared memory
/// its four chunks are exchanged by an exclusive or with bits 1 and 2 of the row's number, so that the eight rows that
/// <see cref="WarpMatrix.Load{T}"/> reads at one depth, and the eight chunks that as many lanes copy, lie on 32 different banks.
/// </para>
/// <para>
/// Pipeline. Copies go from global to shared memory past the registers, some slabs ahead of the one that is multiplied; rows outside the
/// utterance and channels behind the last are zero by a copy of no bytes. One barrier a slab both shows what has arrived and frees the
/// slab before. A round of the loop is as many slabs as there is room for, so that all places in shared memory are constants, and those in
/// global memory one address a round.
/// </para>
/// <para>
/// Order. Taps ascending, inside them channels ascending, in steps of 32 bytes, whatever the tile and the place in the batch: hence the
/// same bits. With <see cref="TensorFormat.Tf32x3"/> an operand is <c>big + rest</c>, big its first 11 significant bits and rest the next
/// 11; a step is <c>rest big + big rest + big big</c>. Tensor cores cut off what does not fit, and over a thousand steps that would be
/// seen: they sum one round, from zero, and rounds are added in float32 rounded to nearest.
/// </para>
/// <para>
/// Cost of a slab of a warp with 64 x 64 outputs in 16 bits: 64 products of 4096 operations, for 16 matrix loads and 8 copies.
/// </para>
/// </remarks>
public static class TensorTileProduct
{
    /// <summary>Bytes that a copy moves.</summary>
    public const int ChunkBytes = AsyncCopy.Size;

    /// <summary>How far a row's neighbours are counted: kernels reach no further. Two such numbers share a register.</summary>
    private const int MostReach = 0x7fff;

    /// <summary>Computes the sums of the calling thread's warp.</summary>
    /// <param name="input">Rows of <paramref name="inputStride"/> chunks, of which the first <paramref name="inputChunks"/> are
    /// read.</param>
    /// <param name="inputStride">From row to row, in chunks.</param>
    /// <param name="inputChunks">Input channels, in chunks: a constant.</param>
    /// <param name="weight">See the layout above.</param>
    /// <param name="taps">Kernel width: a constant.</param>
    /// <param name="dilation">Frames from tap to tap.</param>
    /// <param name="utterances">The utterance of each row; read only for more than one tap.</param>
    /// <param name="offsets">First row of each utterance, then the number of rows; read only for more than one tap.</param>
    /// <param name="means">For each utterance what is subtracted from its rows, <paramref name="inputChunks"/> chunks of float32.</param>
    /// <param name="subtractsMean">Whether <paramref name="means"/> are subtracted: a constant; only with more than one tap.</param>
    /// <param name="roundsRows">Whether rows are rounded to tf32 on the way, which were not when they were stored: a constant; only with
    /// more than one tap.</param>
    /// <param name="segments">First row of each segment, then the number of rows; read only where <paramref name="segmented"/>.</param>
    /// <param name="segmented">Whether rows are counted by the places of segments (<see cref="TileProduct.SegmentRow"/>): a
    /// constant.</param>
    /// <param name="firstRow">First row of the tile.</param>
    /// <param name="endRow">Rows from here on, and places without a row, are not read; their sums are undefined.</param>
    /// <param name="firstColumn">First output channel of the tile.</param>
    /// <param name="format">What is multiplied: a constant.</param>
    /// <param name="tile">How to cut: constants.</param>
    /// <param name="shared"><c>tile.SharedChunks</c> chunks of shared memory; free again after the next barrier.</param>
    /// <param name="sums">Receives <c>[WarpRows / 16, WarpColumns / 8]</c> tiles of 16 x 8 sums, from <see cref="WarpRow"/> and
    /// <see cref="WarpColumn"/> on.</param>
    public static void Compute(
        ArrayView<MatrixRegisters> input, int inputStride, int inputChunks, ArrayView<MatrixRegisters> weight, int taps, int dilation,
        ArrayView<int> utterances, ArrayView<int> offsets, ArrayView<Float4> means, bool subtractsMean, bool roundsRows,
        ArrayView<int> segments, bool segmented, int firstRow, int endRow, int firstColumn, TensorFormat format, TensorTile tile,
        ArrayView<MatrixRegisters> shared, ArrayView<MatrixSums> sums)
    {
        const int Chunks = TensorTile.SlabChunks, Stages = TensorTile.Stages;
        int chunk = Group.IdxX % Chunks, copyRow = Group.IdxX / Chunks, copyStep = tile.Threads / Chunks;
        int rowCopies = tile.Rows / copyStep, target = Place(copyRow, chunk), columns = tile.Rows * Chunks;

        // Where this thread's copies of rows start, and how far its rows may be shifted and stay inside their utterance. Where there is no
        // row some other is copied.
        ArrayView<int> source = LocalMemory.Allocate<int>(rowCopies);
        ArrayView<int> reach = LocalMemory.Allocate<int>(rowCopies);
        ArrayView<int> mean = LocalMemory.Allocate<int>(rowCopies);
        for (int i = 0; i < rowCopies; i++)
        {
            int row = firstRow + copyRow + (i * copyStep);
            row = segmented ? XMath.Max(TileProduct.SegmentRow(segments, row, endRow), 0) : XMath.Min(row, endRow - 1);
            source[i] = (row * inputStride) + chunk;
            if (taps > 1)
            {
                int utterance = utterances[row];
                reach[i] = (XMath.Min(row - offsets[utterance], MostReach) << 16) | XMath.Min(offsets[utterance + 1] - 1 - row, MostReach);
                mean[i] = (utterance * inputChunks) + chunk;
            }
        }
        bool wholeSlabs = inputChunks % Chunks == 0, throughRegisters = subtractsMean || roundsRows;
        int slabs = (inputChunks + Chunks - 1) / Chunks, steps = taps * slabs;
        int weightChunks = Chunks * tile.WeightParts, weightStride = steps * weightChunks;
        int weightAt = ((firstColumn + copyRow) * weightStride) + chunk, depth = 0, shift = -(taps / 2) * dilation;
        // Where stages lie. Constants: what is indexed by stage makes the compiler write out a whole round.
        ArrayView<int> stages = LocalMemory.Allocate<int>(Stages);
        for (int stage = 0; stage < Stages; stage++)
            stages[stage] = stage * tile.StageChunks;
        ArrayView<MatrixSums> round = LocalMemory.Allocate<MatrixSums>(sums.IntLength);
        for (int i = 0; i < sums.IntLength; i++)
            sums[i] = default;

        for (int stage = 0; stage < Stages - 1; stage++)
        {
            if (stage < steps)
            {
                int ahead = taps > 1 ? 0 : stage * Chunks;
                ArrayView<MatrixRegisters> place = From(shared, target, stages[stage]);
                bool inside = wholeSlabs || depth + ahead + chunk < inputChunks;
                if (throughRegisters)
                {
                    WorkRows(
                        input, inputStride, source, reach, means, mean, subtractsMean, roundsRows, shift, depth, inside, place, copyStep);
                }
                else
                {
                    CopyRows(input, inputStride, source, reach, taps, shift, depth, ahead, wholeSlabs, inside, place, copyStep);
                }
                CopyColumns(weight, weightAt, stage * weightChunks, weightStride, tile, From(place, 0, columns), copyStep);
            }
            AsyncCopy.Commit();
            Advance(taps, slabs, dilation, ref depth, ref shift);
        }
        depth += taps > 1 ? 0 : (Stages - 1) * Chunks;
        weightAt += (Stages - 1) * weightChunks;

        // The lanes of a warp name 16 rows at two chunks of depth, and 16 columns likewise; the step within the slab turns bit 1 of the
        // chunk.
        int lane = Group.IdxX % WarpMatrix.Lanes;
        int rowAt = Place(WarpRow(tile) + (lane % 16), lane / 16);
        int columnAt = columns + Place(WarpColumn(tile) + (lane % 8) + (lane / 16 * 8), lane / 8 % 2);
        bool wholeRounds = steps % Stages == 0;
        for (int first = 0; first < steps; first += Stages)
        {
            if (format == TensorFormat.Tf32x3)
            {
                for (int i = 0; i < round.IntLength; i++)
                    round[i] = default;
            }
            for (int stage = 0; stage < Stages; stage++)
            {
                if (wholeRounds || first + stage < steps)
                {
                    AsyncCopy.Wait(Stages - 2);
                    Group.Barrier();
                    // The last round has nothing left to copy but its own last slab.
                    if (wholeRounds ? stage == 0 || first + Stages < steps : first + stage + Stages - 1 < steps)
                    {
                        int ahead = taps > 1 ? 0 : stage * Chunks;
                        ArrayView<MatrixRegisters> place = From(shared, target, stages[(stage + Stages - 1) % Stages]);
                        bool inside = wholeSlabs || depth + ahead + chunk < inputChunks;
                        if (throughRegisters)
                        {
                            WorkRows(
                                input, inputStride, source, reach, means, mean, subtractsMean, roundsRows, shift, depth, inside, place,
                                copyStep);
                        }
                        else
                        {
                            CopyRows(input, inputStride, source, reach, taps, shift, depth, ahead, wholeSlabs, inside, place, copyStep);
                        }
                        CopyColumns(weight, weightAt, stage * weightChunks, weightStride, tile, From(place, 0, columns), copyStep);
                    }
                    AsyncCopy.Commit();
                    Advance(taps, slabs, dilation, ref depth, ref shift);
                    for (int k = 0; k < Chunks / 2; k++)
                    {
                        Multiply(
                            From(shared, rowAt ^ (2 * k), stages[stage]), From(shared, columnAt ^ (2 * k), stages[stage]), format, tile,
                            format == TensorFormat.Tf32x3 ? round : sums);
                    }
                }
            }
            depth += taps > 1 ? 0 : Stages * Chunks;
            weightAt += Stages * weightChunks;
            if (format == TensorFormat.Tf32x3)
            {
                for (int i = 0; i < round.IntLength; i++)
                    sums[i] += round[i];
            }
        }
    }

    /// <summary>First row of the calling thread's warp, counted from the tile's.</summary>
    public static int WarpRow(TensorTile tile) => Group.IdxX / WarpMatrix.Lanes / (tile.Columns / tile.WarpColumns) * tile.WarpRows;

    /// <summary>First column of the calling thread's warp, counted from the tile's.</summary>
    public static int WarpColumn(TensorTile tile) => Group.IdxX / WarpMatrix.Lanes % (tile.Columns / tile.WarpColumns) * tile.WarpColumns;

    /// <summary>
    /// Writes 16 rows of a warp's sums to shared memory, where its lanes find whole rows. To be seen after
    /// <see cref="Warp.Barrier"/>.
    /// </summary>
    /// <param name="sums">Tiles of 16 x 8 sums, those of 16 rows following each other.</param>
    /// <param name="part">Which 16 rows: a constant.</param>
    /// <param name="columns">Columns of the warp: a constant.</param>
    /// <param name="stride">From row to row, in floats: a constant, and eight more than a multiple of 32 to keep the stores on different
    /// banks.</param>
    /// <param name="turned">Where the first of the rows and columns goes.</param>
    public static void Turn(ArrayView<MatrixSums> sums, int part, int columns, int stride, ArrayView<Float2> turned)
    {
        int lane = Group.IdxX % WarpMatrix.Lanes, at = (lane / 4 * (stride / 2)) + (lane % 4), tiles = columns / 8;
        for (int j = 0; j < tiles; j++)
        {
            MatrixSums sum = sums[(part * tiles) + j];
            turned[at + (4 * j)] = new Float2(sum.S0, sum.S1);
            turned[at + (4 * j) + (4 * stride)] = new Float2(sum.S2, sum.S3);
        }
    }

    /// <summary>Where a chunk of a row lies in a slab.</summary>
    private static int Place(int row, int chunk) => (row * TensorTile.SlabChunks) + (chunk ^ (row / 2 % TensorTile.SlabChunks));

    /// <summary>
    /// What lies <paramref name="constant"/> elements behind an element: added to its address by the instruction that reads.
    /// </summary>
    internal static ArrayView<T> From<T>(ArrayView<T> view, int index, int constant)
        where T : unmanaged =>
        view.SubView(index, view.Length - index).SubView(constant, view.Length - index - constant);

    /// <summary>To the next slab of more than one tap: channels first, then taps. Depth counts chunks.</summary>
    private static void Advance(int taps, int slabs, int dilation, ref int depth, ref int shift)
    {
        if (taps == 1)
            return;
        depth += TensorTile.SlabChunks;
        if (depth >= slabs * TensorTile.SlabChunks)
        {
            depth = 0;
            shift += dilation;
        }
    }

    private static void CopyRows(
        ArrayView<MatrixRegisters> input, int inputStride, ArrayView<int> source, ArrayView<int> reach, int taps, int shift, int depth,
        int ahead, bool wholeSlabs, bool inside, ArrayView<MatrixRegisters> place, int copyStep)
    {
        for (int i = 0; i < source.IntLength; i++)
        {
            int at = source[i] + (shift * inputStride) + depth, bytes = ChunkBytes;
            if (taps > 1)
                bytes = inside && -shift <= reach[i] >> 16 && shift <= (reach[i] & MostReach) ? ChunkBytes : 0;
            else if (!wholeSlabs)
                bytes = inside ? ChunkBytes : 0;
            ArrayView<MatrixRegisters> row = From(input, bytes > 0 ? at : 0, bytes > 0 ? ahead : 0);
            AsyncCopy.Start(ref place[i * copyStep * TensorTile.SlabChunks], ref row[0], bytes);
        }
    }

    /// <summary>
    /// The same with something to be done on the way, which copies past the registers cannot: rows outside the utterance stay zero.
    /// </summary>
    private static void WorkRows(
        ArrayView<MatrixRegisters> input, int inputStride, ArrayView<int> source, ArrayView<int> reach, ArrayView<Float4> means,
        ArrayView<int> mean, bool subtractsMean, bool rounds, int shift, int depth, bool inside, ArrayView<MatrixRegisters> place,
        int copyStep)
    {
        ArrayView<Float4> rows = input.Cast<Float4>(), slab = place.Cast<Float4>();
        for (int i = 0; i < source.IntLength; i++)
        {
            // Where there is none some other row is read: selections cost less than a branch.
            bool valid = inside && -shift <= reach[i] >> 16 && shift <= (reach[i] & MostReach);
            Float4 value = rows[valid ? source[i] + (shift * inputStride) + depth : 0];
            if (subtractsMean)
                value -= means[valid ? mean[i] + depth : 0];
            if (rounds)
                value = TFloat4.Rounded(value);
            value = new Float4(valid ? value.X : 0, valid ? value.Y : 0, valid ? value.Z : 0, valid ? value.W : 0);
            slab[i * copyStep * TensorTile.SlabChunks] = value;
        }
    }

    private static void CopyColumns(
        ArrayView<MatrixRegisters> weight, int at, int ahead, int stride, TensorTile tile, ArrayView<MatrixRegisters> place, int copyStep)
    {
        const int Chunks = TensorTile.SlabChunks;
        ArrayView<MatrixRegisters> slab = From(weight, at, ahead);
        for (int part = 0; part < tile.WeightParts; part++)
        {
            for (int i = 0; i < tile.Columns / copyStep; i++)
            {
                int to = ((part * tile.Columns) + (i * copyStep)) * Chunks, source = (i * copyStep * stride) + (part * Chunks);
                AsyncCopy.Start(ref place[to], ref slab[source], ChunkBytes);
            }
        }
    }

    /// <summary>A step of depth: 32 bytes of the warp's rows and columns.</summary>
    private static void Multiply(
        ArrayView<MatrixRegisters> rows, ArrayView<MatrixRegisters> columns, TensorFormat format, TensorTile tile,
        ArrayView<MatrixSums> sums)
    {
        ArrayView<MatrixRegisters> x = LocalMemory.Allocate<MatrixRegisters>(tile.WarpRows / 16);
        for (int i = 0; i < x.IntLength; i++)
            x[i] = WarpMatrix.Load(ref rows[i * 16 * TensorTile.SlabChunks]);
        ArrayView<MatrixRegisters> rests = From(columns, 0, (tile.WeightParts - 1) * tile.Columns * TensorTile.SlabChunks);
        MultiplyStep(x, columns, rests, TensorTile.SlabChunks, tile.WarpColumns, format, sums);
    }

    /// <summary>Adds the product of 32 bytes of depth.</summary>
    /// <param name="x">Of each 16 rows their registers.</param>
    /// <param name="columns">Where the lane's row of the columns' matrices lies.</param>
    /// <param name="rests">Where that of their weights' second parts lies.</param>
    /// <param name="columnStride">From column to column, in chunks: a constant.</param>
    /// <param name="warpColumns">Columns: a constant.</param>
    /// <param name="format">What is multiplied: a constant.</param>
    /// <param name="sums">Tiles of 16 x 8 sums, those of 16 rows following each other.</param>
    internal static void MultiplyStep(
        ArrayView<MatrixRegisters> x, ArrayView<MatrixRegisters> columns, ArrayView<MatrixRegisters> rests, int columnStride,
        int warpColumns, TensorFormat format, ArrayView<MatrixSums> sums)
    {
        int rowParts = x.IntLength, columnPairs = warpColumns / 16;
        bool splits = format == TensorFormat.Tf32x3;
        ArrayView<MatrixRegisters> rest = LocalMemory.Allocate<MatrixRegisters>(rowParts);
        for (int i = 0; splits && i < rowParts; i++)
            rest[i] = Rest(x[i]);
        for (int j = 0; j < columnPairs; j++)
        {
            // Two matrices of eight columns each, at both chunks of the step.
            MatrixRegisters w = WarpMatrix.Load(ref columns[j * 16 * columnStride]), wRest = default;
            if (splits)
                wRest = WarpMatrix.Load(ref rests[j * 16 * columnStride]);
            for (int i = 0; i < rowParts; i++)
            {
                int at = (i * 2 * columnPairs) + (2 * j);
                if (splits)
                {
                    sums[at] = ThreeProducts(x[i], rest[i], w.R0, w.R1, wRest.R0, wRest.R1, sums[at]);
                    sums[at + 1] = ThreeProducts(x[i], rest[i], w.R2, w.R3, wRest.R2, wRest.R3, sums[at + 1]);
                }
                else
                {
                    sums[at] = Product(x[i], w.R0, w.R1, sums[at], format);
                    sums[at + 1] = Product(x[i], w.R2, w.R3, sums[at + 1], format);
                }
            }
        }
    }

    /// <summary>Adds the product of 16 rows and 8 columns, 32 bytes deep, to their sums.</summary>
    internal static MatrixSums Product(MatrixRegisters x, int w0, int w1, MatrixSums sums, TensorFormat format) => format switch
    {
        TensorFormat.Bf16 => WarpMatrix.MultiplyAddBf16(x, w0, w1, sums),
        TensorFormat.Half => WarpMatrix.MultiplyAddHalf(x, w0, w1, sums),
        _ => WarpMatrix.MultiplyAddTf32(x, w0, w1, sums),
    };

    /// <summary>The small terms first: where a round begins they are added before anything large cuts them off.</summary>
    private static MatrixSums ThreeProducts(
        MatrixRegisters x, MatrixRegisters xRest, int w0, int w1, int rest0, int rest1, MatrixSums sums) =>
        WarpMatrix.MultiplyAddTf32(x, w0, w1, WarpMatrix.MultiplyAddTf32(x, rest0, rest1, WarpMatrix.MultiplyAddTf32(xRest, w0, w1, sums)));

    private static MatrixRegisters Rest(MatrixRegisters x) => new(Rest(x.R0), Rest(x.R1), Rest(x.R2), Rest(x.R3));

    /// <summary>What tf32 cuts off, exactly; of these 13 bits tf32 in turn takes the first 11.</summary>
    private static int Rest(int x) =>
        BitConverter.SingleToInt32Bits(BitConverter.Int32BitsToSingle(x) - BitConverter.Int32BitsToSingle(x & ~0x1FFF));
}
