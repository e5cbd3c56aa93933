using ILGPU;
using ILGPU.Beyond;
using ILGPU.Runtime;

namespace EcapaIlgpu.Kernels;

/// <summary>Which convolution is compiled for tensor cores.</summary>
/// <param name="Conv">Its taps and what follows the sums.</param>
/// <param name="Format">What is multiplied.</param>
/// <param name="OfFeatures">Whether the rows are features: float32 as they were computed, whatever is multiplied.</param>
/// <param name="InputChunks">Input channels, in chunks of 16 bytes: as a constant it keeps the addresses of weights out of the main
/// loop.</param>
/// <param name="Tile">How it is cut.</param>
public readonly record struct TensorConvForm(ConvForm Conv, TensorFormat Format, bool OfFeatures, int InputChunks, TensorTile Tile);

/// <summary>The convolution of <see cref="ConvReluBn"/> on tensor cores.</summary>
/// <remarks>
/// <para>
/// Layout. Input rows start at multiples of 16 bytes, in the numbers that are multiplied; weights and the order of the sums:
/// <see cref="TensorTileProduct"/>. Before the epilogue each warp turns its sums in shared memory, 16 rows at a time, so that a lane has
/// four neighbouring channels and a warp writes whole rows.
/// </para>
/// <para>
/// Cost. The operations of <see cref="ConvReluBn"/> at the rate of tensor cores: three times as many with
/// <see cref="TensorFormat.Tf32x3"/>. With 512 channels in 16 bits there are 256 operations a byte, about what a device does in the time of
/// a byte: bound by both, which is why the tiles that share rows run together.
/// </para>
/// </remarks>
public static class TensorConv
{
    /// <summary>
    /// The kernel. Groups of <c>tile.Threads</c>, in a line: <c>ceil(outputs / tile.Columns)</c> of them for each
    /// <c>tile.Rows</c> rows (or places of segments), with <c>tile.SharedChunks</c> chunks of dynamic shared memory.
    /// </summary>
    /// <typeparam name="TStored">How the output rows are stored.</typeparam>
    /// <param name="input">The input rows, in chunks of 16 bytes.</param>
    /// <param name="weight">The weights, see <see cref="TensorTileProduct"/>.</param>
    /// <param name="bias">For all rows or for each utterance.</param>
    /// <param name="scale">Read only with <see cref="Epilogue.ScaleShift"/>.</param>
    /// <param name="shift">Read only with <see cref="Epilogue.ScaleShift"/>.</param>
    /// <param name="means"><c>[utterances, inputs]</c>; read only where <see cref="ConvForm.SubtractsMean"/>.</param>
    /// <param name="utterances">The utterance of each row; read only for more than one tap or with
    /// <see cref="Epilogue.UtteranceBias"/>.</param>
    /// <param name="offsets">First row of each utterance, then the number of rows; read only for more than one tap.</param>
    /// <param name="segments">First row of each segment, then the number of rows; read only with
    /// <see cref="Epilogue.SegmentSums"/>.</param>
    /// <param name="output">The output rows; other memory than the input.</param>
    /// <param name="segmentSums">Receives <c>[segments, outputs]</c>; touched only with <see cref="Epilogue.SegmentSums"/>.</param>
    /// <param name="extent">The extents, in quads of channels; the weights' is not read.</param>
    /// <param name="form">Which convolution.</param>
    public static void Kernel<TStored>(
        ArrayView<MatrixRegisters> input, ArrayView<MatrixRegisters> weight, ArrayView<Float4> bias, ArrayView<Float4> scale,
        ArrayView<Float4> shift, ArrayView<Float4> means, ArrayView<int> utterances, ArrayView<int> offsets, ArrayView<int> segments,
        ArrayView<TStored> output, ArrayView<Float4> segmentSums, ConvExtent extent, SpecializedValue<TensorConvForm> form)
        where TStored : unmanaged, IQuad<TStored>
    {
        TensorTile tile = form.Value.Tile;
        TensorFormat format = form.Value.Format;
        Epilogue epilogue = form.Value.Conv.Epilogue;
        bool segmented = (epilogue & Epilogue.SegmentSums) != 0;
        int chunkQuads = format is TensorFormat.Bf16 or TensorFormat.Half ? 2 : 1;
        int tileQuads = tile.Columns / 4, columnTiles = (extent.Outputs + tileQuads - 1) / tileQuads;
        int firstRow = Grid.IdxX / columnTiles * tile.Rows, firstColumn = Grid.IdxX % columnTiles * tile.Columns;
        ArrayView<MatrixRegisters> shared = SharedMemory.GetDynamic<MatrixRegisters>();
        ArrayView<MatrixSums> sums = LocalMemory.Allocate<MatrixSums>(tile.WarpRows / 16 * (tile.WarpColumns / 8));
        TensorTileProduct.Compute(
            input, extent.InputStride / chunkQuads, form.Value.InputChunks, weight, form.Value.Conv.Taps, extent.Dilation, utterances,
            offsets, means, form.Value.Conv.SubtractsMean, form.Value.OfFeatures && format == TensorFormat.Tf32, segments, segmented,
            firstRow, extent.Rows, firstColumn, format, tile, shared, sums);
        Group.Barrier();

        int quads = tile.WarpColumns / 4, rowsAtOnce = WarpMatrix.Lanes / quads, lane = Group.IdxX % WarpMatrix.Lanes;
        int own = Group.IdxX / WarpMatrix.Lanes * 4 * tile.TurnedStride;
        ArrayView<MatrixRegisters> turned = shared.SubView(own, 4 * tile.TurnedStride);
        ArrayView<Float4> rows = turned.Cast<Float4>();
        int column = ((firstColumn + TensorTileProduct.WarpColumn(tile)) / 4) + (lane % quads);
        bool inside = column < extent.Outputs;
        Float4 channelBias = default, channelScale = default, channelShift = default;
        if (inside && (epilogue & Epilogue.UtteranceBias) == 0)
            channelBias = bias[column];
        if (inside && (epilogue & Epilogue.ScaleShift) != 0)
        {
            channelScale = scale[column];
            channelShift = shift[column];
        }
        for (int part = 0; part < tile.WarpRows / 16; part++)
        {
            int firstPlace = firstRow + TensorTileProduct.WarpRow(tile) + (part * 16);
            TensorTileProduct.Turn(sums, part, tile.WarpColumns, tile.TurnedStride, turned.Cast<Float2>());
            Warp.Barrier();
            for (int i = 0; i < 16 / rowsAtOnce; i++)
            {
                int local = (i * rowsAtOnce) + (lane / quads), row = firstPlace + local;
                int at = (local * (tile.TurnedStride / 4)) + (lane % quads);
                if (segmented)
                    row = TileProduct.SegmentRow(segments, row, extent.Rows);
                Float4 y = default;
                if (inside && row >= 0 && row < extent.Rows)
                {
                    if ((epilogue & Epilogue.UtteranceBias) != 0)
                        channelBias = bias[(utterances[row] * extent.Outputs) + column];
                    y = ConvReluBn.Finish(rows[at], channelBias, channelScale, channelShift, epilogue);
                    output[(row * extent.OutputStride) + column] = TStored.Narrow(y);
                }
                if (segmented)
                    rows[at] = y;
            }
            Warp.Barrier();
            if (segmented)
            {
                // 16 rows are the places of one segment.
                int segment = firstPlace / TimeMoments.SegmentFrames;
                if (inside && lane < quads && firstPlace < extent.Rows)
                    segmentSums[(segment * extent.Outputs) + column] = SegmentSum(rows, lane, tile);
                Warp.Barrier();
            }
        }
    }

    /// <summary>The sum of a column of quads, in the order of <see cref="ConvReluBn"/>: that of four frames, four times.</summary>
    private static Float4 SegmentSum(ArrayView<Float4> rows, int quad, TensorTile tile)
    {
        Float4 sum = default;
        for (int four = 0; four < TimeMoments.SegmentFrames / 4; four++)
        {
            Float4 part = default;
            for (int i = 0; i < 4; i++)
                part += rows[(((four * 4) + i) * (tile.TurnedStride / 4)) + quad];
            sum = four == 0 ? part : sum + part;
        }
        return sum;
    }
}
