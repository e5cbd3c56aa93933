using ILGPU;
using ILGPU.Beyond;
using ILGPU.Runtime;

namespace EcapaIlgpu.Kernels;

/// <summary>How the Res2 chain is compiled for tensor cores.</summary>
/// <param name="Quads">Channels of a split, in quads.</param>
/// <param name="Format">What is multiplied.</param>
/// <param name="Rows">Frames in shared memory: those that are written and the halo on both sides. A multiple of
/// <see cref="WarpRows"/>.</param>
/// <param name="Dilation">Frames from tap to tap.</param>
public readonly record struct TensorRes2Form(int Quads, TensorFormat Format, int Rows, int Dilation)
{
    /// <summary>Frames of a warp.</summary>
    public const int WarpRows = 32;

    /// <summary>Lots of weights in shared memory: one is multiplied while the others arrive.</summary>
    public const int Stages = 3;

    /// <summary>Bytes of a channel.</summary>
    public int ChannelBytes => Format is TensorFormat.Bf16 or TensorFormat.Half ? 2 : 4;

    /// <summary>Channels of a split with padding: what a column of products has.</summary>
    public int Columns => Quads <= 16 ? (Quads + 3) / 4 * 16 : (Quads + 15) / 16 * 64;

    /// <summary>Columns of a warp.</summary>
    public int WarpColumns => Columns % 64 == 0 ? 64 : Columns % 32 == 0 ? 32 : 16;

    /// <summary>Steps of depth of a tap that are not all padding.</summary>
    public int Steps => ((Quads * 4 * ChannelBytes) + 31) / 32;

    /// <summary>Chunks of 16 bytes of depth in a lot of weights: one swizzled line of shared memory where there are so many.</summary>
    public int LotChunks => Steps >= 3 ? 8 : 2 * Steps;

    /// <summary>Lots of a tap.</summary>
    public int Lots => ((2 * Steps) + LotChunks - 1) / LotChunks;

    /// <summary>Chunks of a frame in shared memory.</summary>
    public int RowChunks => Lots * LotChunks;

    /// <summary>Chunks of a lot: all columns at some depth.</summary>
    public int LotSize => Columns * LotChunks;

    /// <summary>Threads of a group.</summary>
    public int Threads => Rows / WarpRows * (Columns / WarpColumns) * 32;

    /// <summary>Floats from row to row where a warp turns its sums.</summary>
    public int TurnedStride => WarpColumns + 8;

    /// <summary>
    /// Dynamic shared memory, in chunks: the running split and a frame of zeros, the lots, and for each warp 16 rows of sums.
    /// </summary>
    public int SharedChunks => ((Rows + 1) * RowChunks) + (Stages * LotSize) + (Threads / 32 * 4 * TurnedStride);

    /// <summary>
    /// Frames that a group writes when it runs <paramref name="steps"/> steps: each step sees one dilation to both sides.
    /// </summary>
    public int WrittenRows(int steps) => Rows - (2 * steps * Dilation);
}

/// <summary>The chain of <see cref="Res2Chain"/> with its products on tensor cores.</summary>
/// <remarks>
/// <para>
/// Layout. As there a group holds some frames of the running split in shared memory, in the numbers that are multiplied, with a frame of
/// zeros behind them for all that lies outside the utterance: a lane that
/// names a row of a matrix names that one instead. Its chunks are exchanged as <see cref="TensorTileProduct"/> says, by three bits of the
/// frame's number.
/// Weights are lots of all columns at up to 128 bytes of depth, <c>[7, 3, lots, columns, depth]</c>, and stream through shared memory some
/// lots ahead of the products, over the ends of
/// taps and steps.
/// </para>
/// <para>
/// Order. Taps ascending, inside them channels in steps of 32 bytes, from zero; with <see cref="TensorFormat.Tf32x3"/> each step is
/// rounded by itself. What a step gives is rounded to the
/// storage, and its sum with the next split again, wherever the chain is cut.
/// </para>
/// <para>
/// Cost. As <see cref="Res2Chain"/>, at the rate of tensor cores; a warp has 32 frames and up to 64 channels, 16 products for 6 matrix
/// loads.
/// </para>
/// </remarks>
public static class TensorRes2
{
    /// <summary>
    /// The kernel. One group for each <c>form.WrittenRows(endStep - firstStep)</c> rows, with <c>form.SharedChunks</c> chunks of dynamic
    /// shared memory.
    /// </summary>
    /// <typeparam name="TStored">How rows are stored.</typeparam>
    /// <param name="input">Rows of eight splits.</param>
    /// <param name="weight">Of all seven steps, see the layout above.</param>
    /// <param name="bias"><c>[7, width]</c>.</param>
    /// <param name="scale"><c>[7, width]</c>.</param>
    /// <param name="shift"><c>[7, width]</c>.</param>
    /// <param name="utterances">The utterance of each row.</param>
    /// <param name="offsets">First row of each utterance, then the number of rows.</param>
    /// <param name="output">Rows of eight splits; other memory than the input.</param>
    /// <param name="rows">Frames of the batch.</param>
    /// <param name="firstStep">The first step to run; what came before it is in the output.</param>
    /// <param name="endStep">One past the last step to run; with the last of all, the last split is passed through.</param>
    /// <param name="form">How it is compiled.</param>
    public static void Kernel<TStored>(
        ArrayView<TStored> input, ArrayView<MatrixRegisters> weight, ArrayView<Float4> bias, ArrayView<Float4> scale, ArrayView<Float4> shift,
        ArrayView<int> utterances, ArrayView<int> offsets, ArrayView<TStored> output, int rows, int firstStep, int endStep, SpecializedValue<TensorRes2Form> form)
        where TStored : unmanaged, IQuad<TStored>
    {
        const int Parts = TensorRes2Form.WarpRows / 16, Taps = 3;
        TensorRes2Form cut = form.Value;
        int threads = cut.Threads, thread = Group.IdxX, lane = thread % WarpMatrix.Lanes, warp = thread / WarpMatrix.Lanes, warpsAcross = cut.Columns / cut.WarpColumns;
        int warpRow = warp / warpsAcross * TensorRes2Form.WarpRows, warpColumn = warp % warpsAcross * cut.WarpColumns;
        int runningChunks = (cut.Rows + 1) * cut.RowChunks, lotsAt = runningChunks, turnedAt = runningChunks + (TensorRes2Form.Stages * cut.LotSize);
        ArrayView<MatrixRegisters> shared = SharedMemory.GetDynamic<MatrixRegisters>();
        ArrayView<TStored> running = shared.SubView(0, runningChunks).Cast<TStored>();
        ArrayView<MatrixRegisters> turned = shared.SubView(turnedAt + (warp * 4 * cut.TurnedStride), 4 * cut.TurnedStride);
        ArrayView<MatrixSums> sums = LocalMemory.Allocate<MatrixSums>(Parts * cut.WarpColumns / 8);
        ArrayView<int> source = LocalMemory.Allocate<int>(Parts);

        int halo = (endStep - firstStep) * cut.Dilation, written = cut.Rows - (2 * halo), origin = (Grid.IdxX * written) - halo, stride = Res2Form.Splits * cut.Quads;
        int firstLot = firstStep * Taps * cut.Lots, endLot = endStep * Taps * cut.Lots;
        for (int stage = 0; stage < TensorRes2Form.Stages - 1; stage++)
            CopyLot(weight, firstLot + stage, endLot, shared, lotsAt + (stage * cut.LotSize), cut);

        // Whether the frames that this lane names for matrix loads have a neighbour in their utterance and in the group, one dilation
        // before and after.
        int hasBefore = 0, hasAfter = 0;
        for (int part = 0; part < Parts; part++)
        {
            int local = warpRow + (part * 16) + (lane % 16), row = origin + local;
            if (row >= 0 && row < rows)
            {
                int utterance = utterances[row];
                if (row - cut.Dilation >= offsets[utterance] && local >= cut.Dilation)
                    hasBefore |= 1 << part;
                if (row + cut.Dilation < offsets[utterance + 1] && local + cut.Dilation < cut.Rows)
                    hasAfter |= 1 << part;
            }
        }

        // The first split, zeros outside the batch, in the padding and in the frame behind the last.
        int rowQuads = cut.RowChunks * 16 / (4 * cut.ChannelBytes);
        for (int item = thread; item < (cut.Rows + 1) * rowQuads; item += threads)
        {
            int local = item / rowQuads, quad = item % rowQuads, row = origin + local;
            TStored x = default;
            if (quad < cut.Quads && local < cut.Rows && row >= 0 && row < rows)
            {
                int at = (row * stride) + (firstStep * cut.Quads) + quad;
                x = input[at];
                if (firstStep > 0)
                    x = TStored.Narrow(TStored.Widen(x) + TStored.Widen(output[at - cut.Quads]));
            }
            running[QuadPlace(local, quad, cut)] = x;
        }

        int columnAt = Place(warpColumn + (lane % 8) + (lane / 16 * 8), lane / 8 % 2, cut.LotChunks, cut.LotChunks);
        int lot = firstLot, arriving = TensorRes2Form.Stages - 1, ready = 0;
        int quads = cut.WarpColumns / 4, rowsAtOnce = WarpMatrix.Lanes / quads, column = (warpColumn / 4) + (lane % quads);
        for (int step = firstStep; step < endStep; step++)
        {
            // The frames that this step or a later one still needs, and whether the warp has one of them.
            int margin = (step - firstStep + 1) * cut.Dilation;
            bool needed = warpRow + TensorRes2Form.WarpRows > margin && warpRow < cut.Rows - margin;
            for (int i = 0; i < sums.IntLength; i++)
                sums[i] = default;
            for (int tap = -1; tap <= 1; tap++)
            {
                int neighbours = tap < 0 ? hasBefore : tap > 0 ? hasAfter : -1;
                for (int part = 0; part < Parts; part++)
                {
                    int local = warpRow + (part * 16) + (lane % 16);
                    source[part] = (neighbours >> part & 1) != 0 ? local + (tap * cut.Dilation) : cut.Rows;
                }
                for (int part = 0; part < cut.Lots; part++)
                {
                    AsyncCopy.Wait(TensorRes2Form.Stages - 2);
                    Group.Barrier();
                    CopyLot(weight, lot + TensorRes2Form.Stages - 1, endLot, shared, lotsAt + (arriving * cut.LotSize), cut);
                    if (needed)
                        Multiply(shared, source, part * cut.LotChunks, lotsAt + (ready * cut.LotSize) + columnAt, lane / 16, cut, sums);
                    lot++;
                    arriving = ready;
                    ready = ready + 1 < TensorRes2Form.Stages ? ready + 1 : 0;
                }
            }
            Group.Barrier();

            int channel = (step * cut.Quads) + column;
            bool inside = column < cut.Quads;
            Float4 stepBias = default, stepScale = default, stepShift = default;
            if (inside)
            {
                stepBias = bias[channel];
                stepScale = scale[channel];
                stepShift = shift[channel];
            }
            ArrayView<Float4> turnedRows = turned.Cast<Float4>();
            for (int part = 0; part < Parts; part++)
            {
                TensorTileProduct.Turn(sums, part, cut.WarpColumns, cut.TurnedStride, turned.Cast<Float2>());
                Warp.Barrier();
                for (int i = 0; i < 16 / rowsAtOnce; i++)
                {
                    int turnedRow = (i * rowsAtOnce) + (lane / quads), local = warpRow + (part * 16) + turnedRow, row = origin + local, at = (row * stride) + channel;
                    if (inside && row >= 0 && row < rows)
                    {
                        Float4 sum = turnedRows[(turnedRow * (cut.TurnedStride / 4)) + (lane % quads)];
                        TStored y = TStored.Narrow(ConvReluBn.Finish(sum, stepBias, stepScale, stepShift, Epilogue.Relu | Epilogue.ScaleShift));
                        bool own = local >= halo && local < halo + written;
                        if (own)
                            output[at] = y;
                        if (step + 1 < endStep)
                            running[QuadPlace(local, column, cut)] = TStored.Narrow(TStored.Widen(y) + TStored.Widen(input[at + cut.Quads]));
                        if (own && step + 2 == Res2Form.Splits)
                            output[at + cut.Quads] = input[at + cut.Quads];
                    }
                }
                Warp.Barrier();
            }
        }
    }

    /// <summary>Where a chunk of a frame or of a column lies.</summary>
    private static int Place(int row, int chunk, int rowChunks, int lotChunks) => (row * rowChunks) + (chunk ^ (row % lotChunks));

    /// <summary>Where a quad of a frame lies, in quads.</summary>
    private static int QuadPlace(int local, int quad, TensorRes2Form cut)
    {
        int chunkQuads = 4 / cut.ChannelBytes;
        return (Place(local, quad / chunkQuads, cut.RowChunks, cut.LotChunks) * chunkQuads) + (quad % chunkQuads);
    }

    /// <summary>Starts the copies of a lot, and makes a group of them; behind the last lot an empty one.</summary>
    private static void CopyLot(ArrayView<MatrixRegisters> weight, int lot, int endLot, ArrayView<MatrixRegisters> shared, int target, TensorRes2Form cut)
    {
        if (lot < endLot)
        {
            int copies = (cut.LotSize + cut.Threads - 1) / cut.Threads;
            for (int i = 0; i < copies; i++)
            {
                int item = Group.IdxX + (i * cut.Threads);
                if (item < cut.LotSize)
                {
                    int at = target + Place(item / cut.LotChunks, item % cut.LotChunks, cut.LotChunks, cut.LotChunks);
                    AsyncCopy.Start(ref shared[at], ref weight[(lot * cut.LotSize) + item], AsyncCopy.Size);
                }
            }
        }
        AsyncCopy.Commit();
    }

    /// <summary>A lot: the steps of depth of one tap that it has.</summary>
    private static void Multiply(
        ArrayView<MatrixRegisters> shared, ArrayView<int> source, int firstChunk, int columnAt, int half, TensorRes2Form cut, ArrayView<MatrixSums> sums)
    {
        ArrayView<MatrixRegisters> x = LocalMemory.Allocate<MatrixRegisters>(source.IntLength);
        for (int k = 0; k < cut.LotChunks / 2; k++)
        {
            for (int part = 0; part < source.IntLength; part++)
                x[part] = WarpMatrix.Load(ref shared[Place(source[part], firstChunk + (2 * k) + half, cut.RowChunks, cut.LotChunks)]);
            TensorTileProduct.MultiplyStep(
                x, shared.SubView(columnAt ^ (2 * k), cut.WarpColumns * cut.LotChunks), cut.LotChunks, cut.WarpColumns, cut.Format, sums);
        }
    }
}
