using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using ILGPU.Runtime.OpenCL;

namespace ILGPU.Tests.OpenCl;

/// <summary>OpenCL libraries that fail on demand: some functions of the system's replaced, or a driver that is all invented.</summary>
internal static unsafe class FaultyDriver
{
    /// <summary>What the replaced functions return.</summary>
    private static int _result;

    /// <summary>The system's library with one function that fails; what it may return is one error for all arguments.</summary>
    /// <param name="function">One that returns an error code, or clCreateBuffer, which returns a null handle.</param>
    /// <param name="error">The error.</param>
    public static CLLibrary Failing(string function, CLError error)
    {
        _result = (int)error;
        nint replacement = function switch
        {
            "clCreateBuffer" => (nint)(delegate* unmanaged<nint, ulong, nuint, void*, int*, nint>)&CreateNothing,
            "clBuildProgram" => (nint)(delegate* unmanaged<nint, uint, nint*, byte*, nint, nint, int>)&FailToBuild,
            "clEnqueueNDRangeKernel" =>
                (nint)(delegate* unmanaged<nint, nint, uint, nuint*, nuint*, nuint*, uint, nint*, nint*, int>)&FailToLaunch,
            "clFinish" => (nint)(delegate* unmanaged<nint, int>)&FailToFinish,
            _ => throw new ArgumentOutOfRangeException(nameof(function), function, null),
        };
        return Replacing(function, replacement);
    }

    /// <summary>The system's library, but kernels of which groups may have 16 threads unless they require another size.</summary>
    public static CLLibrary WithSmallGroups() =>
        Replacing("clGetKernelWorkGroupInfo", (nint)(delegate* unmanaged<nint, nint, uint, nuint, void*, nuint*, int>)&SixteenThreads);

    /// <summary>A loader without drivers.</summary>
    public static CLLibrary WithoutPlatforms() => new(function => function switch
    {
        "clGetPlatformIDs" => (nint)(delegate* unmanaged<uint, nint*, uint*, int>)&NoPlatforms,
        _ => 0,
    });

    /// <summary>A driver whose devices all have something wrong with them.</summary>
    public static CLLibrary WithUnusableDevices() => new(function => function switch
    {
        "clGetPlatformIDs" => (nint)(delegate* unmanaged<uint, nint*, uint*, int>)&OnePlatform,
        "clGetPlatformInfo" => (nint)(delegate* unmanaged<nint, uint, nuint, void*, nuint*, int>)&PlatformInfo,
        "clGetDeviceIDs" => (nint)(delegate* unmanaged<nint, ulong, uint, nint*, uint*, int>)&FourDevices,
        "clGetDeviceInfo" => (nint)(delegate* unmanaged<nint, uint, nuint, void*, nuint*, int>)&DeviceInfo,
        _ => 0,
    });

    private static CLLibrary Replacing(string function, nint replacement)
    {
        nint handle = CLLibrary.SystemNames.Select(name => NativeLibrary.TryLoad(name, out nint loaded) ? loaded : 0)
            .First(loaded => loaded != 0);
        return new CLLibrary(name => name == function ? replacement : NativeLibrary.GetExport(handle, name));
    }

    [UnmanagedCallersOnly]
    private static nint CreateNothing(nint context, ulong flags, nuint size, void* host, int* error)
    {
        *error = _result;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int FailToBuild(nint program, uint count, nint* devices, byte* options, nint notify, nint argument) => _result;

    [UnmanagedCallersOnly]
    private static int FailToLaunch(
        nint queue, nint kernel, uint dimensions, nuint* offset, nuint* global, nuint* local, uint count, nint* events,
        nint* created) => _result;

    [UnmanagedCallersOnly]
    private static int FailToFinish(nint queue) => _result;

    [UnmanagedCallersOnly]
    private static int SixteenThreads(nint kernel, nint device, uint info, nuint size, void* value, nuint* actual)
    {
        *(nuint*)value = 16;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int NoPlatforms(uint count, nint* platforms, uint* actual) => (int)CLError.CL_PLATFORM_NOT_FOUND_KHR;

    [UnmanagedCallersOnly]
    private static int OnePlatform(uint count, nint* platforms, uint* actual)
    {
        if (actual is not null)
            *actual = 1;
        if (platforms is not null)
            *platforms = 77;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int PlatformInfo(nint platform, uint info, nuint size, void* value, nuint* actual) =>
        Text("Invented", size, value, actual);

    [UnmanagedCallersOnly]
    private static int FourDevices(nint platform, ulong type, uint count, nint* devices, uint* actual)
    {
        if (actual is not null)
            *actual = 4;
        for (int i = 0; devices is not null && i < 4; i++)
            devices[i] = i + 1;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int DeviceInfo(nint device, uint info, nuint size, void* value, nuint* actual)
    {
        switch ((CLDeviceInfo)info)
        {
            case CLDeviceInfo.Name:
                return Text(device switch { 1 => "Old", 2 => "Away", 3 => "Mute", _ => "Broken" }, size, value, actual);
            case CLDeviceInfo.Version:
                return device == 4
                    ? (int)CLError.CL_OUT_OF_HOST_MEMORY
                    : Text(device == 1 ? "OpenCL 1.1 Invented" : "OpenCL 3.0 Invented", size, value, actual);
            case CLDeviceInfo.Available:
                *(uint*)value = device == 2 ? 0u : 1;
                return 0;
            case CLDeviceInfo.CompilerAvailable:
                *(uint*)value = device == 3 ? 0u : 1;
                return 0;
            default:
                return (int)CLError.CL_INVALID_VALUE;
        }
    }

    private static int Text(string text, nuint size, void* value, nuint* actual)
    {
        byte[] bytes = [.. Encoding.UTF8.GetBytes(text), 0];
        if (actual is not null)
            *actual = (nuint)bytes.Length;
        if (value is not null)
            Unsafe.CopyBlock(ref *(byte*)value, ref bytes[0], (uint)Math.Min(size, (nuint)bytes.Length));
        return 0;
    }
}
