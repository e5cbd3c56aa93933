using EcapaIlgpu.Features;

namespace EcapaIlgpu.Tests.Features;

public class TranspositionTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 4)]
    [InlineData(3, 9)]
    [InlineData(33, 160)]
    [InlineData(80, 7)]
    public unsafe void Swaps_rows_and_columns_and_touches_nothing_else(int rows, int columns)
    {
        int sourceStride = columns + 3, targetStride = rows + 2;
        float[] source = [.. Enumerable.Range(1, rows * sourceStride).Select(i => (float)i)];
        float[] target = new float[columns * targetStride];
        fixed (float* from = source)
        fixed (float* to = target)
            Transposition.Transpose(from, sourceStride, rows, columns, to, targetStride);
        for (int i = 0; i < target.Length; i++)
        {
            (int column, int row) = (i / targetStride, i % targetStride);
            Assert.Equal(row < rows ? source[(row * sourceStride) + column] : 0, target[i]);
        }
    }
}
