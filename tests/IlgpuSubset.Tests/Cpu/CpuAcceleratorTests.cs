using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace ILGPU.Tests.Cpu;

/// <summary>The CPU accelerator as its users see it: faults, checks, launches from many threads, disposal, profiling.</summary>
public class CpuAcceleratorTests
{
    [Fact]
    public void Checked_kernels_name_kernel_view_index_length_and_line()
    {
        using Context context = Context.Create(builder => builder.CPU().Assertions());
        using Accelerator accelerator = context.GetCPUDevice(0).CreateAccelerator(context);
        using var values = accelerator.Allocate1D<float>(100);
        Action<KernelConfig, ArrayView<float>> kernel = accelerator.LoadStreamKernel<ArrayView<float>>(Fill);

        var exception = Assert.Throws<IndexOutOfRangeException>(() => kernel((2, 64), values.View));

        Assert.Contains(nameof(Fill), exception.Message);
        Assert.Contains("values", exception.Message);
        Assert.Contains("100 elements", exception.Message);
        Assert.Matches(@"index 1(0\d|1\d|2[0-7]) ", exception.Message);
        Assert.Contains("CpuAcceleratorTests.cs:", exception.Message);
        // The accelerator goes on.
        kernel((1, 100), values.View);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (float)i), values.GetAsArray1D());
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(100)]
    [InlineData(int.MaxValue)]
    public void Checked_kernels_find_a_single_lane_outside(int index)
    {
        using Context context = Context.Create(builder => builder.CPU().Assertions());
        using Accelerator accelerator = context.GetCPUDevice(0).CreateAccelerator(context);
        using var values = accelerator.Allocate1D<float>(100);
        int[] places = [.. Enumerable.Range(0, 40)];
        places[21] = index;
        using var indices = accelerator.Allocate1D(places);
        Action<KernelConfig, ArrayView<int>, ArrayView<float>> kernel = accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<float>>(
            Scatter);

        var exception = Assert.Throws<IndexOutOfRangeException>(() => kernel((1, 40), indices.View, values.View));

        Assert.Contains($"index {index} of ", exception.Message);
        Assert.Contains("values", exception.Message);
    }

    [Fact]
    public void Checked_kernels_ignore_what_inactive_lanes_would_access()
    {
        using Context context = Context.Create(builder => builder.CPU().Assertions());
        using Accelerator accelerator = context.GetCPUDevice(0).CreateAccelerator(context);
        using var values = accelerator.Allocate1D<float>(100);
        accelerator.LoadStreamKernel<ArrayView<float>>(FillWithin)((1, 128), values.View);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (float)i), values.GetAsArray1D());
    }

    [Fact]
    public void Launches_from_many_threads_do_not_disturb_each_other()
    {
        using Context context = Context.Create(builder => builder.CPU());
        using Accelerator accelerator = context.GetCPUDevice(0).CreateAccelerator(context);
        Action<AcceleratorStream, KernelConfig, ArrayView<int>, int> kernel = accelerator.LoadKernel<ArrayView<int>, int>(Rotate);
        Parallel.For(0, 16, k =>
        {
            using AcceleratorStream stream = accelerator.CreateStream();
            using var values = accelerator.Allocate1D<int>(40 * 48);
            kernel(stream, (40, 48), values.View, k);
            stream.Synchronize();
            Assert.Equal(
                Enumerable.Range(0, 40 * 48).Select(i => i / 48 * 1000 + (i % 48 + k) % 48), values.GetAsArray1D());
        });
    }

    [Fact]
    public void Groups_give_the_same_bits_in_any_order()
    {
        using Context context = Context.Create(builder => builder.CPU());
        using Accelerator accelerator = context.GetCPUDevice(0).CreateAccelerator(context);
        Action<KernelConfig, ArrayView<float>> kernel = accelerator.LoadStreamKernel<ArrayView<float>>(Waves);
        using var first = accelerator.Allocate1D<float>(100 * 50);
        using var second = accelerator.Allocate1D<float>(100 * 50);
        kernel((100, 50), first.View);
        for (int run = 0; run < 5; run++)
        {
            kernel((100, 50), second.View);
            Assert.Equal(first.GetAsArray1D(), second.GetAsArray1D());
        }
    }

    /// <summary>Loops that some lanes leave earlier, in both of their versions: all lanes active, and some.</summary>
    [Theory]
    [InlineData(7)]
    [InlineData(64)]
    [InlineData(1000)]
    public void Strided_loops_sum_what_belongs_to_each_thread(int count)
    {
        using Context context = Context.Create(builder => builder.CPU());
        using Accelerator accelerator = context.GetCPUDevice(0).CreateAccelerator(context);
        using var values = accelerator.Allocate1D<float>([.. Enumerable.Range(0, count).Select(i => (float)i)]);
        using var sums = accelerator.Allocate1D<float>(3 * 64);
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(SumStrided)((3, 64), values.View, sums.View);
        Assert.Equal(
            Enumerable.Range(0, 3 * 64).Select(t => Enumerable.Range(0, count).Where(i => i % 64 == t % 64).Sum(i => i + 1f)),
            sums.GetAsArray1D());
    }

    [Fact]
    public void Everything_may_be_disposed_twice()
    {
        using Context context = Context.Create(builder => builder.CPU());
        Accelerator accelerator = context.GetCPUDevice(0).CreateAccelerator(context);
        AcceleratorStream stream = accelerator.CreateStream();
        var buffer = accelerator.Allocate1D<int>(3);
        for (int i = 0; i < 2; i++)
        {
            buffer.Dispose();
            stream.Dispose();
            accelerator.Dispose();
        }
        Assert.Throws<ObjectDisposedException>(() => accelerator.Allocate1D<int>(3));
    }

    [Fact]
    public void Copies_outside_a_buffer_are_refused()
    {
        using Context context = Context.Create(builder => builder.CPU());
        using Accelerator accelerator = context.GetCPUDevice(0).CreateAccelerator(context);
        using MemoryBuffer buffer = accelerator.AllocateRaw(8, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.MemSet(accelerator.DefaultStream, 1, 5, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.MemSet(accelerator.DefaultStream, 1, -1, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.MemSet(accelerator.DefaultStream, 1, 4, long.MaxValue));
    }

    [Fact]
    public void Markers_measure_what_ran_between_them()
    {
        using Context context = Context.Create(builder => builder.CPU().Profiling());
        using Accelerator accelerator = context.GetCPUDevice(0).CreateAccelerator(context);
        using var values = accelerator.Allocate1D<float>(100 * 50);
        Action<KernelConfig, ArrayView<float>> kernel = accelerator.LoadStreamKernel<ArrayView<float>>(Waves);
        using ProfilingMarker start = accelerator.AddProfilingMarker();
        kernel((100, 50), values.View);
        using ProfilingMarker end = accelerator.AddProfilingMarker();
        Assert.True(end - start > TimeSpan.Zero);
        Assert.True(start - end < TimeSpan.Zero);
    }

    [Fact]
    public void Divergent_loops_in_partial_vectors_of_a_plane_of_threads()
    {
        using Context context = Context.Create(builder => builder.CPU());
        using Accelerator accelerator = context.GetCPUDevice(0).CreateAccelerator(context);
        using var steps = accelerator.Allocate1D<int>(7 * 9 * 3);
        accelerator.LoadStreamKernel<ArrayView<int>>(Collatz)(new KernelConfig(3, 1, 1, 7, 9, 1), steps.View);
        Assert.Equal(Enumerable.Range(0, 7 * 9 * 3).Select(Expected), steps.GetAsArray1D());

        static int Expected(int number)
        {
            int count = 0;
            for (int n = number + 1; n != 1; count++)
                n = n % 2 == 0 ? n / 2 : 3 * n + 1;
            return count;
        }
    }

    private static void Fill(ArrayView<float> values) => values[Grid.GlobalIndex.X] = Grid.GlobalIndex.X;

    private static void SumStrided(ArrayView<float> values, ArrayView<float> sums)
    {
        float sum = 0;
        for (int i = Group.IdxX; i < values.IntLength; i += Group.DimX)
            sum += values[i] + 1;
        sums[Grid.GlobalIndex.X] = sum;
    }

    private static void FillWithin(ArrayView<float> values)
    {
        int i = Grid.GlobalIndex.X;
        if (i < values.IntLength)
            values[i] = i;
    }

    private static void Scatter(ArrayView<int> indices, ArrayView<float> values) => values[indices[Group.IdxX]] = 1;

    private static void Rotate(ArrayView<int> values, int by)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(48);
        shared[Group.IdxX] = Grid.IdxX * 1000 + Group.IdxX;
        Group.Barrier();
        values[Grid.GlobalIndex.X] = shared[(Group.IdxX + by) % Group.DimX];
    }

    private static void Waves(ArrayView<float> values)
    {
        float sum = 0;
        for (int k = 0; k < Group.IdxX + 3; k++)
            sum += MathF.Sin(Grid.GlobalIndex.X * 0.37f + k) * MathF.Exp(-k * 0.1f);
        values[Grid.GlobalIndex.X] = sum;
    }

    private static void Collatz(ArrayView<int> steps)
    {
        int number = (Grid.IdxX * Group.DimY + Group.IdxY) * Group.DimX + Group.IdxX;
        int n = number + 1;
        int count = 0;
        while (true)
        {
            if (n == 1)
                break;
            count++;
            if (n % 2 == 0)
            {
                n /= 2;
                continue;
            }
            n = 3 * n + 1;
        }
        steps[number] = count;
    }
}
