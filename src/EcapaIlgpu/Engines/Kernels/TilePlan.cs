using EcapaIlgpu.Kernels;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>
/// The one place that picks sizes for a device: how matrix products and the Res2 chain are cut. Nothing picked here changes a bit of any result.
/// </summary>
/// <remarks>
/// A choice is the one with the least estimated time: rounds of groups that a device works through, times the work of a round. A large tile moves
/// fewer bytes for each operation; a small one fills a device with the frames of a single utterance.
/// </remarks>
internal sealed class TilePlan
{
    /// <summary>Threads that a multiprocessor works on at once, at the registers that these kernels need.</summary>
    private const int ResidentThreads = 512;

    /// <summary>Tiles and the share of a device's arithmetic that they reach when it is full: what is not multiply-adds, and what waits for shared memory.</summary>
    private static readonly (ProductTile Tile, double Efficiency)[] ProductTiles =
    [
        (new(128, 128, 16, 8, 8), 1.0),
        (new(128, 64, 16, 8, 8), 0.95),
        (new(64, 64, 16, 8, 8), 0.9),
        (new(64, 32, 16, 8, 4), 0.7),
        (new(32, 32, 16, 4, 4), 0.5),
    ];

    /// <summary>Tiles of attention, whose frames are those of a chunk.</summary>
    private static readonly ProductTile[] AttentionTiles = [new(TimeMoments.ChunkFrames, 128, 16, 8, 8), new(TimeMoments.ChunkFrames, 64, 16, 8, 8)];

    /// <summary>Frames of a thread in the Res2 chain: with four channels each 32 sums.</summary>
    private const int Res2ThreadRows = 8;

    private readonly int _multiprocessors;
    private readonly int _sharedBytes;
    private readonly int _threads;
    private readonly ProductTile? _onlyTile;

    /// <param name="accelerator">The device.</param>
    /// <param name="onlyTile">The tile to use for every convolution, for tests and measurements; null to choose.</param>
    public TilePlan(Accelerator accelerator, ProductTile? onlyTile = null)
    {
        _multiprocessors = Math.Max(1, accelerator.NumMultiprocessors);
        _sharedBytes = accelerator.MaxSharedMemoryPerGroup;
        _threads = accelerator.MaxNumThreadsPerGroup;
        _onlyTile = onlyTile;
    }

    /// <summary>Every tile that convolutions may be cut into, the largest first.</summary>
    public static IEnumerable<ProductTile> Tiles => ProductTiles.Select(candidate => candidate.Tile);

    /// <summary>The tile of a convolution.</summary>
    public ProductTile Convolution(int rows, int outputs)
    {
        if (_onlyTile is { } only)
            return only;
        return ProductTiles.Where(candidate => Fits(candidate.Tile)).MinBy(candidate =>
        {
            ProductTile tile = candidate.Tile;
            long groups = (long)DivideUp(rows, tile.Rows) * DivideUp(outputs, tile.Columns);
            return Rounds(groups, tile.Threads) * tile.Rows * tile.Columns / candidate.Efficiency;
        }).Tile;
    }

    /// <summary>The tile of attention.</summary>
    public ProductTile Attention(int chunks, int channels) => AttentionTiles.Where(Fits).MinBy(tile =>
        Rounds((long)chunks * DivideUp(channels, tile.Columns), tile.Threads) * tile.Columns);

    /// <summary>How the Res2 chain is compiled for a batch, and how many of its steps run in a launch.</summary>
    public (Res2Form Form, int Steps) Res2(int rows, int quads, int dilation)
    {
        const int AllSteps = Res2Form.Splits - 1;
        int depth = quads % 4 == 0 ? 16 : quads % 2 == 0 ? 8 : 4;
        (double Cost, Res2Form Form, int Steps) best = (double.PositiveInfinity, default, 0);
        for (int steps = 1; steps <= AllSteps; steps++)
        {
            for (int groupRows = 2 * Res2ThreadRows; groupRows <= 512; groupRows += 2 * Res2ThreadRows)
            {
                Res2Form form = new(quads, groupRows, Res2ThreadRows, depth, dilation);
                int written = form.WrittenRows(steps), launches = DivideUp(AllSteps, steps);
                if (written <= 0 || form.Threads > Math.Min(_threads, 768) || form.SharedQuads * 16 > _sharedBytes)
                    continue;
                // A launch also loads its split and waits for its last group: as much as a third of a step.
                double computed = AllSteps * (groupRows - ((steps + 1) * dilation)) + (launches * 0.3 * groupRows);
                double cost = Rounds(DivideUp(rows, written), form.Threads) * computed;
                if (cost < best.Cost)
                    best = (cost, form, steps);
            }
        }
        return best.Steps > 0
            ? (best.Form, best.Steps)
            : throw new NotSupportedException(
                $"{_sharedBytes} bytes of shared memory and groups of {_threads} threads are too few for Res2 convolutions of {4 * quads} channels.");
    }

    private bool Fits(ProductTile tile) => tile.Threads <= _threads && tile.SharedBytes <= _sharedBytes;

    private double Rounds(long groups, int threads)
    {
        int together = _multiprocessors * Math.Max(1, ResidentThreads / threads);
        return (double)((groups + together - 1) / together) * Math.Max(1, ResidentThreads / threads);
    }

    private static int DivideUp(int value, int divisor) => (value + divisor - 1) / divisor;
}
