using EcapaIlgpu.Kernels;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <content>Tiles of products on tensor cores.</content>
internal sealed partial class TilePlan
{
    /// <summary>
    /// Tiles, the registers that a thread needs so that none is spilled, with one format or with <see cref="TensorFormat.Tf32x3"/> (0 where it does not fit), and the share of a
    /// device's arithmetic that they reach when it is full: a warp of 64 x 64 reads the fewest bytes of shared memory for each product.
    /// </summary>
    private static readonly (TensorTile Tile, int Registers, int SplitRegisters, double Efficiency)[] TensorTiles =
    [
        (new(128, 128, 64, 64, 4), 224, 0, 1.0),
        (new(128, 64, 64, 32, 4), 128, 255, 0.9),
        (new(64, 64, 32, 32, 4), 96, 168, 0.8),
        (new(32, 32, 16, 16, 4), 64, 96, 0.4),
    ];

    /// <summary>Every tile that products of a format may be cut into, the largest first.</summary>
    public static IEnumerable<TensorTile> TensorTilesOf(TensorFormat format) => TensorTiles.Where(candidate => RegistersOf(candidate, format) > 0).Select(candidate => candidate.Tile);

    /// <summary>The tile of a convolution on tensor cores.</summary>
    public TensorTile TensorConvolution(int rows, int outputs, TensorFormat format)
    {
        // The processor computes a product in many steps, and its code must stay small: the smallest tile.
        if (_largestTile < int.MaxValue)
            return TensorTiles[^1].Tile;
        return TensorTiles.Where(candidate => RegistersOf(candidate, format) > 0 && 16 * candidate.Tile.SharedChunks <= _sharedBytes).MinBy(candidate =>
        {
            TensorTile tile = candidate.Tile;
            long groups = (long)DivideUp(rows, tile.Rows) * DivideUp(outputs, tile.Columns);
            return Rounds(groups, Resident(tile.Threads, RegistersOf(candidate, format))) * tile.Rows * tile.Columns / candidate.Efficiency;
        }).Tile;
    }

    /// <inheritdoc cref="Specialization(ProductTile, ConvForm)"/>
    public static KernelSpecialization Specialization(TensorTile tile, TensorFormat format, ConvForm form)
    {
        if ((form.Epilogue & Epilogue.Tanh) != 0 || form.SubtractsMean)
            return new(tile.Threads, null);
        return new(tile.Threads, Resident(tile.Threads, RegistersOf(TensorTiles.Single(candidate => candidate.Tile == tile), format)));
    }

    private static int RegistersOf((TensorTile Tile, int Registers, int SplitRegisters, double Efficiency) candidate, TensorFormat format) =>
        format == TensorFormat.Tf32x3 ? candidate.SplitRegisters : candidate.Registers;
}
