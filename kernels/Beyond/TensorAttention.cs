using ILGPU;
using ILGPU.Beyond;
using ILGPU.Runtime;

namespace EcapaIlgpu.Kernels;

/// <summary>How attention's pass over time is compiled for tensor cores.</summary>
/// <param name="Format">What is multiplied.</param>
/// <param name="InputChunks">Channels of the hidden layer, in chunks of 16 bytes.</param>
/// <param name="Tile">How the product is cut; its rows are <see cref="TimeMoments.ChunkFrames"/>.</param>
/// <param name="Cut">How the logits are shared out afterwards, among as many threads.</param>
public readonly record struct TensorAttentionForm(TensorFormat Format, int InputChunks, TensorTile Tile, ProductTile Cut)
{
    /// <summary>Floats from row to row of the logits in shared memory.</summary>
    public int LogitStride => Tile.Columns + 8;

    /// <summary>Dynamic shared memory, in chunks of 16 bytes.</summary>
    public int SharedChunks => System.Math.Max(Tile.SharedChunks, Tile.Rows * LogitStride / 4);
}

/// <summary>The first part of <see cref="AttentiveStatistics"/> with its product on tensor cores.</summary>
/// <remarks>
/// <para>
/// The logits of a chunk go through shared memory, from the lanes that summed them to the threads that look for the largest; what follows
/// is the same code and the same order.
/// </para>
/// <para>
/// Cost. As <see cref="AttentiveStatistics"/>; the exponentials, one for 256 operations of the product, now take the larger part.
/// </para>
/// </remarks>
public static class TensorAttention
{
    /// <summary>
    /// The records of chunks. Groups of <c>form.Tile.Threads</c> in a line, <c>ceil(channels / form.Tile.Columns)</c> of them for each
    /// chunk, with <c>form.SharedChunks</c> chunks of dynamic shared memory.
    /// </summary>
    /// <typeparam name="TStored">How rows are stored.</typeparam>
    /// <param name="hiddenRows"><c>[rows, hidden]</c>, after tanh, in chunks of 16 bytes.</param>
    /// <param name="weight">V, laid out as <see cref="TensorTileProduct"/> says.</param>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="means">For each utterance the plain means first; rows of <paramref name="meanStride"/> quads.</param>
    /// <param name="meanStride">From utterance to utterance, in quads.</param>
    /// <param name="channels">Channels, in quads.</param>
    /// <param name="chunks">First row of each chunk, then the number of rows.</param>
    /// <param name="utterances">The utterance of each row.</param>
    /// <param name="records">Receives the records.</param>
    /// <param name="form">How it is compiled.</param>
    public static void Chunks<TStored>(
        ArrayView<MatrixRegisters> hiddenRows, ArrayView<MatrixRegisters> weight, ArrayView<TStored> x, ArrayView<Float4> means,
        int meanStride, int channels, ArrayView<int> chunks, ArrayView<int> utterances, ArrayView<Float4> records,
        SpecializedValue<TensorAttentionForm> form)
        where TStored : unmanaged, IQuad<TStored>
    {
        TensorTile tile = form.Value.Tile;
        ProductTile cut = form.Value.Cut;
        int tileQuads = tile.Columns / 4, columnTiles = (channels + tileQuads - 1) / tileQuads;
        int chunk = Grid.IdxX / columnTiles, firstColumn = Grid.IdxX % columnTiles * tileQuads;
        int firstRow = chunks[chunk], endRow = chunks[chunk + 1], stride = form.Value.LogitStride;
        ArrayView<MatrixRegisters> shared = SharedMemory.GetDynamic<MatrixRegisters>();
        ArrayView<MatrixSums> sums = LocalMemory.Allocate<MatrixSums>(tile.WarpRows / 16 * (tile.WarpColumns / 8));
        TensorTileProduct.Compute(
            hiddenRows, form.Value.InputChunks, form.Value.InputChunks, weight, 1, 1, utterances, utterances, means, false, false,
            chunks, false, firstRow, endRow, firstColumn * 4, form.Value.Format, tile, shared, sums);
        Group.Barrier();
        ArrayView<Float2> turned = shared.Cast<Float2>();
        for (int part = 0; part < tile.WarpRows / 16; part++)
        {
            int corner = ((TensorTileProduct.WarpRow(tile) + (part * 16)) * stride) + TensorTileProduct.WarpColumn(tile);
            TensorTileProduct.Turn(sums, part, tile.WarpColumns, stride, turned.SubView(corner / 2, turned.Length - (corner / 2)));
        }
        Group.Barrier();
        ArrayView<Float4> rows = shared.Cast<Float4>();
        ArrayView<float> logits = LocalMemory.Allocate<float>(cut.ThreadRows * cut.ThreadColumns);
        for (int i = 0; i < cut.ThreadRows; i++)
        {
            for (int q = 0; q < cut.ThreadColumns / 4; q++)
            {
                Float4 four = rows[(TileProduct.Row(i, cut) * (stride / 4)) + TileProduct.ColumnQuad(q, cut)];
                int at = (i * cut.ThreadColumns) + (q * 4);
                logits[at] = four.X;
                logits[at + 1] = four.Y;
                logits[at + 2] = four.Z;
                logits[at + 3] = four.W;
            }
        }
        AttentiveStatistics.Reduce(logits, x, means, meanStride, channels, utterances, chunk, firstRow, endRow, firstColumn, records, cut);
    }
}
