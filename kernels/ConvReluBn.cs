using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Kernels;

/// <summary>What follows the sums of a convolution, in this order: constants of the compiled kernel.</summary>
[Flags]
public enum Epilogue
{
    /// <summary>The bias alone.</summary>
    None = 0,

    /// <summary>The bias belongs to the row's utterance, <c>[utterances, outputs]</c>, and not to all rows, <c>[outputs]</c>.</summary>
    UtteranceBias = 1,

    /// <summary><c>max(y, 0)</c>.</summary>
    Relu = 2,

    /// <summary><c>tanh(y)</c>.</summary>
    Tanh = 4,

    /// <summary><c>y * scale + shift</c>: batch normalisation.</summary>
    ScaleShift = 8,

    /// <summary>
    /// Beside the output, its sums over every <see cref="TimeMoments.SegmentFrames"/> frames of an utterance, <c>[segments, outputs]</c>:
    /// what squeeze-excite wants to know, without another look at the output. Tiles are then cut along segments.
    /// </summary>
    SegmentSums = 16,
}

/// <summary>Which convolution is compiled.</summary>
/// <param name="Taps">Kernel width, odd; 1 with <see cref="Epilogue.SegmentSums"/>.</param>
/// <param name="Epilogue">What follows the sums.</param>
/// <param name="SubtractsMean">
/// Whether a vector for each utterance is subtracted from its rows as they are read; only with more than one tap.
/// </param>
public readonly record struct ConvForm(int Taps, Epilogue Epilogue, bool SubtractsMean = false);

/// <summary>The extents of a convolution, in rows and quads of channels.</summary>
/// <param name="Rows">
/// Frames of the batch; with <see cref="Epilogue.SegmentSums"/> the places of its segments, <see cref="TimeMoments.SegmentFrames"/> for
/// each.
/// </param>
/// <param name="Dilation">Frames from tap to tap.</param>
/// <param name="Inputs">Input channels.</param>
/// <param name="InputStride">From input row to input row.</param>
/// <param name="Outputs">Output channels.</param>
/// <param name="OutputStride">From output row to output row.</param>
/// <param name="WeightStride">Output channels with their padding.</param>
public readonly record struct ConvExtent(
    int Rows, int Dilation, int Inputs, int InputStride, int Outputs, int OutputStride, int WeightStride);

/// <summary>
/// Convolution over time, then bias, ReLU or tanh, then batch normalisation, on packed rows:
/// <c>y[r, o] = scale[o] * relu(bias[o] + sum over k, i of w[k, i, o] * x[r + (k - taps/2) * dilation, i]) + shift[o]</c>,
/// where rows outside the utterance of row r are zero; x may have its mean over the utterance subtracted, and y be summed over segments
/// of time.
/// </summary>
/// <remarks>
/// <para>
/// Layout. Input and output are rows of any stride: a slice of wider rows is read and written in place, which is how three blocks'
/// outputs come to lie side by side without a copy. Weights and the order of the sums: <see cref="TileProduct"/>. Rows and weights are
/// stored in 32 or 16 bits (<see cref="IQuad{TSelf}"/>), sums and what follows them are float32.
/// </para>
/// <para>
/// Sums of segments. A segment's frames are counted from its utterance's first, wherever that lies in the batch, and its sum always is that
/// of four threads' sums of four frames, in order: the same bits in any batch. They are sums of the numbers before these are rounded for
/// storage. For that, tiles are cut along segments and not along rows, and the last segment of an utterance leaves up to 15 rows of a tile
/// idle: 1.3 % of utterances of 300 frames, against a pass over the output that is saved. Outputs and order of the products are the same.
/// </para>
/// <para>
/// Cost. 2 * rows * taps * inputs * outputs operations; bytes, where every tile's neighbours are found in the cache,
/// 4 * (rows * (inputs + outputs) + taps * inputs * outputs), half of it for 16 bits. Of the network 91 % of the operations are here, with
/// 170 to 770 operations a byte: bound by arithmetic.
/// </para>
/// </remarks>
public static class ConvReluBn
{
    /// <summary>
    /// The kernel. Groups of <c>tile.Threads</c>, in a line: <c>ceil(outputs / tile.Columns)</c> of them for each
    /// <c>tile.Rows</c> rows, so that those that read the same rows run together.
    /// </summary>
    /// <typeparam name="TInput">How the input rows are stored: features are float32 where activations are not.</typeparam>
    /// <typeparam name="TStored">How the weights and the output rows are stored.</typeparam>
    /// <param name="input">The input rows.</param>
    /// <param name="weight">The weights, see <see cref="TileProduct"/>.</param>
    /// <param name="bias">For all rows or for each utterance.</param>
    /// <param name="scale">Read only with <see cref="Epilogue.ScaleShift"/>.</param>
    /// <param name="shift">Read only with <see cref="Epilogue.ScaleShift"/>.</param>
    /// <param name="means"><c>[utterances, inputs]</c>; read only where <see cref="ConvForm.SubtractsMean"/>.</param>
    /// <param name="utterances">
    /// The utterance of each row; read only for more than one tap or with <see cref="Epilogue.UtteranceBias"/>.
    /// </param>
    /// <param name="offsets">First row of each utterance, then the number of rows; read only for more than one tap.</param>
    /// <param name="segments">
    /// First row of each segment, then the number of rows; read only with <see cref="Epilogue.SegmentSums"/>.
    /// </param>
    /// <param name="output">The output rows; other memory than the input.</param>
    /// <param name="segmentSums">Receives <c>[segments, outputs]</c>; touched only with <see cref="Epilogue.SegmentSums"/>.</param>
    /// <param name="extent">The extents.</param>
    /// <param name="form">Which convolution.</param>
    /// <param name="tile">How it is cut.</param>
    public static void Kernel<TInput, TStored>(
        ArrayView<TInput> input, ArrayView<TStored> weight, ArrayView<Float4> bias, ArrayView<Float4> scale, ArrayView<Float4> shift,
        ArrayView<Float4> means, ArrayView<int> utterances, ArrayView<int> offsets, ArrayView<int> segments, ArrayView<TStored> output,
        ArrayView<Float4> segmentSums,
        ConvExtent extent, SpecializedValue<ConvForm> form, SpecializedValue<ProductTile> tile)
        where TInput : unmanaged, IQuad<TInput>
        where TStored : unmanaged, IQuad<TStored>
    {
        ProductTile cut = tile.Value;
        Epilogue epilogue = form.Value.Epilogue;
        int tileQuads = cut.Columns / 4, columnTiles = (extent.Outputs + tileQuads - 1) / tileQuads;
        int firstRow = Grid.IdxX / columnTiles * cut.Rows, firstColumn = Grid.IdxX % columnTiles * tileQuads;
        ArrayView<Float4> shared = SharedMemory.Allocate<Float4>(cut.SharedQuads);
        ArrayView<float> sums = LocalMemory.Allocate<float>(cut.ThreadRows * cut.ThreadColumns);
        ArrayView<int> loaded = LocalMemory.Allocate<int>(cut.RowLoads);
        if ((epilogue & Epilogue.SegmentSums) != 0)
            TileProduct.SegmentRows(segments, firstRow, extent.Rows, cut, loaded);
        else
            TileProduct.ConsecutiveRows(firstRow, extent.Rows, cut, loaded);
        TileProduct.Compute(
            shared, input, extent.InputStride, extent.Inputs, weight, extent.WeightStride, form.Value.Taps, extent.Dilation, utterances,
            offsets, means, form.Value.SubtractsMean, loaded, firstColumn, cut, sums);
        for (int j = 0; j < cut.ThreadColumns / 4; j++)
        {
            int tileColumn = TileProduct.ColumnQuad(j, cut), column = firstColumn + tileColumn;
            if (column >= extent.Outputs)
                continue;
            Float4 channelBias = default, channelScale = default, channelShift = default, total = default;
            if ((epilogue & Epilogue.UtteranceBias) == 0)
                channelBias = bias[column];
            if ((epilogue & Epilogue.ScaleShift) != 0)
            {
                channelScale = scale[column];
                channelShift = shift[column];
            }
            for (int i = 0; i < cut.ThreadRows; i++)
            {
                int place = TileProduct.Row(i, cut), row = firstRow + place, at = (i * cut.ThreadColumns) + (j * 4);
                if ((epilogue & Epilogue.SegmentSums) != 0)
                    row = TileProduct.SegmentRow(segments, row, extent.Rows);
                if ((epilogue & Epilogue.SegmentSums) != 0 ? row >= 0 : row < extent.Rows)
                {
                    if ((epilogue & Epilogue.UtteranceBias) != 0)
                        channelBias = bias[(utterances[row] * extent.Outputs) + column];
                    Float4 y = Finish(
                        new Float4(sums[at], sums[at + 1], sums[at + 2], sums[at + 3]), channelBias, channelScale, channelShift, epilogue);
                    output[(row * extent.OutputStride) + column] = TStored.Narrow(y);
                    total += y;
                }
                if ((epilogue & Epilogue.SegmentSums) != 0 && i % 4 == 3)
                {
                    // The operands' memory is free: four neighbouring rows of the thread, and the other threads' beside them.
                    shared[(place / 4 * tileQuads) + tileColumn] = total;
                    total = default;
                }
            }
        }
        if ((epilogue & Epilogue.SegmentSums) != 0)
        {
            Group.Barrier();
            WriteSegmentSums(shared, segmentSums, firstRow, firstColumn, extent, cut);
        }
    }

    /// <summary>Joins the sums of four frames that the threads have left in shared memory.</summary>
    private static void WriteSegmentSums(
        ArrayView<Float4> fours, ArrayView<Float4> segmentSums, int firstPlace, int firstColumn, ConvExtent extent, ProductTile cut)
    {
        const int Fours = TimeMoments.SegmentFrames / 4;
        int tileQuads = cut.Columns / 4, tileSegments = cut.Rows / TimeMoments.SegmentFrames;
        for (int item = Group.IdxX; item < tileSegments * tileQuads; item += cut.Threads)
        {
            int tileSegment = item / tileQuads, tileColumn = item % tileQuads, column = firstColumn + tileColumn;
            int segment = (firstPlace / TimeMoments.SegmentFrames) + tileSegment;
            if (column < extent.Outputs && segment * TimeMoments.SegmentFrames < extent.Rows)
            {
                Float4 sum = fours[(tileSegment * Fours * tileQuads) + tileColumn];
                for (int i = 1; i < Fours; i++)
                    sum += fours[(((tileSegment * Fours) + i) * tileQuads) + tileColumn];
                segmentSums[(segment * extent.Outputs) + column] = sum;
            }
        }
    }

    /// <summary>What follows the sums of four channels of a row.</summary>
    internal static Float4 Finish(Float4 sums, Float4 bias, Float4 scale, Float4 shift, Epilogue epilogue)
    {
        Float4 y = sums + bias;
        if ((epilogue & Epilogue.Relu) != 0)
            y = Float4.Relu(y);
        if ((epilogue & Epilogue.Tanh) != 0)
            y = Float4.Tanh(y);
        if ((epilogue & Epilogue.ScaleShift) != 0)
            y = Float4.MultiplyAdd(y, scale, shift);
        return y;
    }
}
