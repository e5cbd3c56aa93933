using EcapaIlgpu.Kernels;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <content>Tiles of products on tensor cores.</content>
internal sealed partial class TilePlan
{
    /// <summary>
    /// Tiles, the registers that a thread needs so that none is spilled, with one format or with <see cref="TensorFormat.Tf32x3"/> (0
    /// where it does not fit), and the share of a
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

    /// <summary>
    /// Tiles of attention, whose rows are those of a chunk, and how as many threads share out the logits. All divide a column's rows among
    /// threads alike.
    /// </summary>
    public static IReadOnlyList<(TensorTile Tile, ProductTile Cut)> TensorAttentionTiles { get; } =
    [
        (new(TimeMoments.ChunkFrames, 128, 32, 64, 4), new(TimeMoments.ChunkFrames, 128, 16, 8, 8)),
        (new(TimeMoments.ChunkFrames, 64, 32, 32, 4), new(TimeMoments.ChunkFrames, 64, 16, 8, 4)),
    ];

    /// <summary>The tile of attention on tensor cores.</summary>
    public (TensorTile Tile, ProductTile Cut) TensorAttention(int chunks, int channels, TensorFormat format) =>
        _largestTile < int.MaxValue || (long)chunks * DivideUp(channels, 128) < _multiprocessors || format == TensorFormat.Tf32x3
            ? TensorAttentionTiles[1]
            : TensorAttentionTiles[0];

    /// <summary>Threads of a group of the Res2 chain: what is split into two has more in registers.</summary>
    public static int MostRes2Threads(TensorFormat format) => format == TensorFormat.Tf32x3 ? 256 : 512;

    /// <summary>How the Res2 chain is compiled for tensor cores, and how many of its steps run in a launch.</summary>
    public (TensorRes2Form Form, int Steps) TensorRes2(int rows, int quads, int dilation, TensorFormat format)
    {
        const int AllSteps = Res2Form.Splits - 1;
        int mostThreads = MostRes2Threads(format);
        (double Cost, TensorRes2Form Form, int Steps) best = (double.PositiveInfinity, default, 0);
        for (int steps = 1; steps <= AllSteps; steps++)
        {
            for (int groupRows = 2 * TensorRes2Form.WarpRows; groupRows <= 512; groupRows *= 2)
            {
                TensorRes2Form form = new(quads, format, groupRows, dilation);
                int written = form.WrittenRows(steps), launches = DivideUp(AllSteps, steps);
                if (written <= 0 || form.Threads > Math.Min(_threads, mostThreads) || 16 * form.SharedChunks > _sharedBytes)
                    continue;
                // A launch also loads its split, stores and waits for its last group: beside products this fast as much as a step.
                double computed = (AllSteps * (groupRows - ((steps + 1) * dilation))) + (launches * 1.0 * groupRows);
                double cost = Rounds(DivideUp(rows, written), Resident(form.Threads, Registers / mostThreads)) * computed;
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
        return new(tile.Threads, Resident(tile.Threads, RegistersOf(TensorTiles.Single(candidate => candidate.Tile == tile), format)));
    }

    private static int RegistersOf((TensorTile Tile, int Registers, int SplitRegisters, double Efficiency) candidate, TensorFormat format) =>
        format == TensorFormat.Tf32x3 ? candidate.SplitRegisters : candidate.Registers;
}
