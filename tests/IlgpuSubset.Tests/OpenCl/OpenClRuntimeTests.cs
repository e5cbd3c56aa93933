using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace ILGPU.Tests.OpenCl;

/// <summary>Buffers, streams, markers and page-locked memory of an OpenCL device.</summary>
[Collection(OpenClSuite.Name)]
public class OpenClRuntimeTests(OpenClFixture fixture)
{
    private Accelerator Accelerator => fixture.Accelerator;

    [NeedsFact(typeof(OpenClDevice))]
    public void A_device_tells_what_it_is()
    {
        CLDevice device = fixture.Accelerator.CLDevice;
        Assert.NotEmpty(device.Name);
        Assert.NotEmpty(device.PlatformName);
        Assert.NotEmpty(device.DriverVersion);
        Assert.True(
            device.MemorySize > 0 && device.NumMultiprocessors > 0
                && device.MaxNumThreadsPerGroup > 0 && device.MaxSharedMemoryPerGroup > 0);
        Assert.NotEqual(default, device.DeviceType);
        Assert.Null(device.Fault);
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Parts_of_buffers_are_copied_and_set()
    {
        using MemoryBuffer1D<int, Stride1D.Dense> a = Accelerator.Allocate1D(Enumerable.Range(0, 100).ToArray());
        using MemoryBuffer1D<int, Stride1D.Dense> b = Accelerator.Allocate1D<int>(100);
        b.View.MemSet(0xFF);
        a.View.BaseView.SubView(10, 20).CopyTo(b.View.BaseView.SubView(3, 20));
        b.View.BaseView.SubView(50, 7).MemSetToZero();
        int[] expected = [.. Enumerable.Range(0, 100).Select(i => i is >= 3 and < 23 ? i + 7 : i is >= 50 and < 57 ? 0 : -1)];
        Assert.Equal(expected, b.GetAsArray1D());
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Empty_buffers_are_allowed()
    {
        using MemoryBuffer1D<int, Stride1D.Dense> empty = Accelerator.Allocate1D<int>(0);
        empty.View.MemSetToZero();
        Assert.Empty(empty.GetAsArray1D());
        using MemoryBuffer1D<int, Stride1D.Dense> one = Accelerator.Allocate1D<int>(1);
        Accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<int>>(Lengths)((1, 1), empty.View, one.View);
        Assert.Equal([0], one.GetAsArray1D());
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Page_locked_memory_goes_there_and_back()
    {
        using PageLockedArray1D<float> source = Accelerator.AllocatePageLocked1D<float>(1000);
        using PageLockedArray1D<float> target = Accelerator.AllocatePageLocked1D<float>(1000);
        using MemoryBuffer1D<float, Stride1D.Dense> buffer = Accelerator.Allocate1D<float>(1000);
        for (int i = 0; i < 1000; i++)
            source[i] = i * 0.5f;
        using AcceleratorStream stream = Accelerator.CreateStream();
        buffer.View.CopyFromPageLockedAsync(stream, source);
        buffer.View.CopyToPageLockedAsync(stream, target);
        stream.Synchronize();
        Assert.Equal(source.GetArray(), target.GetArray());
    }

    [NeedsFact(typeof(OpenClDevice))]
    public async Task Streams_of_several_threads_share_a_kernel()
    {
        var kernel = Accelerator.LoadKernel<ArrayView<int>, int>(Counting);
        await Task.WhenAll(Enumerable.Range(1, 4).Select(number => Task.Run(() =>
        {
            using AcceleratorStream stream = Accelerator.CreateStream();
            using MemoryBuffer1D<int, Stride1D.Dense> buffer = Accelerator.Allocate1D<int>(64);
            buffer.View.MemSetToZero(stream);
            for (int round = 0; round < 20; round++)
                kernel(stream, (2, 32), buffer.View, number);
            Assert.Equal(Enumerable.Repeat(20 * number, 64), buffer.View.GetAsArray1D(stream));
        })));
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Markers_measure_the_devices_time()
    {
        using MemoryBuffer1D<int, Stride1D.Dense> buffer = Accelerator.Allocate1D<int>(64);
        var kernel = Accelerator.LoadStreamKernel<ArrayView<int>, int>(Counting);
        using ProfilingMarker start = Accelerator.AddProfilingMarker();
        kernel((2, 32), buffer.View, 1);
        using ProfilingMarker end = Accelerator.AddProfilingMarker();
        TimeSpan time = end - start;
        Assert.InRange(time, TimeSpan.FromTicks(0), TimeSpan.FromMinutes(1));
        Assert.Equal(-time, start - end);
        end.Dispose();
        Assert.Throws<ObjectDisposedException>(end.Synchronize);
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Markers_need_a_context_that_profiles()
    {
        using Context context = Context.Create(builder => builder.OpenCL());
        using Accelerator accelerator = context.GetCLDevice(0).CreateAccelerator(context);
        Assert.Throws<NotSupportedException>(() => accelerator.AddProfilingMarker());
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Everything_may_be_disposed_twice_and_in_any_order()
    {
        Context context = Context.Create(builder => builder.OpenCL().Profiling());
        Accelerator accelerator = context.GetCLDevice(0).CreateAccelerator(context);
        AcceleratorStream stream = accelerator.CreateStream();
        MemoryBuffer1D<int, Stride1D.Dense> buffer = accelerator.Allocate1D<int>(8);
        PageLockedArray1D<int> locked = accelerator.AllocatePageLocked1D<int>(8);
        ProfilingMarker marker = stream.AddProfilingMarker();
        var kernel = accelerator.LoadStreamKernel<ArrayView<int>, int>(Counting);
        accelerator.Dispose();
        foreach (IDisposable owned in new IDisposable[] { stream, buffer, locked, marker, accelerator, context })
        {
            owned.Dispose();
            owned.Dispose();
        }
        Assert.Throws<ObjectDisposedException>(stream.Synchronize);
        Assert.Throws<ObjectDisposedException>(() => kernel((1, 8), buffer.View, 1));
    }

    private static void Lengths(ArrayView<int> empty, ArrayView<int> output) => output[0] = empty.IntLength;

    private static void Counting(ArrayView<int> counts, int by) => counts[Grid.GlobalIndex.X] += by;
}
