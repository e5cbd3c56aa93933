using ILGPU.Runtime;

namespace ILGPU.Tests.Cases;

/// <summary>Barriers, reductions, shuffles: threads that work together.</summary>
internal static class GroupCases
{
    public static IReadOnlyList<CompilerCase> All { get; } =
    [
        CompilerCase.Produce<int>("indices and dimensions", Indices, new KernelConfig(2, 3, 2, 4, 2, 2), Indices),
        CompilerCase.Produce<int>("barrier in a loop", BarrierLoop, (2, 64), i => Enumerable.Range(0, 64).Sum(k => k + i / 64)),
        CompilerCase.Produce<int>("barrier in a loop of unknown bounds", UnknownBoundLoop, (2, 32), i => i % 32 + 5),
        CompilerCase.Produce<int>(
            "barrier under a uniform condition", UniformCondition, (4, 16), i => i / 16 % 2 == 0 ? i / 16 * 16 + 15 - i % 16 : -1),
        CompilerCase.Produce<int>("barrier reductions", BarrierReductions, (2, 64), i => 21 + (i / 64 == 0 ? 100 : 0) + 1000),
        CompilerCase.Produce<float>("group broadcast", GroupBroadcast, (2, 64), i => i / 64 * 64 + 37),
        CompilerCase.Produce<int>("values live across a barrier", LiveAcross, (1, 32), i => i * 3 + (i + 1) % 32),
        CompilerCase.Produce<int>("divergent loop before a barrier", DivergentLoop, (1, 32), i => (31 - i) * (30 - i) / 2 + i),
        new("warp shuffles", Shuffles),
        new("warp reduction by shuffles", WarpReduction),
        new("tiled matrix product", MatrixProduct),
    ];

    private static void Indices(ArrayView<int> y)
    {
        int i = (Grid.LinearIndex * 16) + Group.LinearIndex;
        y[i] = Group.IdxX + Group.IdxY * 10 + Group.IdxZ * 100 + Grid.IdxX * 1000 + Grid.IdxY * 10000 + Grid.IdxZ * 100000
            + Grid.GlobalIndex.X * 1000000 + Group.Dimension.Y * 10000000;
    }

    private static int Indices(int i)
    {
        (int group, int thread) = (i / 16, i % 16);
        (int gx, int gy, int gz) = (group % 2, group / 2 % 3, group / 6);
        (int tx, int ty, int tz) = (thread % 4, thread / 4 % 2, thread / 8);
        return tx + ty * 10 + tz * 100 + gx * 1000 + gy * 10000 + gz * 100000 + (gx * 4 + tx) * 1000000 + 2 * 10000000;
    }

    private static void BarrierLoop(ArrayView<int> y)
    {
        ArrayView<int> sums = SharedMemory.Allocate<int>(64);
        sums[Group.IdxX] = Group.IdxX + Grid.IdxX;
        Group.Barrier();
        for (int step = 32; step > 0; step /= 2)
        {
            if (Group.IdxX < step)
                sums[Group.IdxX] += sums[Group.IdxX + step];
            Group.Barrier();
        }
        y[Grid.GlobalIndex.X] = sums[0];
    }

    private static void UnknownBoundLoop(ArrayView<int> y)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(32);
        shared[Group.IdxX] = Group.IdxX;
        int value = Group.IdxX;
        // The view's length: uniform, but not known to the compiler. 64 elements: 5 rounds.
        for (int round = y.IntLength; round > 2; round /= 2)
        {
            Group.Barrier();
            value = shared[(Group.IdxX + 1) % 32] + 0;
            Group.Barrier();
            shared[Group.IdxX] = value;
        }
        y[Grid.GlobalIndex.X] = value == (Group.IdxX + 5) % 32 ? Group.IdxX + 5 : -1;
    }

    private static void UniformCondition(ArrayView<int> y)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(16);
        int result = -1;
        if (Grid.IdxX % 2 == 0)
        {
            shared[Group.IdxX] = Grid.GlobalIndex.X;
            Group.Barrier();
            result = shared[15 - Group.IdxX];
        }
        y[Grid.GlobalIndex.X] = result;
    }

    private static void BarrierReductions(ArrayView<int> y)
    {
        int count = Group.BarrierPopCount(Group.IdxX % 3 == 1);
        bool all = Group.BarrierAnd(Grid.IdxX == 0 || Group.IdxX > 0);
        bool any = Group.BarrierOr(Group.IdxX == 63);
        y[Grid.GlobalIndex.X] = count + (all ? 100 : 0) + (any ? 1000 : 0);
    }

    private static void GroupBroadcast(ArrayView<float> y) => y[Grid.GlobalIndex.X] = Group.Broadcast((float)Grid.GlobalIndex.X, 37);

    private static void LiveAcross(ArrayView<int> y)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(32);
        int own = Group.IdxX * 3;
        bool odd = Group.IdxX % 2 == 1;
        shared[Group.IdxX] = Group.IdxX;
        Group.Barrier();
        int other = shared[(Group.IdxX + 1) % 32];
        y[Group.IdxX] = odd ? own + other : other + own;
    }

    private static void DivergentLoop(ArrayView<int> y)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(32);
        int sum = 0;
        for (int i = 0; i < Group.IdxX; i++)
            sum += i;
        shared[31 - Group.IdxX] = sum;
        Group.Barrier();
        y[Group.IdxX] = shared[Group.IdxX] + Group.IdxX;
    }

    private static void Shuffles(Accelerator accelerator)
    {
        int warp = accelerator.WarpSize;
        using var target = accelerator.Allocate1D<int>(warp * 4);
        accelerator.LoadStreamKernel<ArrayView<int>>(Kernel)((1, warp), target.View);
        int[] expected = new int[warp * 4];
        for (int i = 0; i < warp; i++)
        {
            expected[i] = (warp - 1) * 3;
            expected[warp + i] = i + 1 < warp ? (i + 1) * 3 : i * 3;
            expected[2 * warp + i] = i >= 1 ? (i - 1) * 3 : 0;
            expected[3 * warp + i] = (warp > 1 ? i ^ 1 : i) * 3;
        }
        CompilerCase.Equal(expected, target.GetAsArray1D());

        static void Kernel(ArrayView<int> y)
        {
            int value = Warp.LaneIdx * 3;
            y[Warp.LaneIdx] = Warp.Shuffle(value, Warp.WarpSize - 1);
            y[Warp.WarpSize + Warp.LaneIdx] = Warp.ShuffleDown(value, 1);
            y[2 * Warp.WarpSize + Warp.LaneIdx] = Warp.ShuffleUp(value, 1);
            y[3 * Warp.WarpSize + Warp.LaneIdx] = Warp.ShuffleXor(value, Warp.WarpSize > 1 ? 1 : 0);
        }
    }

    private static void WarpReduction(Accelerator accelerator)
    {
        int warp = accelerator.WarpSize;
        using var target = accelerator.Allocate1D<float>(warp * 2);
        accelerator.LoadStreamKernel<ArrayView<float>>(Kernel)((1, warp * 2), target.View);
        float sum = Enumerable.Range(0, warp).Sum();
        CompilerCase.Equal(
            [.. Enumerable.Range(0, warp * 2).Select(i => i < warp ? sum : sum + warp * warp)], target.GetAsArray1D());

        static void Kernel(ArrayView<float> y)
        {
            float value = Group.IdxX;
            for (int offset = Warp.WarpSize / 2; offset > 0; offset /= 2)
                value += Warp.ShuffleXor(value, offset);
            y[Warp.WarpIdx * Warp.WarpSize + Warp.LaneIdx] = value;
        }
    }

    private static void MatrixProduct(Accelerator accelerator)
    {
        const int N = 32;
        float[] a = [.. Enumerable.Range(0, N * N).Select(i => (float)(i % 7 - 3))];
        float[] b = [.. Enumerable.Range(0, N * N).Select(i => (float)(i % 5 - 2))];
        using var left = accelerator.Allocate1D(a);
        using var right = accelerator.Allocate1D(b);
        using var product = accelerator.Allocate1D<float>(N * N);
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, SpecializedValue<int>>(TiledProduct)(
            (new Index2D(N / 8, N / 8), new Index2D(8, 8)), left.View, right.View, product.View, SpecializedValue.New(N));
        float[] expected = new float[N * N];
        for (int row = 0; row < N; row++)
        {
            for (int column = 0; column < N; column++)
                expected[row * N + column] = Enumerable.Range(0, N).Sum(k => a[row * N + k] * b[k * N + column]);
        }
        CompilerCase.Equal(expected, product.GetAsArray1D());
    }

    private static void TiledProduct(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, SpecializedValue<int> size)
    {
        ArrayView<float> tileA = SharedMemory.Allocate<float>(64);
        ArrayView<float> tileB = SharedMemory.Allocate<float>(64);
        int row = Grid.IdxY * 8 + Group.IdxY;
        int column = Grid.IdxX * 8 + Group.IdxX;
        float sum = 0;
        for (int k0 = 0; k0 < size; k0 += 8)
        {
            tileA[Group.IdxY * 8 + Group.IdxX] = a[row * size + k0 + Group.IdxX];
            tileB[Group.IdxY * 8 + Group.IdxX] = b[(k0 + Group.IdxY) * size + column];
            Group.Barrier();
            for (int k = 0; k < 8; k++)
                sum += tileA[Group.IdxY * 8 + k] * tileB[k * 8 + Group.IdxX];
            Group.Barrier();
        }
        c[row * size + column] = sum;
    }
}
