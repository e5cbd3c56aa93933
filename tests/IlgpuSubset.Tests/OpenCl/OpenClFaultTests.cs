using ILGPU.Beyond;
using ILGPU.Compiler.IR;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace ILGPU.Tests.OpenCl;

/// <summary>What goes wrong with libraries, drivers, devices and launches is said, and nothing is left behind.</summary>
[Collection(OpenClSuite.Name)]
public class OpenClFaultTests(OpenClFixture fixture)
{
    [Fact]
    public void A_missing_library_is_a_reason()
    {
        Assert.Null(CLLibrary.TryLoad(["libOpenCL-that-is-not-there.so.1"], out string reason));
        Assert.Contains("libOpenCL-that-is-not-there.so.1", reason);
        Assert.Contains("not installed", reason);
    }

    [Fact]
    public void A_library_without_the_functions_is_a_reason()
    {
        string other = OperatingSystem.IsWindows() ? "kernel32.dll" : OperatingSystem.IsMacOS() ? "libSystem.dylib" : "libc.so.6";
        Assert.Null(CLLibrary.TryLoad([other], out string reason));
        Assert.Contains("OpenCL 1.2", reason);
    }

    [Fact]
    public void A_loader_without_drivers_is_a_reason()
    {
        var unusable = new List<UnusableDevice>();
        Assert.Empty(CLDevice.Find(FaultyDriver.WithoutPlatforms(), unusable));
        Assert.Contains("no driver is registered", Assert.Single(unusable).Reason);
    }

    [Fact]
    public void Each_unusable_device_has_its_reason()
    {
        var unusable = new List<UnusableDevice>();
        Assert.Empty(CLDevice.Find(FaultyDriver.WithUnusableDevices(), unusable));
        Assert.Equal(4, unusable.Count);
        Assert.All(unusable, device => Assert.Equal(AcceleratorType.OpenCL, device.AcceleratorType));
        Assert.Contains(
            unusable, device => device.Name == "Old" && device.Reason.Contains("OpenCL 1.1") && device.Reason.Contains("newer driver"));
        Assert.Contains(unusable, device => device.Name == "Away" && device.Reason.Contains("not available"));
        Assert.Contains(unusable, device => device.Name == "Mute" && device.Reason.Contains("no compiler"));
        Assert.Contains(unusable, device => device.Reason.Contains("clGetDeviceInfo failed: CL_OUT_OF_HOST_MEMORY"));
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void A_source_that_does_not_compile_shows_the_drivers_log()
    {
        CLAccelerator accelerator = fixture.Accelerator;
        var exception = Assert.Throws<CLException>(() => CLProgram.Build(
            accelerator.Library, accelerator.ContextHandle, accelerator.CLDevice, "__kernel void broken() { undeclared_name = 1; }", ""));
        Assert.Equal(("clBuildProgram", CLError.CL_BUILD_PROGRAM_FAILURE), (exception.Call, exception.Error));
        Assert.Contains("undeclared_name", exception.Message);
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void A_device_whose_driver_cannot_compile_becomes_unusable()
    {
        CLDevice device = Device(FaultyDriver.Failing("clBuildProgram", CLError.CL_BUILD_PROGRAM_FAILURE));
        using Context context = Context.Create(builder => builder.Add([device]));
        using (Accelerator accelerator = device.CreateAccelerator(context))
        {
            Assert.Empty(context.GetUnusableDevices());
            Assert.Throws<CLException>(() => Square(accelerator, 3));
        }
        UnusableDevice unusable = Assert.Single(context.GetUnusableDevices());
        Assert.Equal(device.Name, unusable.Name);
        Assert.Contains("MapKernel.square", unusable.Reason);
        Assert.Contains("CL_BUILD_PROGRAM_FAILURE", unusable.Reason);
        Assert.Throws<NotSupportedException>(() => device.CreateAccelerator(context));
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Exhausted_memory_is_told_from_other_faults()
    {
        using Context context = Context.Create().ToContext();
        CLLibrary full = FaultyDriver.Failing("clCreateBuffer", CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE);
        using (Accelerator accelerator = Device(full).CreateAccelerator(context))
        {
            var exception = Assert.Throws<CLException>(() => accelerator.Allocate1D<float>(1000));
            Assert.True(exception.IsOutOfMemory);
            Assert.Contains("4000 bytes", exception.Message);
        }
        var large = Assert.Throws<CLException>(() => fixture.Accelerator.Allocate1D<byte>(fixture.Accelerator.CLDevice.MaxAllocation + 1));
        Assert.True(large.IsOutOfMemory);
        Assert.False(new CLException("clFinish", CLError.CL_INVALID_COMMAND_QUEUE).IsOutOfMemory);
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void A_launch_that_fails_names_call_and_error()
    {
        using Context context = Context.Create().ToContext();
        using Accelerator accelerator = Device(FaultyDriver.Failing("clEnqueueNDRangeKernel", CLError.CL_OUT_OF_RESOURCES))
            .CreateAccelerator(context);
        var exception = Assert.Throws<CLException>(() => Square(accelerator, 3));
        Assert.Equal("clEnqueueNDRangeKernel failed: CL_OUT_OF_RESOURCES (-5).", exception.Message);
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void A_driver_that_vanishes_is_an_error_and_can_still_be_closed()
    {
        using Context context = Context.Create().ToContext();
        Accelerator accelerator = Device(FaultyDriver.Failing("clFinish", CLError.CL_OUT_OF_RESOURCES)).CreateAccelerator(context);
        Assert.Throws<CLException>(accelerator.DefaultStream.Synchronize);
        Assert.Throws<CLException>(accelerator.Synchronize);
        Assert.Throws<CLException>(() => accelerator.Allocate1D<int>(4));
        accelerator.Dispose();
        accelerator.Dispose();
        Assert.Throws<ObjectDisposedException>(() => accelerator.Allocate1D<int>(4));
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void A_group_that_the_driver_must_know_beforehand_is_compiled_for()
    {
        using Context context = Context.Create().ToContext();
        using Accelerator accelerator = Device(FaultyDriver.WithSmallGroups()).CreateAccelerator(context);
        int[] inputs = [.. Enumerable.Range(0, 48)];
        Assert.Equal([.. inputs.Select(i => (long)i * i)], Square(accelerator, inputs));
        Assert.Equal([9], Square(accelerator, 3));
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Too_much_shared_memory_is_refused_before_the_driver_sees_it()
    {
        var kernel = fixture.Accelerator.LoadStreamKernel<ArrayView<int>>(DynamicShared);
        using MemoryBuffer1D<int, Stride1D.Dense> output = fixture.Accelerator.Allocate1D<int>(1);
        int most = fixture.Accelerator.MaxSharedMemoryPerGroup;
        var exception = Assert.Throws<ArgumentOutOfRangeException>(
            () => kernel((1, 1, SharedMemoryConfig.RequestDynamic<byte>(most + 1)), output.View));
        Assert.Contains(nameof(DynamicShared), exception.Message);
        Assert.Contains($"{most}", exception.Message);
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void A_device_that_does_not_exist_is_an_error()
    {
        using Context context = Context.Create(builder => builder.OpenCL());
        Assert.Throws<ArgumentOutOfRangeException>(() => context.GetCLDevice(99));
    }

    private static CLDevice Device(CLLibrary library) => CLDevice.Find(library, [])[0];

    private static long[] Square(Accelerator accelerator, params int[] inputs)
    {
        var map = new MapKernel("square", IrType.I32);
        map.Result(map.Add(new Instruction(Opcode.Mul, IrType.I32, map.Inputs[0], map.Inputs[0])));
        return map.Run(accelerator, inputs)[0];
    }

    private static void DynamicShared(ArrayView<int> output)
    {
        ArrayView<int> shared = SharedMemory.GetDynamic<int>();
        shared[0] = 1;
        Group.Barrier();
        output[0] = shared[0];
    }
}
