using System.Numerics;
using System.Runtime.InteropServices;

namespace EcapaIlgpu.Scoring;

/// <summary>The cosines of every embedding of one list with every embedding of another: one matrix product, not pair by pair.</summary>
public static class CosineMatrix
{
    /// <summary>Rows of either list that are multiplied with each other while they are in the nearest caches.</summary>
    private const int BlockRows = 64;

    /// <summary>Rows of the lists that are multiplied in registers together: 4 x 2 sums, which fit even 16 registers.</summary>
    private const int TileRows = 4, TileColumns = 2;

    /// <summary>Computes the matrix on all cores.</summary>
    /// <param name="first">Row-major <c>[m, size]</c>.</param>
    /// <param name="second">Row-major <c>[n, size]</c>; may be <paramref name="first"/>.</param>
    /// <param name="size">Length of an embedding.</param>
    /// <param name="cosines">Receives row-major <c>[m, n]</c>, every number in [-1, 1]; embeddings of zeros have cosine 0 with all.</param>
    /// <param name="cancellation">Ends the work early.</param>
    /// <remarks>A cosine depends on its two embeddings alone, to the bit, not on their order or their places in the lists.</remarks>
    /// <exception cref="ArgumentException">Lengths that do not fit.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; part of <paramref name="cosines"/> may be written.</exception>
    public static void Compute(
        ReadOnlySpan<float> first, ReadOnlySpan<float> second, int size, Memory<float> cosines, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        if (first.Length % size != 0 || second.Length % size != 0)
            throw new ArgumentException($"{first.Length} and {second.Length} numbers are not rows of {size}.", nameof(size));
        int m = first.Length / size, n = second.Length / size;
        if (cosines.Length != (long)m * n)
            throw new ArgumentException($"Room for {cosines.Length} of {m} x {n} cosines.", nameof(cosines));

        Vector<float>[] left = UnitRows(first, size, out int rowVectors), right = UnitRows(second, size, out _);
        Parallel.For(0, (m + BlockRows - 1) / BlockRows, new ParallelOptions { CancellationToken = cancellation }, block =>
        {
            int row = block * BlockRows, rows = Math.Min(BlockRows, m - row);
            Span<float> target = cosines.Span.Slice(row * n, rows * n);
            for (int column = 0; column < n; column += BlockRows)
                MultiplyBlock(left, row, rows, right, column, Math.Min(BlockRows, n - column), rowVectors, target, n);
        });
    }

    /// <inheritdoc cref="Compute(ReadOnlySpan{float}, ReadOnlySpan{float}, int, Memory{float}, CancellationToken)"/>
    /// <returns>The cosines, row-major <c>[m, n]</c>.</returns>
    public static float[] Compute(ReadOnlySpan<float> first, ReadOnlySpan<float> second, int size, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        float[] cosines = new float[checked((first.Length / size) * (second.Length / size))];
        Compute(first, second, size, cosines, cancellation);
        return cosines;
    }

    /// <summary>The rows at unit length, each padded with zeros to whole vectors, and zero rows after them up to whole tiles.</summary>
    private static Vector<float>[] UnitRows(ReadOnlySpan<float> rows, int size, out int rowVectors)
    {
        rowVectors = (size + Vector<float>.Count - 1) / Vector<float>.Count;
        int count = rows.Length / size;
        Vector<float>[] unit = new Vector<float>[checked((count + TileRows - 1) / TileRows * TileRows * rowVectors)];
        Span<float> values = MemoryMarshal.Cast<Vector<float>, float>(unit.AsSpan());
        int stride = rowVectors * Vector<float>.Count;
        for (int row = 0; row < count; row++)
            Cosine.Normalize(rows.Slice(row * size, size), values.Slice(row * stride, size));
        return unit;
    }

    private static void MultiplyBlock(
        Vector<float>[] left, int firstRow, int rows, Vector<float>[] right, int firstColumn, int columns, int rowVectors,
        Span<float> cosines, int n)
    {
        Span<float> tile = stackalloc float[TileRows * TileColumns];
        for (int row = 0; row < rows; row += TileRows)
        {
            ReadOnlySpan<Vector<float>> leftRows = left.AsSpan((firstRow + row) * rowVectors, TileRows * rowVectors);
            for (int column = 0; column < columns; column += TileColumns)
            {
                MultiplyTile(leftRows, right.AsSpan((firstColumn + column) * rowVectors, TileColumns * rowVectors), rowVectors, tile);
                for (int i = 0; i < Math.Min(TileRows, rows - row); i++)
                {
                    for (int j = 0; j < Math.Min(TileColumns, columns - column); j++)
                        cosines[((row + i) * n) + firstColumn + column + j] = Math.Clamp(tile[(i * TileColumns) + j], -1, 1);
                }
            }
        }
    }

    private static void MultiplyTile(ReadOnlySpan<Vector<float>> left, ReadOnlySpan<Vector<float>> right, int rowVectors, Span<float> tile)
    {
        ReadOnlySpan<Vector<float>> a0 = left[..rowVectors], a1 = left.Slice(rowVectors, rowVectors);
        ReadOnlySpan<Vector<float>> a2 = left.Slice(2 * rowVectors, rowVectors), a3 = left.Slice(3 * rowVectors, rowVectors);
        ReadOnlySpan<Vector<float>> b0 = right[..rowVectors], b1 = right.Slice(rowVectors, rowVectors);
        Vector<float> s00 = default, s01 = default, s10 = default, s11 = default;
        Vector<float> s20 = default, s21 = default, s30 = default, s31 = default;
        for (int i = 0; i < rowVectors; i++)
        {
            Vector<float> x = b0[i], y = b1[i];
            s00 = Vector.FusedMultiplyAdd(a0[i], x, s00);
            s01 = Vector.FusedMultiplyAdd(a0[i], y, s01);
            s10 = Vector.FusedMultiplyAdd(a1[i], x, s10);
            s11 = Vector.FusedMultiplyAdd(a1[i], y, s11);
            s20 = Vector.FusedMultiplyAdd(a2[i], x, s20);
            s21 = Vector.FusedMultiplyAdd(a2[i], y, s21);
            s30 = Vector.FusedMultiplyAdd(a3[i], x, s30);
            s31 = Vector.FusedMultiplyAdd(a3[i], y, s31);
        }
        tile[0] = Vector.Sum(s00);
        tile[1] = Vector.Sum(s01);
        tile[2] = Vector.Sum(s10);
        tile[3] = Vector.Sum(s11);
        tile[4] = Vector.Sum(s20);
        tile[5] = Vector.Sum(s21);
        tile[6] = Vector.Sum(s30);
        tile[7] = Vector.Sum(s31);
    }
}
