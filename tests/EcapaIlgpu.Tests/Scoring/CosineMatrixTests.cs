using EcapaIlgpu.Scoring;

namespace EcapaIlgpu.Tests.Scoring;

public class CosineMatrixTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(3, 5, 7)]
    [InlineData(64, 64, 192)]
    [InlineData(65, 131, 24)]
    [InlineData(7, 129, 193)]
    public void Holds_the_cosine_of_every_pair(int m, int n, int size)
    {
        float[] first = CosineTests.Values(m * size, 1), second = CosineTests.Values(n * size, 2);
        float[] cosines = CosineMatrix.Compute(first, second, size);
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
                Assert.Equal(Cosine.Similarity(first.AsSpan(i * size, size), second.AsSpan(j * size, size)), cosines[(i * n) + j], 2e-6);
        }
    }

    [Fact]
    public void A_pair_has_the_same_bits_in_any_order_and_place()
    {
        const int Rows = 70, Size = 50;
        float[] rows = CosineTests.Values(Rows * Size, 5);
        float[] cosines = CosineMatrix.Compute(rows, rows, Size);
        for (int i = 0; i < Rows; i++)
        {
            for (int j = 0; j < Rows; j++)
            {
                Assert.Equal(cosines[(i * Rows) + j], cosines[(j * Rows) + i]);
                float[] alone = CosineMatrix.Compute(rows.AsSpan(i * Size, Size), rows.AsSpan(j * Size, Size), Size);
                Assert.Equal([cosines[(i * Rows) + j]], alone);
            }
        }
    }

    [Fact]
    public void Rows_of_zeros_have_cosine_zero_and_no_rows_give_nothing()
    {
        Assert.Equal([0f, 0f], CosineMatrix.Compute([0, 0], [1, 2, 0, 0], 2));
        Assert.Empty(CosineMatrix.Compute([], [1, 2], 2));
        Assert.Empty(CosineMatrix.Compute([1, 2], [], 2));
    }

    [Fact]
    public void Lengths_that_do_not_fit_are_refused_and_cancellation_is_heard()
    {
        Assert.Throws<ArgumentException>(() => CosineMatrix.Compute([1, 2, 3], [1, 2], 2));
        Assert.Throws<ArgumentException>(() => CosineMatrix.Compute([1, 2], [1, 2], 2, new float[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => CosineMatrix.Compute([1, 2], [1, 2], 0));
        Assert.ThrowsAny<OperationCanceledException>(() => CosineMatrix.Compute([1, 2], [1, 2], 2, new CancellationToken(true)));
    }
}
