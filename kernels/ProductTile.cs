namespace EcapaIlgpu.Kernels;

/// <summary>
/// How a group of threads cuts a matrix product: constants of the compiled kernel. No choice changes a bit of the result.
/// </summary>
/// <param name="Rows">Frames of a group's tile: 32, or a multiple.</param>
/// <param name="Columns">Output channels of a group's tile.</param>
/// <param name="Depth">Input channels that are in shared memory at a time: 16, or 8.</param>
/// <param name="ThreadRows">Frames of one thread, a multiple of 4; <c>Rows / ThreadRows</c> is a multiple of 8.</param>
/// <param name="ThreadColumns">Output channels of one thread, a multiple of 4; <c>Columns / ThreadColumns</c> is a multiple of 8.</param>
public readonly record struct ProductTile(int Rows, int Columns, int Depth, int ThreadRows, int ThreadColumns)
{
    /// <summary>Threads side by side on the rows.</summary>
    public int RowThreads => Rows / ThreadRows;

    /// <summary>Threads side by side on the columns.</summary>
    public int ColumnThreads => Columns / ThreadColumns;

    /// <summary>Threads of a group.</summary>
    public int Threads => RowThreads * ColumnThreads;

    /// <summary>Quads of rows that a thread brings to shared memory at a time.</summary>
    public int RowLoads => Rows * (Depth / 4) / Threads;

    /// <summary>Shared memory of the two buffers of both operands, in quads.</summary>
    public int SharedQuads => 2 * Depth * (Rows + Columns) / 4;

    /// <summary>Shared memory of the two buffers of both operands, in bytes.</summary>
    public int SharedBytes => 4 * SharedQuads * sizeof(float);
}
