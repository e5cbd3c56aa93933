using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace EcapaIlgpu.Features;

/// <summary>Transposition of small matrices, by blocks of 4 x 4 that are turned in registers.</summary>
internal static unsafe class Transposition
{
    private const int Block = 4;

    /// <summary><c>target[column][row] = source[row][column]</c>.</summary>
    /// <param name="source">The matrix, row-major.</param>
    /// <param name="sourceStride">From one of its rows to the next, in floats.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="target">The transposed matrix, row-major; other memory.</param>
    /// <param name="targetStride">From one of its rows to the next, in floats.</param>
    public static void Transpose(float* source, int sourceStride, int rows, int columns, float* target, int targetStride)
    {
        int blockRows = rows & -Block, blockColumns = columns & -Block;
        for (int row = 0; row < blockRows; row += Block)
        {
            for (int column = 0; column < blockColumns; column += Block)
                TransposeBlock(source + (row * sourceStride) + column, sourceStride, target + (column * targetStride) + row, targetStride);
            TransposeSingly(source, sourceStride, row, row + Block, blockColumns, columns, target, targetStride);
        }
        TransposeSingly(source, sourceStride, blockRows, rows, 0, columns, target, targetStride);
    }

    private static void TransposeSingly(
        float* source, int sourceStride, int firstRow, int endRow, int firstColumn, int endColumn, float* target, int targetStride)
    {
        for (int row = firstRow; row < endRow; row++)
        {
            for (int column = firstColumn; column < endColumn; column++)
                target[(column * targetStride) + row] = source[(row * sourceStride) + column];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeBlock(float* source, int sourceStride, float* target, int targetStride)
    {
        Vector128<float> row0 = Vector128.Load(source), row1 = Vector128.Load(source + sourceStride);
        Vector128<float> row2 = Vector128.Load(source + (2 * sourceStride)), row3 = Vector128.Load(source + (3 * sourceStride));
        Vector128<float> even01 = ZipLow(row0, row2), even23 = ZipHigh(row0, row2), odd01 = ZipLow(row1, row3), odd23 = ZipHigh(row1, row3);
        ZipLow(even01, odd01).Store(target);
        ZipHigh(even01, odd01).Store(target + targetStride);
        ZipLow(even23, odd23).Store(target + (2 * targetStride));
        ZipHigh(even23, odd23).Store(target + (3 * targetStride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ZipLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ZipHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);
}
