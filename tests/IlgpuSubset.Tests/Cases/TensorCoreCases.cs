using ILGPU.Beyond;
using ILGPU.Runtime;

namespace ILGPU.Tests.Cases;

/// <summary>Products of a warp's 32 lanes, and the copies that feed them.</summary>
/// <remarks>
/// The order and rounding of a product's sums are each device's own: compared with sums in float64 of the rounded operands, the error may
/// be that of as many float32 roundings as there are terms, of numbers of the size of the largest partial sum.
/// </remarks>
internal static class TensorCoreCases
{
    private const int Rows = 16;
    private const int Columns = 8;
    private const int Steps = 3;

    public static IReadOnlyList<CompilerCase> All { get; } =
    [
        new(
            "matrix product of tf32",
            accelerator =>
                Product(
                    accelerator, 8, MultiplyTf32, BitConverter.SingleToInt32Bits, bits => BitConverter.Int32BitsToSingle(bits & ~0x1FFF))),
        new("matrix product of bfloat16", accelerator => Product(
            accelerator, 16, MultiplyBf16, value => BFloat16.ToBits((BFloat16)value), bits => BFloat16.FromBits((ushort)bits))),
        new("matrix product of float16", accelerator => Product(
            accelerator, 16, MultiplyHalf, value => BitConverter.HalfToUInt16Bits((System.Half)value),
            bits => (float)BitConverter.UInt16BitsToHalf((ushort)bits))),
        new("asynchronous copies", Copies),
    ];

    /// <summary>A 16 x 8 tile of a product of some steps of depth, through shared memory, with operands packed by the host.</summary>
    private static void Product(
        Accelerator accelerator, int depth, Action<ArrayView<MatrixRegisters>, ArrayView<MatrixRegisters>, ArrayView<float>> kernel,
        Func<float, int> round, Func<int, float> read)
    {
        if (!WarpMatrix.IsSupported(accelerator))
        {
            Assert.Contains(
                "MatrixLoad", Assert.ThrowsAny<NotSupportedException>(() => accelerator.LoadStreamKernel(kernel)).Message,
                StringComparison.Ordinal);
            return;
        }
        var random = new Random(5);
        int total = depth * Steps;
        float[] a = [.. Enumerable.Range(0, Rows * total).Select(_ => (float)(random.NextDouble() - 0.5) * 8)];
        float[] b = [.. Enumerable.Range(0, Columns * total).Select(_ => (float)(random.NextDouble() - 0.5) * 8)];
        using var rows = accelerator.Allocate1D(Packed(a, depth / 8, round));
        using var columns = accelerator.Allocate1D(Packed(b, depth / 8, round));
        using var sums = accelerator.Allocate1D<float>(2 * Rows * Columns);
        // Two warps, which both compute the whole.
        accelerator.LoadStreamKernel(kernel)((1, 64), rows.View.BaseView, columns.View.BaseView, sums.View.BaseView);
        float[] found = sums.GetAsArray1D();
        for (int i = 0; i < found.Length; i++)
        {
            (int row, int column) = (i / Columns % Rows, i % Columns);
            double expected = 1, size = 1;
            for (int k = 0; k < total; k++)
            {
                double term = (double)read(round(a[(row * total) + k])) * read(round(b[(column * total) + k]));
                (expected, size) = (expected + term, size + Math.Abs(term));
            }
            Assert.True(Math.Abs(expected - found[i]) <= size * 6e-8 * 4, $"[{row}, {column}]: expected {expected}, found {found[i]}");
        }
    }

    /// <summary>Numbers of 32 bits, or two of 16 bits in each register, the first in the lower half.</summary>
    private static MatrixRegisters[] Packed(float[] values, int perRegister, Func<float, int> round)
    {
        int[] words =
            [.. values.Chunk(perRegister).Select(part => part.Select((value, i) => round(value) << (16 * i)).Aggregate((a, b) => a | b))];
        return [.. words.Chunk(4).Select(four => new MatrixRegisters(four[0], four[1], four[2], four[3]))];
    }

    private static void MultiplyTf32(ArrayView<MatrixRegisters> rows, ArrayView<MatrixRegisters> columns, ArrayView<float> sums) =>
        Multiply(rows, columns, sums, 0);

    private static void MultiplyBf16(ArrayView<MatrixRegisters> rows, ArrayView<MatrixRegisters> columns, ArrayView<float> sums) =>
        Multiply(rows, columns, sums, 1);

    private static void MultiplyHalf(ArrayView<MatrixRegisters> rows, ArrayView<MatrixRegisters> columns, ArrayView<float> sums) =>
        Multiply(rows, columns, sums, 2);

    /// <summary>A step of depth is 32 bytes, two chunks of each row and column.</summary>
    private static void Multiply(ArrayView<MatrixRegisters> rows, ArrayView<MatrixRegisters> columns, ArrayView<float> sums, int format)
    {
        const int Chunks = 2 * Steps;
        ArrayView<MatrixRegisters> left = SharedMemory.Allocate<MatrixRegisters>(Rows * Chunks);
        ArrayView<MatrixRegisters> right = SharedMemory.Allocate<MatrixRegisters>(Columns * Chunks);
        for (int i = Group.IdxX; i < Rows * Chunks; i += Group.DimX)
            left[i] = rows[i];
        for (int i = Group.IdxX; i < Columns * Chunks; i += Group.DimX)
            right[i] = columns[i];
        Group.Barrier();
        int lane = Group.IdxX % WarpMatrix.Lanes;
        MatrixSums tile = new(1, 1, 1, 1);
        for (int step = 0; step < Steps; step++)
        {
            MatrixRegisters a = WarpMatrix.Load(ref left[(lane % 16 * Chunks) + (step * 2) + (lane / 16)]);
            // Two matrices of the columns, each twice.
            MatrixRegisters b = WarpMatrix.Load(ref right[(lane % 8 * Chunks) + (step * 2) + (lane / 8 % 2)]);
            tile = format == 0 ? WarpMatrix.MultiplyAddTf32(a, b.R0, b.R1, tile)
                : format == 1 ? WarpMatrix.MultiplyAddBf16(a, b.R2, b.R3, tile)
                : WarpMatrix.MultiplyAddHalf(a, b.R0, b.R3, tile);
        }
        int at = (Group.IdxX / WarpMatrix.Lanes * Rows * Columns) + (lane / 4 * Columns) + (lane % 4 * 2);
        sums[at] = tile.S0;
        sums[at + 1] = tile.S1;
        sums[at + (8 * Columns)] = tile.S2;
        sums[at + (8 * Columns) + 1] = tile.S3;
    }

    /// <summary>
    /// Three groups of copies, of which the last have fewer bytes or none; the threads of the group then read each other's.
    /// </summary>
    private static void Copies(Accelerator accelerator)
    {
        Action<ArrayView<MatrixRegisters>, ArrayView<int>> kernel = CopyKernel;
        if (!WarpMatrix.IsSupported(accelerator))
        {
            Assert.Contains(
                "CopyAsync", Assert.ThrowsAny<NotSupportedException>(() => accelerator.LoadStreamKernel(kernel)).Message,
                StringComparison.Ordinal);
            return;
        }
        int[] numbers = [.. Enumerable.Range(1, 3 * 64 * 4)];
        using var source = accelerator.Allocate1D([.. numbers.Chunk(4).Select(n => new MatrixRegisters(n[0], n[1], n[2], n[3]))]);
        using var target = accelerator.Allocate1D<int>(3 * 64);
        accelerator.LoadStreamKernel(kernel)((1, 64), source.View.BaseView, target.View.BaseView);
        int[] expected = new int[3 * 64];
        for (int thread = 0; thread < 64; thread++)
        {
            int other = 63 - thread;
            expected[thread] = Sum(0, other, 4);
            expected[64 + thread] = Sum(1, other, other % 2 == 0 ? 4 : 2);
            expected[128 + thread] = Sum(2, other, other % 3 == 0 ? 4 : 0);
        }
        CompilerCase.Equal(expected, target.GetAsArray1D());

        int Sum(int group, int chunk, int count) => numbers.Skip(((group * 64) + chunk) * 4).Take(count).Sum();
    }

    private static void CopyKernel(ArrayView<MatrixRegisters> source, ArrayView<int> target)
    {
        ArrayView<MatrixRegisters> shared = SharedMemory.Allocate<MatrixRegisters>(3 * 64);
        int thread = Group.IdxX;
        AsyncCopy.Start(ref shared[thread], ref source[thread], AsyncCopy.Size);
        AsyncCopy.Commit();
        AsyncCopy.Start(ref shared[64 + thread], ref source[64 + thread], thread % 2 == 0 ? 16 : 8);
        AsyncCopy.Commit();
        AsyncCopy.Start(ref shared[128 + thread], ref source[128 + thread], thread % 3 == 0 ? 16 : 0);
        AsyncCopy.Commit();
        AsyncCopy.Wait(2);
        Group.Barrier();
        target[thread] = Sum(shared[63 - thread]);
        AsyncCopy.Wait(0);
        Group.Barrier();
        target[64 + thread] = Sum(shared[127 - thread]);
        target[128 + thread] = Sum(shared[191 - thread]);
    }

    private static int Sum(MatrixRegisters registers) => registers.R0 + registers.R1 + registers.R2 + registers.R3;
}
