namespace EcapaIlgpu.Kernels;

/// <summary>What tensor cores multiply.</summary>
public enum TensorFormat
{
    /// <summary>Float32 rows and weights that were rounded to tf32 (11 significant bits) when they were stored.</summary>
    Tf32,

    /// <summary>Float32 rows and weights as they are: three products of their tf32 parts, as exact as float32.</summary>
    Tf32x3,

    /// <summary>Rows and weights in bfloat16.</summary>
    Bf16,

    /// <summary>Rows and weights in float16.</summary>
    Half,
}

/// <summary>How a product on tensor cores is cut; constants of the compiled kernel.</summary>
/// <param name="Rows">Rows of a group's tile.</param>
/// <param name="Columns">Columns of a group's tile.</param>
/// <param name="WarpRows">Rows of a warp's part of it: a multiple of 16 that divides <paramref name="Rows"/>.</param>
/// <param name="WarpColumns">Columns of a warp's part: 16, 32, 64 or 128; divides <paramref name="Columns"/>.</param>
/// <param name="WeightParts">Numbers that a weight is the sum of: 2 with <see cref="TensorFormat.Tf32x3"/>, else 1.</param>
public readonly record struct TensorTile(int Rows, int Columns, int WarpRows, int WarpColumns, int WeightParts = 1)
{
    /// <summary>
    /// Bytes of a row (or column) in a slab of depth: two steps of a product. One size for all tiles: with
    /// <see cref="TensorFormat.Tf32x3"/> sums are rounded after so many slabs, and the tile must not change the result.
    /// </summary>
    public const int SlabBytes = 64;

    /// <summary>
    /// Slabs in shared memory: one is multiplied while the others arrive. One number for all tiles: with
    /// <see cref="TensorFormat.Tf32x3"/> so many are summed by tensor cores before their sum is added to the others.
    /// </summary>
    public const int Stages = 4;

    /// <summary>Places of 16 bytes in a row of a slab.</summary>
    public const int SlabChunks = SlabBytes / 16;

    /// <summary>Warps of a group.</summary>
    public int Warps => Rows / WarpRows * (Columns / WarpColumns);

    /// <summary>Threads of a group.</summary>
    public int Threads => 32 * Warps;

    /// <summary>Chunks of 16 bytes of a slab, rows before columns, and of these all first parts before the second.</summary>
    public int StageChunks => (Rows + (WeightParts * Columns)) * SlabChunks;

    /// <summary>
    /// Floats from row to row where a warp turns its sums; eight more than it has columns keep its stores on different banks.
    /// </summary>
    public int TurnedStride => WarpColumns + 8;

    /// <summary>Dynamic shared memory, in chunks of 16 bytes.</summary>
    public int SharedChunks => Math.Max(Stages * StageChunks, Warps * 4 * TurnedStride);
}
