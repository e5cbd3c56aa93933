using ILGPU.Runtime;

namespace ILGPU.Tests.Cases;

/// <summary>Views, local and shared memory, atomics.</summary>
internal static class MemoryCases
{
    public static IReadOnlyList<CompilerCase> All { get; } =
    [
        CompilerCase.Map("local array in registers", LocalArray, [1f, 2f, 3f], x => x * 28),
        CompilerCase.Map("local array with dynamic index", DynamicLocalArray, [0, 1, 2, 3, 6], x => (x + 3) % 8 * 10),
        CompilerCase.Map("local array of structures", LocalStructures, [1f, 2f], x => 10 * x + 6),
        CompilerCase.Produce<float>(
            "register tile", RegisterTile, (1, 8), i => Enumerable.Range(0, 16).Sum(k => (i + k / 4) * (float)(k % 4 + 1))),
        CompilerCase.Produce<int>("sub-view", SubViews, (1, 8), i => i < 4 ? 0 : (i - 4) * 10 + 4),
        CompilerCase.Produce<int>("view chosen by a condition", ChosenView, (1, 8), i => i % 2 == 0 ? i / 2 + 1 : 0),
        CompilerCase.Produce<int>("static shared memory", StaticShared, (3, 32), i => i / 32 * 32 + 31 - i % 32),
        CompilerCase.Produce<int>("one shared element", SharedElement, (2, 8), i => i / 8 * 8 + 5),
        CompilerCase.Produce<float>("views of several kinds in shared memory", TwoShared, (1, 16), i => i * 2f + (15 - i)),
        CompilerCase.Produce<int>("view parameter of a called method", PassedView, (1, 8), i => i * 3),
        CompilerCase.Produce<long>("64-bit index and lengths", LongIndex, (1, 4), i => i * 4L),
        new("wide loads by cast", WideLoads),
        new("wide shared accesses", WideShared),
        new("dynamic shared memory", DynamicShared),
        new("atomics on integers", IntegerAtomics),
        new("atomic add of floats", FloatAtomics),
        new("exchange and compare-exchange", Exchanges),
        new("shared atomics", SharedAtomics),
        new("views from the middle of a buffer", OffsetViews),
        new("copies and clears", Copies),
        new("page-locked copies", PageLocked),
        new("half elements", Halves),
    ];

    private static void LocalArray(ArrayView<float> x, ArrayView<float> y)
    {
        ArrayView<float> parts = LocalMemory.Allocate<float>(8);
        for (int i = 0; i < 8; i++)
            parts[i] = x[Group.IdxX] * i;
        float sum = 0;
        for (int i = 7; i >= 0; i--)
            sum += parts[i];
        y[Group.IdxX] = sum;
    }

    private static void DynamicLocalArray(ArrayView<int> x, ArrayView<int> y)
    {
        ArrayView<int> parts = LocalMemory.Allocate<int>(8);
        for (int i = 0; i < 8; i++)
            parts[i] = i * 10;
        y[Group.IdxX] = parts[(x[Group.IdxX] + 3) % 8];
    }

    private static void LocalStructures(ArrayView<float> x, ArrayView<float> y)
    {
        ArrayView<StructureCases.Pair> pairs = LocalMemory.Allocate<StructureCases.Pair>(4);
        for (int i = 0; i < 4; i++)
            pairs[i] = new StructureCases.Pair(i, x[Group.IdxX] * (i + 1));
        float sum = 0;
        for (int i = 0; i < 4; i++)
            sum += pairs[i].Weight + pairs[i].Count;
        y[Group.IdxX] = sum;
    }

    private static void RegisterTile(ArrayView<float> y)
    {
        ArrayView<float> accumulators = LocalMemory.Allocate<float>(16);
        ArrayView<float> rows = LocalMemory.Allocate<float>(4);
        ArrayView<float> columns = LocalMemory.Allocate<float>(4);
        for (int i = 0; i < 16; i++)
            accumulators[i] = 0;
        for (int i = 0; i < 4; i++)
        {
            rows[i] = Group.IdxX + i;
            columns[i] = i + 1;
        }
        for (int i = 0; i < 4; i++)
        {
            for (int j = 0; j < 4; j++)
                accumulators[i * 4 + j] += rows[i] * columns[j];
        }
        float sum = 0;
        for (int i = 0; i < 16; i++)
            sum += accumulators[i];
        y[Group.IdxX] = sum;
    }

    private static void SubViews(ArrayView<int> y)
    {
        ArrayView<int> tail = y.SubView(4, 4);
        if (Group.IdxX < tail.IntLength)
            tail[Group.IdxX] = Group.IdxX * 10 + tail.IntLength;
    }

    private static void ChosenView(ArrayView<int> y)
    {
        ArrayView<int> first = y.SubView(0, 4);
        ArrayView<int> chosen = Group.IdxX < 4 ? first : y.SubView(4, 4);
        if (Group.IdxX % 4 % 2 == 0)
            chosen[Group.IdxX % 4] = Group.IdxX / 2 + 1;
    }

    private static void StaticShared(ArrayView<int> y)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(32);
        shared[Group.IdxX] = Grid.GlobalIndex.X;
        Group.Barrier();
        y[Grid.GlobalIndex.X] = shared[31 - Group.IdxX];
    }

    private static void SharedElement(ArrayView<int> y)
    {
        ref int shared = ref SharedMemory.Allocate<int>();
        if (Group.IdxX == 5)
            shared = Grid.GlobalIndex.X;
        Group.Barrier();
        y[Grid.GlobalIndex.X] = shared;
    }

    private static void TwoShared(ArrayView<float> y)
    {
        var a = SharedMemory.Allocate1D<float>(16);
        ArrayView<byte> b = SharedMemory.Allocate<byte>(16);
        a[Group.IdxX] = Group.IdxX * 2;
        b[15 - Group.IdxX] = (byte)Group.IdxX;
        Group.Barrier();
        y[Group.IdxX] = a[Group.IdxX] + b[Group.IdxX];
    }

    private static void PassedView(ArrayView<int> y) => Fill(y, Group.IdxX, 3);

    private static void Fill(ArrayView<int> view, int index, int factor) => view[index] = index * factor;

    private static void LongIndex(ArrayView<long> y)
    {
        long index = Group.IdxX;
        y[index] = index * y.Length;
    }

    private static void WideLoads(Accelerator accelerator)
    {
        float[] data = [.. Enumerable.Range(0, 32).Select(i => (float)i)];
        using var source = accelerator.Allocate1D(data);
        using var target = accelerator.Allocate1D<float>(32);
        accelerator.LoadStreamKernel<ArrayView1D<float, Stride1D.Dense>, ArrayView1D<float, Stride1D.Dense>>(Kernel)(
            (1, 8), source.View, target.View);
        CompilerCase.Equal([.. data.Select((v, i) => data[i / 4 * 4 + 3 - i % 4] * 2)], target.GetAsArray1D());

        static void Kernel(ArrayView1D<float, Stride1D.Dense> x, ArrayView1D<float, Stride1D.Dense> y)
        {
            ArrayView<StructureCases.Float4> wide = x.BaseView.Cast<StructureCases.Float4>();
            StructureCases.Float4 v = wide[Group.IdxX];
            y.Cast<float, StructureCases.Float4>()[Group.IdxX] = new StructureCases.Float4(v.W * 2, v.Z * 2, v.Y * 2, v.X * 2);
        }
    }

    private static void WideShared(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<float>(16);
        accelerator.LoadStreamKernel<ArrayView<float>>(Kernel)((1, 16), target.View);
        CompilerCase.Equal([.. Enumerable.Range(0, 16).Select(i => (float)(i / 4 * 16 + 6))], target.GetAsArray1D());

        static void Kernel(ArrayView<float> y)
        {
            ArrayView<float> shared = SharedMemory.Allocate<float>(16);
            shared[Group.IdxX] = Group.IdxX;
            Group.Barrier();
            StructureCases.Float4 v = shared.Cast<StructureCases.Float4>()[Group.IdxX / 4];
            y[Group.IdxX] = v.X + v.Y + v.Z + v.W;
        }
    }

    private static void DynamicShared(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<int>(16);
        accelerator.LoadStreamKernel<ArrayView<int>>(Kernel)((1, 16, SharedMemoryConfig.RequestDynamic<int>(16)), target.View);
        CompilerCase.Equal([.. Enumerable.Range(0, 16).Select(i => 15 - i + 16 + 100)], target.GetAsArray1D());

        static void Kernel(ArrayView<int> y)
        {
            ArrayView<int> fixedSize = SharedMemory.Allocate<int>(3);
            ArrayView<int> shared = SharedMemory.GetDynamic<int>();
            shared[Group.IdxX] = Group.IdxX;
            if (Group.IdxX == 0)
                fixedSize[2] = 100;
            Group.Barrier();
            y[Group.IdxX] = shared[15 - Group.IdxX] + shared.IntLength + fixedSize[2];
        }
    }

    private static void IntegerAtomics(Accelerator accelerator)
    {
        using var cells = accelerator.Allocate1D<int>([0, int.MinValue, int.MaxValue]);
        using var unsigned = accelerator.Allocate1D<uint>([0u]);
        accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<uint>>(Kernel)((4, 32), cells.View, unsigned.View);
        CompilerCase.Equal([128 * 127 / 2, 100, -27], cells.GetAsArray1D());
        CompilerCase.Equal([0xFFFFFFFFu], unsigned.GetAsArray1D());

        static void Kernel(ArrayView<int> cells, ArrayView<uint> unsigned)
        {
            int i = Grid.GlobalIndex.X;
            Atomic.Add(ref cells[0], i);
            Atomic.Max(ref cells[1], 100 - i);
            Atomic.Min(ref cells[2], 100 - i);
            Atomic.Max(ref unsigned[0], uint.MaxValue - (uint)i);
        }
    }

    private static void FloatAtomics(Accelerator accelerator)
    {
        using var cells = accelerator.Allocate1D<float>([0f]);
        accelerator.LoadStreamKernel<ArrayView<float>>(cells => Atomic.Add(ref cells[0], 0.5f))((2, 32), cells.View);
        CompilerCase.Equal([32f], cells.GetAsArray1D());
    }

    private static void Exchanges(Accelerator accelerator)
    {
        using var cells = accelerator.Allocate1D<int>([7, 5, 5]);
        using var before = accelerator.Allocate1D<int>(3);
        accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<int>>(Kernel)((1, 1), cells.View, before.View);
        CompilerCase.Equal([9, 6, 5], cells.GetAsArray1D());
        CompilerCase.Equal([7, 5, 5], before.GetAsArray1D());

        static void Kernel(ArrayView<int> cells, ArrayView<int> before)
        {
            before[0] = Atomic.Exchange(ref cells[0], 9);
            before[1] = Atomic.CompareExchange(ref cells[1], 5, 6);
            before[2] = Atomic.CompareExchange(ref cells[2], 4, 6);
        }
    }

    private static void SharedAtomics(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<int>(2);
        accelerator.LoadStreamKernel<ArrayView<int>>(Kernel)((2, 64), target.View);
        CompilerCase.Equal([64 * 3, 64 * 3], target.GetAsArray1D());

        static void Kernel(ArrayView<int> y)
        {
            ref int count = ref SharedMemory.Allocate<int>();
            if (Group.IsFirstThread)
                count = 0;
            Group.Barrier();
            Atomic.Add(ref count, 3);
            Group.Barrier();
            if (Group.IsFirstThread)
                y[Grid.IdxX] = count;
        }
    }

    private static void OffsetViews(Accelerator accelerator)
    {
        using var buffer = accelerator.Allocate1D<int>([0, 1, 2, 3, 4, 5, 6, 7]);
        accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<int>>((x, y) => y[Group.IdxX] += x[Group.IdxX])(
            (1, 3), buffer.View.SubView(1, 3), buffer.View.SubView(5, 3).BaseView);
        CompilerCase.Equal([0, 1, 2, 3, 4, 6, 8, 10], buffer.GetAsArray1D());
    }

    private static void Copies(Accelerator accelerator)
    {
        using AcceleratorStream stream = accelerator.CreateStream();
        using var a = accelerator.Allocate1D<int>([1, 2, 3, 4, 5, 6]);
        using var b = accelerator.Allocate1D<int>(6);
        b.View.MemSetToZero(stream);
        a.View.SubView(1, 2).CopyTo(stream, b.View.SubView(3, 2));
        b.View.SubView(0, 2).CopyFromCPU(stream, [8, 9]);
        stream.Synchronize();
        CompilerCase.Equal([8, 9, 0, 2, 3, 0], b.GetAsArray1D());
        int[] part = new int[3];
        b.View.SubView(2, 3).CopyToCPU(part);
        CompilerCase.Equal([0, 2, 3], part);
    }

    private static void PageLocked(Accelerator accelerator)
    {
        using AcceleratorStream stream = accelerator.CreateStream();
        using PageLockedArray1D<int> host = accelerator.AllocatePageLocked1D<int>(4);
        using var device = accelerator.Allocate1D<int>(4);
        for (int i = 0; i < 4; i++)
            host[i] = i * i;
        device.View.CopyFromPageLockedAsync(stream, host);
        var kernel = accelerator.LoadKernel<ArrayView<int>>(x => x[Group.IdxX] += 1);
        kernel(stream, (1, 4), device.View);
        device.View.CopyToPageLockedAsync(stream, host);
        stream.Synchronize();
        CompilerCase.Equal([1, 2, 5, 10], host.GetArray());
    }

    private static void Halves(Accelerator accelerator)
    {
        Half[] data = [(Half)1.5f, (Half)(-3f), (Half)0.1f];
        using var source = accelerator.Allocate1D(data);
        using var target = accelerator.Allocate1D<Half>(3);
        accelerator.LoadStreamKernel<ArrayView<Half>, ArrayView<Half>>((x, y) => y[Group.IdxX] = (Half)(x[Group.IdxX] * 3f))(
            (1, 3), source.View, target.View);
        CompilerCase.Equal([.. data.Select(h => (Half)(h * 3f))], target.GetAsArray1D());
    }
}
