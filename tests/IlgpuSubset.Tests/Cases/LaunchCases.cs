using ILGPU.Runtime;

namespace ILGPU.Tests.Cases;

/// <summary>Ways to load and launch.</summary>
internal static class LaunchCases
{
    public static IReadOnlyList<CompilerCase> All { get; } =
    [
        new("auto-grouped along a line", Line),
        new("auto-grouped in a plane", Plane),
        new("auto-grouped over nothing", Nothing),
        new("explicit stream", ExplicitStream),
        new("fourteen parameters", Fourteen),
        new("promised group size", Promised),
        new("lambda", Lambda),
        new("several groups in three dimensions", Volume),
        new("scalars of all types", Scalars),
    ];

    private static void Line(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<int>(1000);
        target.View.MemSetToZero();
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<int>, int>(Kernel)(990, target.View, 5);
        CompilerCase.Equal([.. Enumerable.Range(0, 1000).Select(i => i < 990 ? i + 5 : 0)], target.GetAsArray1D());

        static void Kernel(Index1D index, ArrayView<int> y, int add) => y[index] = index + add;
    }

    private static void Plane(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<int>(35);
        accelerator.LoadAutoGroupedStreamKernel<Index2D, ArrayView<int>>(Kernel)(new Index2D(7, 5), target.View);
        CompilerCase.Equal([.. Enumerable.Range(0, 35).Select(i => i % 7 * 100 + i / 7)], target.GetAsArray1D());

        static void Kernel(Index2D index, ArrayView<int> y) => y[index.Y * 7 + index.X] = index.X * 100 + index.Y;
    }

    private static void Nothing(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<int>([3]);
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<int>>((i, y) => y[i] = 1)(0, target.View);
        CompilerCase.Equal([3], target.GetAsArray1D());
    }

    private static void ExplicitStream(Accelerator accelerator)
    {
        using AcceleratorStream stream = accelerator.CreateStream();
        using var target = accelerator.Allocate1D<int>(8);
        accelerator.LoadKernel<ArrayView<int>>(y => y[Group.IdxX] = Group.DimX)(stream, (1, 8), target.View);
        CompilerCase.Equal([.. Enumerable.Repeat(8, 8)], target.GetAsArray1D(stream));
    }

    private static void Fourteen(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<int>(1);
        accelerator.LoadStreamKernel<int, int, int, int, int, int, int, int, int, int, int, int, int, ArrayView<int>>(Kernel)(
            (1, 1), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, target.View);
        CompilerCase.Equal([1 + 4 + 9 + 91], target.GetAsArray1D());

        static void Kernel(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l, int m, ArrayView<int> y) =>
            y[0] = a + b * 2 + c * 3 + (a + b + c + d + e + f + g + h + i + j + k + l + m);
    }

    private static void Promised(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<int>(8);
        var kernel = accelerator.LoadStreamKernel<ArrayView<int>>(y => y[Group.IdxX] = 1, new KernelSpecialization(8, 1));
        kernel((1, 8), target.View);
        CompilerCase.Equal([.. Enumerable.Repeat(1, 8)], target.GetAsArray1D());
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel((1, 9), target.View));
    }

    private static void Lambda(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<float>(4);
        accelerator.LoadStreamKernel<ArrayView<float>, float>((y, x) => y[Group.IdxX] = x * Group.IdxX)((1, 4), target.View, 1.5f);
        CompilerCase.Equal([0f, 1.5f, 3f, 4.5f], target.GetAsArray1D());
    }

    private static void Volume(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<int>(2 * 3 * 2 * 8);
        accelerator.LoadStreamKernel<ArrayView<int>>(Kernel)((new Index3D(2, 3, 2), new Index3D(8, 1, 1)), target.View);
        CompilerCase.Equal([.. Enumerable.Range(0, 96)], target.GetAsArray1D());

        static void Kernel(ArrayView<int> y) => y[Grid.GlobalLinearIndex] = Grid.GlobalLinearIndex;
    }

    private static void Scalars(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<double>(1);
        accelerator.LoadStreamKernel<ArrayView<double>, bool, sbyte, byte, short, ushort, uint, long, ulong, float, double, char>(Kernel)(
            (1, 1), target.View, true, -1, 255, -300, 60000, 4000000000, -5000000000, 1UL << 40, 0.5f, 0.25, 'a');
        CompilerCase.Equal([1 - 1 + 255 - 300 + 60000 + 4000000000.0 - 5000000000.0 + (1L << 40) + 0.75 + 'a'], target.GetAsArray1D());

        static void Kernel(
            ArrayView<double> y, bool a, sbyte b, byte c, short d, ushort e, uint f, long g, ulong h, float i, double j, char k) =>
            y[0] = (a ? 1 : 0) + b + c + d + e + (double)f + g + h + i + j + k;
    }
}
