using EcapaIlgpu.Kernels;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>
/// The one place that picks sizes for a device: how matrix products and the Res2 chain are cut. Nothing picked here changes a bit of any
/// result.
/// </summary>
/// <remarks>
/// A choice is the one with the least estimated time: rounds of groups that a device works through, times the work of a round. A large tile
/// moves fewer bytes for each operation; a small one fills a device with the frames of a single utterance.
/// </remarks>
internal sealed partial class TilePlan
{
    /// <summary>Registers of a multiprocessor, of all NVIDIA GPUs since 2014.</summary>
    private const int Registers = 65536;

    /// <summary>
    /// Tiles, the registers that a thread needs so that none is spilled (ptxas, sm_70 to sm_90), and the share of a device's arithmetic
    /// that they reach when it is full: what is not multiply-adds in the main loop, and what waits for shared memory.
    /// </summary>
    private static readonly (ProductTile Tile, int Registers, double Efficiency)[] ProductTiles =
    [
        (new(128, 128, 16, 8, 8), 128, 1.0),
        (new(128, 64, 16, 8, 8), 168, 0.95),
        (new(64, 64, 16, 8, 8), 168, 0.9),
        (new(64, 32, 16, 8, 4), 128, 0.7),
        (new(32, 32, 16, 4, 4), 104, 0.5),
    ];

    /// <summary>Tiles of attention, whose frames are those of a chunk.</summary>
    public static IReadOnlyList<ProductTile> AttentionTiles { get; } = [new(TimeMoments.ChunkFrames, 128, 16, 8, 8), new(TimeMoments.ChunkFrames, 64, 16, 8, 8)];

    /// <summary>Registers of a thread of attention.</summary>
    private const int AttentionRegisters = 168;

    private readonly int _multiprocessors;
    private readonly int _sharedBytes;
    private readonly int _threads;
    private readonly ProductTile? _onlyTile;
    private readonly int _largestTile;

    /// <param name="accelerator">The device.</param>
    /// <param name="onlyTile">The tile to use for every convolution, for tests and measurements; null to choose.</param>
    /// <param name="usesTensorCores">Whether products go to tensor cores where the device and the precision have them.</param>
    public TilePlan(Accelerator accelerator, ProductTile? onlyTile = null, bool usesTensorCores = true)
    {
        UsesTensorCores = usesTensorCores;
        _multiprocessors = Math.Max(1, accelerator.NumMultiprocessors);
        _sharedBytes = accelerator.MaxSharedMemoryPerGroup;
        _threads = accelerator.MaxNumThreadsPerGroup;
        _onlyTile = onlyTile;
        // Compiled for the processor, a thread's 8 x 8 sums are more than there are vector registers, and the loop of a 128 x 128 tile is
        // longer than what the JIT compiler optimises well: docs/PERFORMANCE.md has what this tile gains.
        _largestTile = accelerator.AcceleratorType == AcceleratorType.CPU ? 64 * 32 : int.MaxValue;
    }

    /// <summary>
    /// Whether products go to tensor cores where the device and the precision have them; without, 16 bits are storage alone.
    /// </summary>
    public bool UsesTensorCores { get; }

    /// <summary>Every tile that convolutions may be cut into, the largest first.</summary>
    public static IEnumerable<ProductTile> Tiles => ProductTiles.Select(candidate => candidate.Tile);

    /// <summary>The tile of a convolution.</summary>
    public ProductTile Convolution(int rows, int outputs)
    {
        if (_onlyTile is { } only)
            return only;
        return ProductTiles.Where(candidate => candidate.Tile.Rows * candidate.Tile.Columns <= _largestTile && Fits(candidate.Tile)).MinBy(candidate =>
        {
            ProductTile tile = candidate.Tile;
            long groups = (long)DivideUp(rows, tile.Rows) * DivideUp(outputs, tile.Columns);
            return Rounds(groups, Resident(tile.Threads, candidate.Registers)) * tile.Rows * tile.Columns / candidate.Efficiency;
        }).Tile;
    }

    /// <summary>What launches with a tile promise: the group's size, and how many groups share a multiprocessor's registers.</summary>
    /// <remarks>
    /// The exponentials of a tanh, one for each of a thread's outputs, need all the registers there are, and means some that the largest
    /// tiles do not have: each belongs to one small layer, whose groups may be fewer. Their promise is the weakest there is, and not none:
    /// left to guess how many groups should share a multiprocessor, ptxas spills a few bytes for one more.
    /// </remarks>
    public static KernelSpecialization Specialization(ProductTile tile, ConvForm form = default)
    {
        if ((form.Epilogue & Epilogue.Tanh) != 0 || form.SubtractsMean)
            return new(tile.Threads, Math.Max(1, 256 / tile.Threads));
        int registers = ProductTiles.FirstOrDefault(candidate => candidate.Tile == tile).Registers;
        return new(tile.Threads, Resident(tile.Threads, registers > 0 ? registers : AttentionRegisters));
    }

    /// <summary>The tile of attention.</summary>
    public ProductTile Attention(int chunks, int channels) => AttentionTiles.Where(Fits).MinBy(tile =>
        Rounds((long)chunks * DivideUp(channels, tile.Columns), Resident(tile.Threads, AttentionRegisters)) * tile.Columns);

    /// <summary>How the Res2 chain is compiled for a batch, and how many of its steps run in a launch.</summary>
    public (Res2Form Form, int Steps) Res2(int rows, int quads, int dilation)
    {
        const int AllSteps = Res2Form.Splits - 1;
        // More than two launches have to be worth it: an estimate is not that exact, and short batches wait for launches more than for
        // anything.
        (double Cost, Res2Form Form, int Steps) few = Res2(rows, quads, dilation, (AllSteps + 1) / 2), any = Res2(rows, quads, dilation, 1);
        (_, Res2Form form, int steps) = few.Cost <= 1.25 * any.Cost ? few : any;
        return steps > 0
            ? (form, steps)
            : throw new NotSupportedException(
                $"{_sharedBytes} bytes of shared memory and groups of {_threads} threads are too few for Res2 convolutions of {4 * quads} channels.");
    }

    /// <summary>The same with at least some steps in a launch, and its cost; no steps where nothing fits.</summary>
    private (double Cost, Res2Form Form, int Steps) Res2(int rows, int quads, int dilation, int leastSteps)
    {
        const int AllSteps = Res2Form.Splits - 1;
        // Wide splits share out their many columns among threads of more frames, or a group would have too many threads for its registers.
        (int threadRows, int mostThreads) = quads > 16 ? (12, 384) : (8, 512);
        int depth = quads % 4 == 0 ? 16 : quads % 2 == 0 ? 8 : 4;
        (double Cost, Res2Form Form, int Steps) best = (double.PositiveInfinity, default, 0);
        for (int steps = leastSteps; steps <= AllSteps; steps++)
        {
            for (int groupRows = 2 * threadRows; groupRows <= 512; groupRows += 2 * threadRows)
            {
                Res2Form form = new(quads, groupRows, threadRows, depth, dilation);
                int written = form.WrittenRows(steps), launches = DivideUp(AllSteps, steps);
                if (written <= 0 || form.Threads > Math.Min(_threads, mostThreads) || form.SharedQuads * 16 > _sharedBytes)
                    continue;
                // A launch also loads its split and waits for its last group: as much as a third of a step.
                double computed = (AllSteps * (groupRows - ((steps + 1) * dilation))) + (launches * 0.3 * groupRows);
                double cost = Rounds(DivideUp(rows, written), Resident(form.Threads, Registers / mostThreads)) * computed;
                if (cost < best.Cost)
                    best = (cost, form, steps);
            }
        }
        return best;
    }

    private bool Fits(ProductTile tile) => tile.Threads <= _threads && tile.SharedBytes <= _sharedBytes;

    /// <summary>Groups that a multiprocessor works on at once.</summary>
    private static int Resident(int threads, int registers) => Math.Max(1, Registers / (registers * threads));

    /// <summary>Groups that one place of a multiprocessor works through, times the places that share its arithmetic.</summary>
    private double Rounds(long groups, int resident)
    {
        long together = (long)_multiprocessors * resident;
        return (double)((groups + together - 1) / together) * resident;
    }

    private static int DivideUp(int value, int divisor) => (value + divisor - 1) / divisor;
}
