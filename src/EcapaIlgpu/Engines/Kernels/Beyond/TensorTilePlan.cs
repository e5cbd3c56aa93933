using EcapaIlgpu.Kernels;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <content>Tiles of products on tensor cores.</content>
internal sealed partial class TilePlan
{
    /// <summary>
    /// Tiles, the registers that a thread needs so that none is spilled, and the share of a device's arithmetic that they reach when it is
    /// full: a warp of 64 x 64 reads the fewest bytes of shared memory for each product.
    /// </summary>
    private static readonly (TensorTile Tile, int Registers, double Efficiency)[] WholeTiles =
    [
        (new(128, 128, 64, 64), 224, 1.0),
        (new(128, 64, 64, 32), 168, 0.9),
        (new(64, 64, 32, 32), 96, 0.8),
        (new(32, 32, 16, 16), 64, 0.4),
    ];

    /// <summary>
    /// The same for <see cref="TensorFormat.Tf32x3"/>, whose sums take twice the registers. Few rows a warp: theirs are split in the main
    /// loop, weights were before.
    /// </summary>
    private static readonly (TensorTile Tile, int Registers, double Efficiency)[] SplitTiles =
    [
        (new(128, 128, 32, 64, 2), 255, 1.0),
        (new(64, 128, 32, 64, 2), 255, 0.9),
        (new(64, 64, 32, 32, 2), 168, 0.8),
        (new(32, 32, 16, 16, 2), 96, 0.4),
    ];

    /// <summary>Every tile that products of a format may be cut into, the largest first.</summary>
    public static IEnumerable<TensorTile> TensorTilesOf(TensorFormat format) => TensorTiles(format).Select(candidate => candidate.Tile);

    /// <summary>The tile of a convolution on tensor cores.</summary>
    public TensorTile TensorConvolution(int rows, int outputs, TensorFormat format)
    {
        // The processor computes a product in many steps, and its code must stay small: the smallest tile.
        if (_largestTile < int.MaxValue)
            return TensorTiles(format)[^1].Tile;
        return TensorTiles(format).Where(candidate => 16 * candidate.Tile.SharedChunks <= _sharedBytes).MinBy(candidate =>
        {
            TensorTile tile = candidate.Tile;
            long groups = (long)DivideUp(rows, tile.Rows) * DivideUp(outputs, tile.Columns);
            return Rounds(groups, Resident(tile.Threads, candidate.Registers)) * tile.Rows * tile.Columns / candidate.Efficiency;
        }).Tile;
    }

    /// <summary>
    /// Tiles of attention, whose rows are those of a chunk, and how as many threads share out the logits. All divide a column's rows among
    /// threads alike.
    /// </summary>
    public static (TensorTile Tile, ProductTile Cut)[] TensorAttentionTiles(TensorFormat format)
    {
        int parts = format == TensorFormat.Tf32x3 ? 2 : 1;
        return
        [
            (new(TimeMoments.ChunkFrames, 128, 32, 64, parts), new(TimeMoments.ChunkFrames, 128, 16, 8, 8)),
            (new(TimeMoments.ChunkFrames, 64, 32, 32, parts), new(TimeMoments.ChunkFrames, 64, 16, 8, 4)),
        ];
    }

    /// <summary>The tile of attention on tensor cores.</summary>
    public (TensorTile Tile, ProductTile Cut) TensorAttention(int chunks, int channels, TensorFormat format) =>
        TensorAttentionTiles(format)[_largestTile < int.MaxValue || (long)chunks * DivideUp(channels, 128) < _multiprocessors ? 1 : 0];

    /// <summary>Threads of a group of the Res2 chain: with more, ptxas spills what has no room beside a warp's sums.</summary>
    public const int MostRes2Threads = 256;

    /// <summary>How the Res2 chain is compiled for tensor cores, and how many of its steps run in a launch.</summary>
    public (TensorRes2Form Form, int Steps) TensorRes2(int rows, int quads, int dilation, TensorFormat format)
    {
        const int AllSteps = Res2Form.Splits - 1;
        (double Cost, TensorRes2Form Form, int Steps) best = (double.PositiveInfinity, default, 0);
        for (int steps = 1; steps <= AllSteps; steps++)
        {
            for (int groupRows = 2 * TensorRes2Form.WarpRows; groupRows <= 512; groupRows += 2 * TensorRes2Form.WarpRows)
            {
                TensorRes2Form form = new(quads, format, groupRows, dilation);
                int written = form.WrittenRows(steps), launches = DivideUp(AllSteps, steps);
                if (written <= 0 || form.Threads > Math.Min(_threads, MostRes2Threads) || 16 * form.SharedChunks > _sharedBytes)
                    continue;
                // A launch also loads its split, stores and waits for its last group: beside products this fast as much as a step.
                double computed = (AllSteps + launches) * groupRows;
                double cost = Rounds(DivideUp(rows, written), Resident(form.Threads, Registers / MostRes2Threads)) * computed;
                if (cost < best.Cost)
                    best = (cost, form, steps);
            }
        }
        return best.Steps > 0
            ? (best.Form, best.Steps)
            : throw new NotSupportedException(
                $"{_sharedBytes} bytes of shared memory and groups of {_threads} threads are too few for Res2 convolutions of {4 * quads} channels on tensor cores.");
    }

    /// <inheritdoc cref="Specialization(ProductTile, ConvForm)"/>
    public static KernelSpecialization Specialization(TensorTile tile, TensorFormat format, ConvForm form)
    {
        if ((form.Epilogue & Epilogue.Tanh) != 0 || form.SubtractsMean)
            return new(tile.Threads, 1);
        return new(tile.Threads, Resident(tile.Threads, TensorTiles(format).Single(candidate => candidate.Tile == tile).Registers));
    }

    private static (TensorTile Tile, int Registers, double Efficiency)[] TensorTiles(TensorFormat format) =>
        format == TensorFormat.Tf32x3 ? SplitTiles : WholeTiles;
}
