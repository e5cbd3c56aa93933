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

    /// <summary>Numbers that a weight is the sum of.</summary>
    public int WeightParts => Format == TensorFormat.Tf32x3 ? 2 : 1;

    /// <summary>
    /// Chunks of depth of a round, a power of two: one swizzled line of shared memory where there are so many. With
    /// <see cref="TensorFormat.Tf32x3"/> tensor cores sum a round before its sum is added to the others.
    /// </summary>
    public int RoundChunks => Steps >= 3 ? 8 : 2 * Steps;

    /// <summary>Rounds of a tap.</summary>
    public int Rounds => ((2 * Steps) + RoundChunks - 1) / RoundChunks;

    /// <summary>Lots of weights that a round comes in: as many as a weight has parts, so that a lot has one line for each column.</summary>
    public int RoundLots => Steps >= 3 ? WeightParts : 1;

    /// <summary>Chunks of depth of a lot.</summary>
    public int LotDepth => RoundChunks / RoundLots;

    /// <summary>Chunks of a column of a lot: its first parts, then the second.</summary>
    public int LotChunks => LotDepth * WeightParts;

    /// <summary>Lots of a tap.</summary>
    public int Lots => Rounds * RoundLots;

    /// <summary>Chunks of a frame in shared memory.</summary>
    public int RowChunks => Rounds * RoundChunks;

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
/// zeros behind them for all that lies outside the utterance: a lane that names a row of a matrix names that one instead. Its chunks are
/// exchanged as <see cref="TensorTileProduct"/> says, by three bits of the frame's number. Weights are lots of all columns at up to 128
/// bytes, <c>[7, 3, lots, columns, parts, depth]</c>, and stream through shared memory some lots ahead of the products, over the ends of
/// taps and steps.
/// </para>
/// <para>
/// Order. Taps ascending, inside them channels in steps of 32 bytes, from zero; with <see cref="TensorFormat.Tf32x3"/> tensor cores sum a
/// round of four steps from zero, and rounds are added in float32. What a step of the chain gives is rounded to the storage, and its sum
/// with the next split again, wherever the chain is cut.
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
        ArrayView<TStored> input, ArrayView<MatrixRegisters> weight, ArrayView<Float4> bias, ArrayView<Float4> scale,
        ArrayView<Float4> shift, ArrayView<int> utterances, ArrayView<int> offsets, ArrayView<TStored> output, int rows, int firstStep,
        int endStep, SpecializedValue<TensorRes2Form> form)
        where TStored : unmanaged, IQuad<TStored>
    {
        const int Parts = TensorRes2Form.WarpRows / 16, Taps = 3;
        TensorRes2Form cut = form.Value;
        int threads = cut.Threads, thread = Group.IdxX, lane = thread % WarpMatrix.Lanes, warp = thread / WarpMatrix.Lanes;
        int warpsAcross = cut.Columns / cut.WarpColumns;
        int warpRow = warp / warpsAcross * TensorRes2Form.WarpRows, warpColumn = warp % warpsAcross * cut.WarpColumns;
        int runningChunks = (cut.Rows + 1) * cut.RowChunks, lotsAt = runningChunks;
        int turnedAt = runningChunks + (TensorRes2Form.Stages * cut.LotSize);
        ArrayView<MatrixRegisters> shared = SharedMemory.GetDynamic<MatrixRegisters>();
        ArrayView<TStored> running = shared.SubView(0, runningChunks).Cast<TStored>();
        ArrayView<MatrixRegisters> turned = shared.SubView(turnedAt + (warp * 4 * cut.TurnedStride), 4 * cut.TurnedStride);
        ArrayView<MatrixSums> sums = LocalMemory.Allocate<MatrixSums>(Parts * cut.WarpColumns / 8);
        ArrayView<MatrixSums> roundSums = LocalMemory.Allocate<MatrixSums>(sums.IntLength);
        bool splits = cut.Format == TensorFormat.Tf32x3;
        ArrayView<int> source = LocalMemory.Allocate<int>(Parts);

        int halo = (endStep - firstStep) * cut.Dilation, written = cut.Rows - (2 * halo);
        int origin = (Grid.IdxX * written) - halo, stride = Res2Form.Splits * cut.Quads;
        int firstLot = firstStep * Taps * cut.Lots, endLot = endStep * Taps * cut.Lots;
        for (int stage = 0; stage < TensorRes2Form.Stages - 1; stage++)
            CopyLot(weight, firstLot + stage, endLot, shared, lotsAt, stage * cut.LotSize, cut);

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

        int columnAt = TensorTileProduct.ChunkBytes
            * Place(warpColumn + (lane % 8) + (lane / 16 * 8), lane / 8 % 2, cut.LotChunks, cut.LotChunks);
        int quads = cut.WarpColumns / 4, rowsAtOnce = WarpMatrix.Lanes / quads, column = (warpColumn / 4) + (lane % quads);
        for (int step = firstStep; step < endStep; step++)
        {
            for (int i = 0; i < sums.IntLength; i++)
                sums[i] = default;
            // Lots of a step are a multiple of the stages: the first always lies at the first.
            int ready = 0, arriving = (TensorRes2Form.Stages - 1) * cut.LotSize;
            for (int tap = 0; tap < Taps; tap++)
            {
                int neighbours = tap == 0 ? hasBefore : tap == 1 ? -1 : hasAfter;
                for (int part = 0; part < Parts; part++)
                {
                    int local = warpRow + (part * 16) + (lane % 16);
                    local = (neighbours >> part & 1) != 0 ? local + ((tap - 1) * cut.Dilation) : cut.Rows;
                    source[part] = TensorTileProduct.ChunkBytes * Place(local, lane / 16, cut.RowChunks, cut.RoundChunks);
                }
                for (int round = 0; round < cut.Rounds; round++)
                {
                    for (int i = 0; splits && i < roundSums.IntLength; i++)
                        roundSums[i] = default;
                    for (int part = 0; part < cut.RoundLots; part++)
                    {
                        int lot = (((step * Taps) + tap) * cut.Lots) + (round * cut.RoundLots) + part;
                        AsyncCopy.Wait(TensorRes2Form.Stages - 2);
                        Group.Barrier();
                        CopyLot(weight, lot + TensorRes2Form.Stages - 1, endLot, shared, lotsAt, arriving, cut);
                        Multiply(shared, source, round, part * cut.LotDepth, columnAt, lotsAt, ready, cut, splits ? roundSums : sums);
                        arriving = ready;
                        ready = ready < (TensorRes2Form.Stages - 1) * cut.LotSize ? ready + cut.LotSize : 0;
                    }
                    for (int i = 0; splits && i < roundSums.IntLength; i++)
                        sums[i] += roundSums[i];
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
                    int turnedRow = (i * rowsAtOnce) + (lane / quads), local = warpRow + (part * 16) + turnedRow;
                    int row = origin + local, at = (row * stride) + channel;
                    if (inside && row >= 0 && row < rows)
                    {
                        Float4 sum = turnedRows[(turnedRow * (cut.TurnedStride / 4)) + (lane % quads)];
                        TStored y = TStored.Narrow(
                            ConvReluBn.Finish(sum, stepBias, stepScale, stepShift, Epilogue.Relu | Epilogue.ScaleShift));
                        bool own = local >= halo && local < halo + written;
                        if (own)
                            output[at] = y;
                        if (step + 1 < endStep)
                        {
                            running[QuadPlace(local, column, cut)] =
                                TStored.Narrow(TStored.Widen(y) + TStored.Widen(input[at + cut.Quads]));
                        }
                        if (own && step + 2 == Res2Form.Splits)
                            output[at + cut.Quads] = input[at + cut.Quads];
                    }
                }
                Warp.Barrier();
            }
        }
    }

    /// <summary>Where a chunk of a frame or of a column lies.</summary>
    private static int Place(int row, int chunk, int rowChunks, int lotChunks) => (row * rowChunks) + (chunk ^ (row & (lotChunks - 1)));

    /// <summary>Where a quad of a frame lies, in quads.</summary>
    private static int QuadPlace(int local, int quad, TensorRes2Form cut)
    {
        int chunkQuads = 4 / cut.ChannelBytes;
        return (Place(local, quad / chunkQuads, cut.RowChunks, cut.RoundChunks) * chunkQuads) + (quad % chunkQuads);
    }

    /// <summary>Starts the copies of a lot, and makes a group of them; behind the last lot an empty one.</summary>
    private static void CopyLot(
        ArrayView<MatrixRegisters> weight, int lot, int endLot, ArrayView<MatrixRegisters> shared, int lotsAt, int target,
        TensorRes2Form cut)
    {
        if (lot < endLot)
        {
            // Threads are a multiple of the lines after which exchanged chunks repeat.
            int own = Place(Group.IdxX / cut.LotChunks, Group.IdxX % cut.LotChunks, cut.LotChunks, cut.LotChunks);
            ArrayView<MatrixRegisters> from = TensorTileProduct.From(weight, (lot * cut.LotSize) + Group.IdxX, 0);
            ArrayView<MatrixRegisters> place = TensorTileProduct.From(shared, own + target, lotsAt);
            int copies = (cut.LotSize + cut.Threads - 1) / cut.Threads;
            for (int i = 0; i < copies; i++)
            {
                if (Group.IdxX + (i * cut.Threads) < cut.LotSize)
                    AsyncCopy.Start(ref place[i * cut.Threads], ref from[i * cut.Threads], AsyncCopy.Size);
            }
        }
        AsyncCopy.Commit();
    }

    /// <summary>A lot: the steps of depth of one tap that it has, the first <paramref name="firstChunk"/> chunks into its round.</summary>
    private static void Multiply(
        ArrayView<MatrixRegisters> shared, ArrayView<int> source, int round, int firstChunk, int columnAt, int lotsAt, int ready,
        TensorRes2Form cut, ArrayView<MatrixSums> sums)
    {
        // Places in bytes: an exclusive or is then all of an address.
        const int ChunkBytes = TensorTileProduct.ChunkBytes;
        ArrayView<byte> bytes = shared.Cast<byte>();
        int roundAt = round * cut.RoundChunks * ChunkBytes, readyAt = ready * ChunkBytes, lots = lotsAt * ChunkBytes;
        ArrayView<MatrixRegisters> x = LocalMemory.Allocate<MatrixRegisters>(source.IntLength);
        for (int k = 0; k < cut.LotDepth; k += 2)
        {
            for (int part = 0; part < source.IntLength; part++)
                x[part] = WarpMatrix.Load(ref TensorTileProduct.From(bytes, source[part] ^ ((firstChunk + k) * ChunkBytes), roundAt)[0]);
            ArrayView<byte> columns = TensorTileProduct.From(bytes, readyAt + (columnAt ^ (k * ChunkBytes)), lots);
            ArrayView<byte> rests = TensorTileProduct.From(bytes, readyAt + (columnAt ^ ((cut.LotDepth + k) * ChunkBytes)), lots);
            TensorTileProduct.MultiplyStep(
                x, columns.Cast<MatrixRegisters>(), rests.Cast<MatrixRegisters>(), cut.LotChunks, cut.WarpColumns, cut.Format, sums);
        }
    }
}
