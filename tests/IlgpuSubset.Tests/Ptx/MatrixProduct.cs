using ILGPU.Runtime;

namespace ILGPU.Tests.Ptx;

/// <summary>
/// A register-tiled matrix product, as the convolutions are: tiles of 64 rows by 64 columns by 16 deep in shared memory, 64 threads with 8
/// by 8 sums each, all accesses 16 bytes wide. Matrices are row-major; sizes are multiples of the tile.
/// </summary>
internal static class MatrixProduct
{
    public const int Tile = 64;
    public const int Threads = 64;
    private const int Depth = 16;
    private const int Sums = 8;

    public struct Float4
    {
        public float X, Y, Z, W;
    }

    public static KernelConfig Shape(int m, int n) => new(new Index2D(n / Tile, m / Tile), new Index2D(Threads, 1));

    /// <summary>C = A B with A given as its transpose.</summary>
    public static void Kernel(ArrayView<Float4> aTransposed, ArrayView<Float4> b, ArrayView<Float4> c, int m, int n, int k)
    {
        ArrayView<Float4> tileA = SharedMemory.Allocate<Float4>(Depth * Tile / 4);
        ArrayView<Float4> tileB = SharedMemory.Allocate<Float4>(Depth * Tile / 4);
        ArrayView<float> sums = LocalMemory.Allocate<float>(Sums * Sums);
        for (int i = 0; i < Sums * Sums; i++)
            sums[i] = 0;
        int thread = Group.IdxX;
        int row = thread / 8, column = thread % 8;
        for (int start = 0; start < k; start += Depth)
        {
            for (int i = 0; i < Depth * Tile / 4 / Threads; i++)
            {
                int element = i * Threads + thread;
                int depth = element / (Tile / 4), across = element % (Tile / 4);
                tileA[element] = aTransposed[(start + depth) * (m / 4) + Grid.IdxY * (Tile / 4) + across];
                tileB[element] = b[(start + depth) * (n / 4) + Grid.IdxX * (Tile / 4) + across];
            }
            Group.Barrier();
            for (int depth = 0; depth < Depth; depth++)
            {
                Float4 a0 = tileA[depth * (Tile / 4) + row], a1 = tileA[depth * (Tile / 4) + row + 8];
                Float4 b0 = tileB[depth * (Tile / 4) + column], b1 = tileB[depth * (Tile / 4) + column + 8];
                Row(sums, 0, a0.X, b0, b1);
                Row(sums, 1, a0.Y, b0, b1);
                Row(sums, 2, a0.Z, b0, b1);
                Row(sums, 3, a0.W, b0, b1);
                Row(sums, 4, a1.X, b0, b1);
                Row(sums, 5, a1.Y, b0, b1);
                Row(sums, 6, a1.Z, b0, b1);
                Row(sums, 7, a1.W, b0, b1);
            }
            Group.Barrier();
        }
        for (int i = 0; i < Sums; i++)
        {
            int line = Grid.IdxY * Tile + (i / 4 * 8 + row) * 4 + i % 4;
            int at = line * (n / 4) + Grid.IdxX * (Tile / 4) + column;
            c[at] = new Float4 { X = sums[i * Sums], Y = sums[i * Sums + 1], Z = sums[i * Sums + 2], W = sums[i * Sums + 3] };
            c[at + 8] = new Float4 { X = sums[i * Sums + 4], Y = sums[i * Sums + 5], Z = sums[i * Sums + 6], W = sums[i * Sums + 7] };
        }
    }

    private static void Row(ArrayView<float> sums, int row, float a, Float4 b0, Float4 b1)
    {
        int at = row * Sums;
        sums[at] += a * b0.X;
        sums[at + 1] += a * b0.Y;
        sums[at + 2] += a * b0.Z;
        sums[at + 3] += a * b0.W;
        sums[at + 4] += a * b1.X;
        sums[at + 5] += a * b1.Y;
        sums[at + 6] += a * b1.Z;
        sums[at + 7] += a * b1.W;
    }

    /// <summary>The same on the host, each sum in the order of the kernel.</summary>
    public static float[] Expected(float[] aTransposed, float[] b, int m, int n, int k)
    {
        float[] c = new float[m * n];
        for (int row = 0; row < m; row++)
        {
            for (int depth = 0; depth < k; depth++)
            {
                for (int column = 0; column < n; column++)
                    c[row * n + column] = MathF.FusedMultiplyAdd(aTransposed[depth * m + row], b[depth * n + column], c[row * n + column]);
            }
        }
        return c;
    }

    /// <summary>Runs it on random matrices and returns what came out and what should.</summary>
    public static (float[] Actual, float[] Expected) Run(Accelerator accelerator, int m, int n, int k)
    {
        var random = new Random(17);
        float[] a = [.. Enumerable.Range(0, m * k).Select(_ => random.NextSingle() - 0.5f)];
        float[] b = [.. Enumerable.Range(0, n * k).Select(_ => random.NextSingle() - 0.5f)];
        using var deviceA = accelerator.Allocate1D(a);
        using var deviceB = accelerator.Allocate1D(b);
        using var deviceC = accelerator.Allocate1D<float>(m * n);
        accelerator.LoadStreamKernel<ArrayView<Float4>, ArrayView<Float4>, ArrayView<Float4>, int, int, int>(Kernel)(
            Shape(m, n), deviceA.View.BaseView.Cast<Float4>(), deviceB.View.BaseView.Cast<Float4>(), deviceC.View.BaseView.Cast<Float4>(),
            m, n, k);
        return (deviceC.GetAsArray1D(), Expected(a, b, m, n, k));
    }
}
