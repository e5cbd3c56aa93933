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
}

/// <summary>Which convolution is compiled.</summary>
/// <param name="Taps">Kernel width, odd.</param>
/// <param name="Epilogue">What follows the sums.</param>
public readonly record struct ConvForm(int Taps, Epilogue Epilogue);

/// <summary>The extents of a convolution, in rows and quads of channels.</summary>
/// <param name="Rows">Frames of the batch.</param>
/// <param name="Dilation">Frames from tap to tap.</param>
/// <param name="Inputs">Input channels.</param>
/// <param name="InputStride">From input row to input row.</param>
/// <param name="Outputs">Output channels.</param>
/// <param name="OutputStride">From output row to output row.</param>
/// <param name="WeightStride">Output channels with their padding.</param>
public readonly record struct ConvExtent(int Rows, int Dilation, int Inputs, int InputStride, int Outputs, int OutputStride, int WeightStride);

/// <summary>
/// Convolution over time, then bias, ReLU or tanh, then batch normalisation, on packed rows:
/// <c>y[r, o] = scale[o] * relu(bias[o] + sum over k, i of w[k, i, o] * x[r + (k - taps/2) * dilation, i]) + shift[o]</c>,
/// where rows outside the utterance of row r are zero.
/// </summary>
/// <remarks>
/// <para>
/// Layout. Input and output are rows of any stride: a slice of wider rows is read and written in place, which is how three blocks'
/// outputs come to lie side by side without a copy. Weights and the order of the sums: <see cref="TileProduct"/>. Rows and weights are stored in 32 or 16 bits
/// (<see cref="IQuad{TSelf}"/>), sums and what follows them are float32.
/// </para>
/// <para>
/// Cost. 2 * rows * taps * inputs * outputs operations; bytes, where every tile's neighbours are found in the cache,
/// 4 * (rows * (inputs + outputs) + taps * inputs * outputs), half of it for 16 bits. Of the network 91 % of the operations are here, with 170 to 770 operations a
/// byte: bound by arithmetic.
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
    /// <param name="utterances">The utterance of each row; read only for more than one tap or with <see cref="Epilogue.UtteranceBias"/>.</param>
    /// <param name="offsets">First row of each utterance, then the number of rows; read only for more than one tap.</param>
    /// <param name="output">The output rows; other memory than the input.</param>
    /// <param name="extent">The extents.</param>
    /// <param name="form">Which convolution.</param>
    /// <param name="tile">How it is cut.</param>
    public static void Kernel<TInput, TStored>(
        ArrayView<TInput> input, ArrayView<TStored> weight, ArrayView<Float4> bias, ArrayView<Float4> scale, ArrayView<Float4> shift,
        ArrayView<int> utterances, ArrayView<int> offsets, ArrayView<TStored> output,
        ConvExtent extent, SpecializedValue<ConvForm> form, SpecializedValue<ProductTile> tile)
        where TInput : unmanaged, IQuad<TInput>
        where TStored : unmanaged, IQuad<TStored>
    {
        ProductTile cut = tile.Value;
        Epilogue epilogue = form.Value.Epilogue;
        int tileQuads = cut.Columns / 4, columnTiles = (extent.Outputs + tileQuads - 1) / tileQuads;
        int firstRow = Grid.IdxX / columnTiles * cut.Rows, firstColumn = Grid.IdxX % columnTiles * tileQuads;
        ArrayView<float> sums = LocalMemory.Allocate<float>(cut.ThreadRows * cut.ThreadColumns);
        TileProduct.Compute(
            input, extent.InputStride, extent.Inputs, weight, extent.WeightStride, form.Value.Taps, extent.Dilation,
            utterances, offsets, firstRow, extent.Rows, firstColumn, cut, sums);
        for (int j = 0; j < cut.ThreadColumns / 4; j++)
        {
            int column = firstColumn + TileProduct.ColumnQuad(j, cut);
            if (column >= extent.Outputs)
                continue;
            Float4 channelBias = default, channelScale = default, channelShift = default;
            if ((epilogue & Epilogue.UtteranceBias) == 0)
                channelBias = bias[column];
            if ((epilogue & Epilogue.ScaleShift) != 0)
            {
                channelScale = scale[column];
                channelShift = shift[column];
            }
            for (int i = 0; i < cut.ThreadRows; i++)
            {
                int row = firstRow + TileProduct.Row(i, cut), at = (i * cut.ThreadColumns) + (j * 4);
                if (row < extent.Rows)
                {
                    if ((epilogue & Epilogue.UtteranceBias) != 0)
                        channelBias = bias[(utterances[row] * extent.Outputs) + column];
                    Float4 y = Finish(new Float4(sums[at], sums[at + 1], sums[at + 2], sums[at + 3]), channelBias, channelScale, channelShift, epilogue);
                    output[(row * extent.OutputStride) + column] = TStored.Narrow(y);
                }
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
