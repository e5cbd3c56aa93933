using CudaEmulation;
using ILGPU.Beyond;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace ILGPU.Tests.Ptx;

/// <summary>The host's side of CUDA: discovery, streams, shared memory beyond 48 KB, time, faults, disposal.</summary>
public class CudaAcceleratorTests
{
    [Fact]
    public void A_device_tells_what_the_driver_says()
    {
        using var driver = new EmulatedDriver(
            new EmulatedGpu { Name = "First" }, new EmulatedGpu { Name = "Second", ComputeCapability = 120, Multiprocessors = 7 });
        using IDisposable installed = driver.Install();
        using Context context = Context.Create(builder => builder.Cuda());
        Assert.Equal(["First", "Second"], context.Devices.Select(device => device.Name));
        CudaDevice second = context.GetCudaDevice(1);
        Assert.Equal(
            (7, 32, 163 * 1024, 1024),
            (second.NumMultiprocessors, second.WarpSize, second.MaxSharedMemoryPerGroup, second.MaxNumThreadsPerGroup));
        Assert.Equal(AcceleratorType.Cuda, second.AcceleratorType);
        // PTX goes no further than sm_90; newer devices run that.
        Assert.Equal("sm_90", second.Target.Name);
        Assert.Throws<ArgumentOutOfRangeException>(() => context.GetCudaDevice(2));
    }

    [Theory]
    [InlineData(70, 11000, 70, 70)]
    [InlineData(75, 12040, 75, 70)]
    [InlineData(86, 11000, 80, 70)]
    [InlineData(86, 11010, 86, 71)]
    [InlineData(89, 11070, 87, 74)]
    [InlineData(90, 12020, 90, 78)]
    public void The_target_is_the_nearest_that_device_and_driver_know(int capability, int version, int architecture, int isa)
    {
        using var driver = new EmulatedDriver(new EmulatedGpu { ComputeCapability = capability }) { DriverVersion = version };
        using IDisposable installed = driver.Install();
        using Context context = Context.Create(builder => builder.Cuda());
        Assert.Equal(new ILGPU.Compiler.Ptx.PtxTarget(architecture, isa), context.GetCudaDevice(0).Target);
        using Accelerator accelerator = context.GetCudaDevice(0).CreateAccelerator(context);
        Increment(accelerator);
    }

    public static TheoryData<string, string> Unusable => new()
    {
        { "missing", "emulated libcuda was not found" },
        { "no device", "finds no NVIDIA GPU" },
        { "old driver", "The driver is of CUDA 10.2, too old: install one of CUDA 11.0 or newer." },
        { "old device", "compute capability 6.1; 7.0 (Volta, 2017) or newer" },
    };

    [Theory]
    [MemberData(nameof(Unusable))]
    public void What_cannot_be_used_is_listed_with_the_reason(string fault, string reason)
    {
        using var driver = new EmulatedDriver(new EmulatedGpu { ComputeCapability = fault == "old device" ? 61 : 80 })
        {
            IsLibraryMissing = fault == "missing",
            HasNoDevice = fault == "no device",
            DriverVersion = fault == "old driver" ? 10020 : 12040,
        };
        using IDisposable installed = driver.Install();
        using Context context = Context.Create(builder => builder.Cuda());
        Assert.Empty(context.Devices);
        UnusableDevice listed = Assert.Single(context.GetUnusableDevices());
        Assert.Equal(AcceleratorType.Cuda, listed.AcceleratorType);
        Assert.Contains(reason, listed.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_an_emulation_the_machine_is_asked_and_never_throws()
    {
        using Context context = Context.Create(builder => builder.Cuda());
        Assert.True(context.Devices.Length > 0 || context.GetUnusableDevices().Length > 0);
    }

    [Fact]
    public void All_is_given_back_and_may_be_disposed_twice()
    {
        var test = new EmulatedGpuTest(profiling: true);
        Accelerator accelerator = test.Accelerator;
        AcceleratorStream stream = accelerator.CreateStream();
        MemoryBuffer1D<int, Stride1D.Dense> buffer = accelerator.Allocate1D<int>(10);
        PageLockedArray1D<int> pageLocked = accelerator.AllocatePageLocked1D<int>(10);
        ProfilingMarker marker = stream.AddProfilingMarker();
        Increment(accelerator);
        for (int i = 0; i < 2; i++)
        {
            marker.Dispose();
            pageLocked.Dispose();
            buffer.Dispose();
            stream.Dispose();
            accelerator.Dispose();
        }
        Assert.Equal(0, test.Driver.LiveObjects);
        Assert.Throws<ObjectDisposedException>(() => accelerator.Allocate1D<int>(1));
        Assert.Throws<ObjectDisposedException>(accelerator.Synchronize);
        test.Dispose();
    }

    [Fact]
    public void What_outlives_its_accelerator_is_disposed_in_silence()
    {
        using var test = new EmulatedGpuTest();
        MemoryBuffer1D<int, Stride1D.Dense> buffer = test.Accelerator.Allocate1D<int>(10);
        AcceleratorStream stream = test.Accelerator.CreateStream();
        test.Accelerator.Dispose();
        buffer.Dispose();
        stream.Dispose();
        Assert.Equal(0, test.Driver.LiveObjects);
    }

    [Fact]
    public void Memory_that_runs_out_names_the_call_and_the_error_and_nothing_else_breaks()
    {
        using var test = new EmulatedGpuTest(new EmulatedDriver(new EmulatedGpu { MemoryBytes = 1000 }));
        using var half = test.Accelerator.Allocate1D<byte>(600);
        CudaException exception = Assert.Throws<CudaException>(() => test.Accelerator.Allocate1D<byte>(500));
        Assert.True(exception.IsOutOfMemory);
        Assert.Equal(("cuMemAlloc", "CUDA_ERROR_OUT_OF_MEMORY"), (exception.Call, exception.ErrorName));
        Assert.Contains("500 bytes", exception.Message, StringComparison.Ordinal);
        Increment(test.Accelerator);
    }

    [Fact]
    public void A_failing_launch_comes_out_where_it_is_waited_for_and_disposal_stays_quiet()
    {
        using var test = new EmulatedGpuTest(new EmulatedDriver { FailAtLaunch = 2 });
        Increment(test.Accelerator);
        CudaException exception = Assert.Throws<CudaException>(() => Increment(test.Accelerator));
        Assert.Equal("CUDA_ERROR_LAUNCH_FAILED", exception.ErrorName);
        // The context is spoilt for good; a new accelerator is not.
        Assert.Throws<CudaException>(() => test.Accelerator.Allocate1D<int>(1));
        test.Accelerator.Dispose();
        using Accelerator next = test.Accelerator.Device.CreateAccelerator(test.Accelerator.Context);
        Increment(next);
    }

    [Fact]
    public void A_device_that_vanishes_is_an_error_of_the_next_wait()
    {
        using var test = new EmulatedGpuTest(new EmulatedDriver { LoseDeviceAtLaunch = 1 });
        using var buffer = test.Accelerator.Allocate1D<int>([1, 2, 3]);
        test.Accelerator.LoadStreamKernel<ArrayView<int>>(AddOne)((1, 3), buffer.View);
        CudaException exception = Assert.Throws<CudaException>(test.Accelerator.Synchronize);
        Assert.Equal(("cuCtxSynchronize", "CUDA_ERROR_UNKNOWN"), (exception.Call, exception.ErrorName));
    }

    [Fact]
    public void An_access_out_of_range_is_an_illegal_address()
    {
        using var test = new EmulatedGpuTest();
        using var buffer = test.Accelerator.Allocate1D<int>([1, 2, 3]);
        test.Accelerator.LoadStreamKernel<ArrayView<int>>(AddOne)((1, 4), buffer.View);
        CudaException exception = Assert.Throws<CudaException>(() => buffer.GetAsArray1D());
        Assert.Equal("CUDA_ERROR_ILLEGAL_ADDRESS", exception.ErrorName);
        Assert.Contains("byte 12 of a buffer of 12", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dynamic_shared_memory_beyond_48_KB_is_opted_into_up_to_the_devices_limit()
    {
        using var test = new EmulatedGpuTest();
        using var result = test.Accelerator.Allocate1D<int>(2);
        var kernel = test.Accelerator.LoadStreamKernel<ArrayView<int>>(SumOfDynamic);
        foreach (int kilobytes in (int[])[4, 100, 20, 163])
        {
            kernel((1, 64, SharedMemoryConfig.RequestDynamic<int>(kilobytes * 256)), result.View);
            int length = kilobytes * 256;
            Assert.Equal([length * (length - 1) / 2, length], result.GetAsArray1D());
        }
        var exception = Assert.Throws<ArgumentOutOfRangeException>(
            () => kernel((1, 64, SharedMemoryConfig.RequestDynamic<int>(164 * 256)), result.View));
        Assert.Contains("167936 bytes of shared memory a group; Emulated GPU has 166912", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Static_shared_memory_beyond_48_KB_works_too_also_beside_dynamic()
    {
        using var test = new EmulatedGpuTest();
        using var result = test.Accelerator.Allocate1D<int>(2);
        test.Accelerator.LoadStreamKernel<ArrayView<int>>(LargeStatic)((1, 64, SharedMemoryConfig.RequestDynamic<int>(100)), result.View);
        Assert.Equal([20000 * 3 + 100 * 7, 100], result.GetAsArray1D());
    }

    [Fact]
    public void Groups_larger_than_promised_are_refused()
    {
        using var test = new EmulatedGpuTest();
        using var buffer = test.Accelerator.Allocate1D<int>(new int[256]);
        var kernel = test.Accelerator.LoadStreamKernel<ArrayView<int>>(AddOne, new KernelSpecialization(128, 2));
        kernel((1, 128), buffer.View);
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel((1, 256), buffer.View));
        Assert.Contains(".maxntid 128, 1, 1", test.Driver.LoadedPtx[0], StringComparison.Ordinal);
        Assert.Contains(".minnctapersm 2", test.Driver.LoadedPtx[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Streams_run_in_order_and_page_locked_copies_wait_for_them()
    {
        using var test = new EmulatedGpuTest();
        using AcceleratorStream stream = test.Accelerator.CreateStream();
        using PageLockedArray1D<int> host = test.Accelerator.AllocatePageLocked1D<int>(64);
        using var buffer = test.Accelerator.Allocate1D<int>(64);
        var kernel = test.Accelerator.LoadKernel<ArrayView<int>>(AddOne);
        buffer.View.CopyFromPageLockedAsync(stream, host);
        kernel(stream, (1, 64), buffer.View);
        kernel(stream, (1, 64), buffer.View);
        buffer.View.CopyToPageLockedAsync(stream, host);
        Assert.Equal(0, host[5]);
        stream.Synchronize();
        Assert.All(host.GetArray(), value => Assert.Equal(2, value));
    }

    [Fact]
    public void Markers_measure_the_time_between_them()
    {
        using var test = new EmulatedGpuTest(profiling: true);
        using var buffer = test.Accelerator.Allocate1D<int>(new int[64]);
        using ProfilingMarker start = test.Accelerator.AddProfilingMarker();
        test.Accelerator.LoadStreamKernel<ArrayView<int>>(AddOne)((1, 64), buffer.View);
        using ProfilingMarker end = test.Accelerator.AddProfilingMarker();
        Assert.True(end - start > TimeSpan.Zero);
        Assert.Equal(TimeSpan.Zero, start - start);
        using var other = new EmulatedGpuTest(profiling: true);
        using ProfilingMarker foreign = other.Accelerator.AddProfilingMarker();
        Assert.Throws<ArgumentException>(() => end - foreign);
    }

    [Fact]
    public void Streams_and_buffers_of_another_accelerator_are_refused()
    {
        using var first = new EmulatedGpuTest();
        using var second = new EmulatedGpuTest();
        using var here = first.Accelerator.Allocate1D<int>(4);
        using var there = second.Accelerator.Allocate1D<int>(4);
        Assert.Throws<ArgumentException>(() => here.View.CopyTo(first.Accelerator.DefaultStream, there.View));
        Assert.Throws<ArgumentException>(() => here.View.MemSetToZero(second.Accelerator.DefaultStream));
    }

    [Fact]
    public async Task Threads_share_an_accelerator()
    {
        using var test = new EmulatedGpuTest();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => Increment(test.Accelerator))));
    }

    [Fact]
    public void An_empty_buffer_is_allocated_and_copied()
    {
        using var test = new EmulatedGpuTest();
        using var empty = test.Accelerator.Allocate1D<float>(0);
        empty.View.MemSetToZero();
        Assert.Empty(empty.GetAsArray1D());
    }

    private static void Increment(Accelerator accelerator)
    {
        using AcceleratorStream stream = accelerator.CreateStream();
        using var buffer = accelerator.Allocate1D<int>(stream, [1, 2, 3]);
        accelerator.LoadKernel<ArrayView<int>>(AddOne)(stream, (1, 3), buffer.View);
        Assert.Equal([2, 3, 4], buffer.GetAsArray1D(stream));
    }

    private static void AddOne(ArrayView<int> x) => x[Grid.GlobalIndex.X] += 1;

    private static void SumOfDynamic(ArrayView<int> result)
    {
        ArrayView<int> shared = SharedMemory.GetDynamic<int>();
        for (int i = Group.IdxX; i < shared.IntLength; i += Group.DimX)
            shared[i] = i;
        Group.Barrier();
        if (Group.IsFirstThread)
        {
            int sum = 0;
            for (int i = 0; i < shared.IntLength; i++)
                sum += shared[i];
            result[0] = sum;
            result[1] = shared.IntLength;
        }
    }

    private static void LargeStatic(ArrayView<int> result)
    {
        ArrayView<int> large = SharedMemory.Allocate<int>(20000);
        ArrayView<int> dynamic = SharedMemory.GetDynamic<int>();
        for (int i = Group.IdxX; i < 20000; i += Group.DimX)
            large[i] = 3;
        for (int i = Group.IdxX; i < dynamic.IntLength; i += Group.DimX)
            dynamic[i] = 7;
        Group.Barrier();
        if (Group.IsFirstThread)
        {
            int sum = 0;
            for (int i = 0; i < 20000; i++)
                sum += large[i];
            for (int i = 0; i < dynamic.IntLength; i++)
                sum += dynamic[i];
            result[0] = sum;
            result[1] = dynamic.IntLength;
        }
    }
}
