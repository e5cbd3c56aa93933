using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;

namespace ILGPU.Runtime.OpenCL;

/// <summary>
/// The functions of OpenCL 1.2 in use, found in the system's loader at run time, so that neither building nor starting the program
/// needs OpenCL. Each method is the function of its name; failure is a <see cref="CLException"/>. Thread-safe as OpenCL is:
/// everything but the arguments of one kernel object.
/// </summary>
[SuppressMessage("Naming", "CA1720", Justification = "Names follow OpenCL's.")]
internal sealed unsafe class CLLibrary
{
    private static readonly Lazy<(CLLibrary? Library, string Reason)> System = new(LoadSystem);

    private readonly delegate* unmanaged<uint, nint*, uint*, int> _getPlatformIDs;
    private readonly delegate* unmanaged<nint, uint, nuint, void*, nuint*, int> _getPlatformInfo;
    private readonly delegate* unmanaged<nint, ulong, uint, nint*, uint*, int> _getDeviceIDs;
    private readonly delegate* unmanaged<nint, uint, nuint, void*, nuint*, int> _getDeviceInfo;
    private readonly delegate* unmanaged<nint*, uint, nint*, nint, nint, int*, nint> _createContext;
    private readonly delegate* unmanaged<nint, int> _releaseContext;
    private readonly delegate* unmanaged<nint, nint, ulong, int*, nint> _createCommandQueue;
    private readonly delegate* unmanaged<nint, int> _releaseCommandQueue;
    private readonly delegate* unmanaged<nint, int> _flush;
    private readonly delegate* unmanaged<nint, int> _finish;
    private readonly delegate* unmanaged<nint, ulong, nuint, void*, int*, nint> _createBuffer;
    private readonly delegate* unmanaged<nint, int> _releaseMemObject;
    private readonly delegate* unmanaged<nint, nint, uint, nuint, nuint, void*, uint, nint*, nint*, int> _enqueueReadBuffer;
    private readonly delegate* unmanaged<nint, nint, uint, nuint, nuint, void*, uint, nint*, nint*, int> _enqueueWriteBuffer;
    private readonly delegate* unmanaged<nint, nint, nint, nuint, nuint, nuint, uint, nint*, nint*, int> _enqueueCopyBuffer;
    private readonly delegate* unmanaged<nint, nint, void*, nuint, nuint, nuint, uint, nint*, nint*, int> _enqueueFillBuffer;
    private readonly delegate* unmanaged<nint, nint, uint, ulong, nuint, nuint, uint, nint*, nint*, int*, void*> _enqueueMapBuffer;
    private readonly delegate* unmanaged<nint, nint, void*, uint, nint*, nint*, int> _enqueueUnmapMemObject;
    private readonly delegate* unmanaged<nint, uint, nint*, ulong, uint, nint*, nint*, int> _enqueueMigrateMemObjects;
    private readonly delegate* unmanaged<nint, uint, nint*, nint*, int> _enqueueMarkerWithWaitList;
    private readonly delegate* unmanaged<uint, nint*, int> _waitForEvents;
    private readonly delegate* unmanaged<nint, uint, nuint, void*, nuint*, int> _getEventProfilingInfo;
    private readonly delegate* unmanaged<nint, int> _releaseEvent;
    private readonly delegate* unmanaged<nint, uint, byte**, nuint*, int*, nint> _createProgramWithSource;
    private readonly delegate* unmanaged<nint, uint, nint*, nuint*, byte**, int*, int*, nint> _createProgramWithBinary;
    private readonly delegate* unmanaged<nint, uint, nint*, byte*, nint, nint, int> _buildProgram;
    private readonly delegate* unmanaged<nint, nint, uint, nuint, void*, nuint*, int> _getProgramBuildInfo;
    private readonly delegate* unmanaged<nint, uint, nuint, void*, nuint*, int> _getProgramInfo;
    private readonly delegate* unmanaged<nint, int> _releaseProgram;
    private readonly delegate* unmanaged<nint, byte*, int*, nint> _createKernel;
    private readonly delegate* unmanaged<nint, int> _releaseKernel;
    private readonly delegate* unmanaged<nint, uint, nuint, void*, int> _setKernelArg;
    private readonly delegate* unmanaged<nint, nint, uint, nuint, void*, nuint*, int> _getKernelWorkGroupInfo;
    private readonly delegate* unmanaged<nint, nint, uint, nuint*, nuint*, nuint*, uint, nint*, nint*, int> _enqueueNDRangeKernel;

    /// <summary>Binds the functions that a loader exports.</summary>
    /// <param name="export">
    /// The address of a function by its name; throws <see cref="EntryPointNotFoundException"/> for one that is missing.
    /// </param>
    public CLLibrary(Func<string, nint> export)
    {
        _getPlatformIDs = (delegate* unmanaged<uint, nint*, uint*, int>)export("clGetPlatformIDs");
        _getPlatformInfo = (delegate* unmanaged<nint, uint, nuint, void*, nuint*, int>)export("clGetPlatformInfo");
        _getDeviceIDs = (delegate* unmanaged<nint, ulong, uint, nint*, uint*, int>)export("clGetDeviceIDs");
        _getDeviceInfo = (delegate* unmanaged<nint, uint, nuint, void*, nuint*, int>)export("clGetDeviceInfo");
        _createContext = (delegate* unmanaged<nint*, uint, nint*, nint, nint, int*, nint>)export("clCreateContext");
        _releaseContext = (delegate* unmanaged<nint, int>)export("clReleaseContext");
        _createCommandQueue = (delegate* unmanaged<nint, nint, ulong, int*, nint>)export("clCreateCommandQueue");
        _releaseCommandQueue = (delegate* unmanaged<nint, int>)export("clReleaseCommandQueue");
        _flush = (delegate* unmanaged<nint, int>)export("clFlush");
        _finish = (delegate* unmanaged<nint, int>)export("clFinish");
        _createBuffer = (delegate* unmanaged<nint, ulong, nuint, void*, int*, nint>)export("clCreateBuffer");
        _releaseMemObject = (delegate* unmanaged<nint, int>)export("clReleaseMemObject");
        _enqueueReadBuffer = (delegate* unmanaged<nint, nint, uint, nuint, nuint, void*, uint, nint*, nint*, int>)export(
            "clEnqueueReadBuffer");
        _enqueueWriteBuffer = (delegate* unmanaged<nint, nint, uint, nuint, nuint, void*, uint, nint*, nint*, int>)export(
            "clEnqueueWriteBuffer");
        _enqueueCopyBuffer = (delegate* unmanaged<nint, nint, nint, nuint, nuint, nuint, uint, nint*, nint*, int>)export(
            "clEnqueueCopyBuffer");
        _enqueueFillBuffer = (delegate* unmanaged<nint, nint, void*, nuint, nuint, nuint, uint, nint*, nint*, int>)export(
            "clEnqueueFillBuffer");
        _enqueueMapBuffer = (delegate* unmanaged<nint, nint, uint, ulong, nuint, nuint, uint, nint*, nint*, int*, void*>)export(
            "clEnqueueMapBuffer");
        _enqueueUnmapMemObject = (delegate* unmanaged<nint, nint, void*, uint, nint*, nint*, int>)export("clEnqueueUnmapMemObject");
        _enqueueMigrateMemObjects = (delegate* unmanaged<nint, uint, nint*, ulong, uint, nint*, nint*, int>)export(
            "clEnqueueMigrateMemObjects");
        _enqueueMarkerWithWaitList = (delegate* unmanaged<nint, uint, nint*, nint*, int>)export("clEnqueueMarkerWithWaitList");
        _waitForEvents = (delegate* unmanaged<uint, nint*, int>)export("clWaitForEvents");
        _getEventProfilingInfo = (delegate* unmanaged<nint, uint, nuint, void*, nuint*, int>)export("clGetEventProfilingInfo");
        _releaseEvent = (delegate* unmanaged<nint, int>)export("clReleaseEvent");
        _createProgramWithSource = (delegate* unmanaged<nint, uint, byte**, nuint*, int*, nint>)export("clCreateProgramWithSource");
        _createProgramWithBinary = (delegate* unmanaged<nint, uint, nint*, nuint*, byte**, int*, int*, nint>)export(
            "clCreateProgramWithBinary");
        _buildProgram = (delegate* unmanaged<nint, uint, nint*, byte*, nint, nint, int>)export("clBuildProgram");
        _getProgramBuildInfo = (delegate* unmanaged<nint, nint, uint, nuint, void*, nuint*, int>)export("clGetProgramBuildInfo");
        _getProgramInfo = (delegate* unmanaged<nint, uint, nuint, void*, nuint*, int>)export("clGetProgramInfo");
        _releaseProgram = (delegate* unmanaged<nint, int>)export("clReleaseProgram");
        _createKernel = (delegate* unmanaged<nint, byte*, int*, nint>)export("clCreateKernel");
        _releaseKernel = (delegate* unmanaged<nint, int>)export("clReleaseKernel");
        _setKernelArg = (delegate* unmanaged<nint, uint, nuint, void*, int>)export("clSetKernelArg");
        _getKernelWorkGroupInfo = (delegate* unmanaged<nint, nint, uint, nuint, void*, nuint*, int>)export("clGetKernelWorkGroupInfo");
        _enqueueNDRangeKernel = (delegate* unmanaged<nint, nint, uint, nuint*, nuint*, nuint*, uint, nint*, nint*, int>)export(
            "clEnqueueNDRangeKernel");
    }

    /// <summary>Fills in one piece of information: its size, where to, and the size it has.</summary>
    private delegate int InfoQuery(nuint size, void* value, nuint* actual);

    /// <summary>The names under which this system has OpenCL's loader; none needs files for development.</summary>
    public static IReadOnlyList<string> SystemNames { get; } =
        OperatingSystem.IsWindows() ? ["OpenCL.dll"]
        : OperatingSystem.IsMacOS() ? ["/System/Library/Frameworks/OpenCL.framework/OpenCL"]
        : ["libOpenCL.so.1", "libOpenCL.so"];

    /// <summary>The system's loader, or null and the reason why there is none.</summary>
    public static CLLibrary? TryGetSystem(out string reason)
    {
        (CLLibrary? library, reason) = System.Value;
        return library;
    }

    /// <summary>Loads the first library that there is of some names, or null and the reason.</summary>
    public static CLLibrary? TryLoad(IReadOnlyList<string> names, out string reason)
    {
        foreach (string name in names)
        {
            if (!NativeLibrary.TryLoad(name, out nint handle))
                continue;
            try
            {
                reason = "";
                return new CLLibrary(function => NativeLibrary.GetExport(handle, function));
            }
            catch (EntryPointNotFoundException exception)
            {
                reason = $"{name} is older than OpenCL 1.2, which is needed: {exception.Message}";
                return null;
            }
        }
        reason = $"The OpenCL loader ({names[0]}) is not installed: "
            + "it comes with a graphics driver, or as package ocl-icd-libopencl1 or similar.";
        return null;
    }

    /// <summary>The platforms: one for each installed driver.</summary>
    public nint[] GetPlatforms()
    {
        uint count;
        int result = _getPlatformIDs(0, null, &count);
        if (result == (int)CLError.CL_PLATFORM_NOT_FOUND_KHR)
            return [];
        Check(result, "clGetPlatformIDs");
        var platforms = new nint[count];
        fixed (nint* into = platforms)
        {
            if (count > 0)
                Check(_getPlatformIDs(count, into, null), "clGetPlatformIDs");
        }
        return platforms;
    }

    public string GetPlatformText(nint platform, CLPlatformInfo info) =>
        Text((size, value, actual) => _getPlatformInfo(platform, (uint)info, size, value, actual), "clGetPlatformInfo");

    /// <summary>A platform's devices of all types.</summary>
    public nint[] GetDevices(nint platform)
    {
        const ulong allTypes = 0xFFFFFFFF;
        uint count;
        int result = _getDeviceIDs(platform, allTypes, 0, null, &count);
        if (result == (int)CLError.CL_DEVICE_NOT_FOUND)
            return [];
        Check(result, "clGetDeviceIDs");
        var devices = new nint[count];
        fixed (nint* into = devices)
        {
            if (count > 0)
                Check(_getDeviceIDs(platform, allTypes, count, into, null), "clGetDeviceIDs");
        }
        return devices;
    }

    public string GetDeviceText(nint device, CLDeviceInfo info) =>
        Text((size, value, actual) => _getDeviceInfo(device, (uint)info, size, value, actual), "clGetDeviceInfo");

    /// <summary>A number of a device; all that are in use have 4 or 8 bytes and no sign.</summary>
    public ulong GetDeviceNumber(nint device, CLDeviceInfo info)
    {
        ulong value = 0;
        Check(_getDeviceInfo(device, (uint)info, sizeof(ulong), &value, null), "clGetDeviceInfo");
        return value;
    }

    /// <summary>Some sizes of a device, one for each dimension.</summary>
    public nuint[] GetDeviceSizes(nint device, CLDeviceInfo info)
    {
        byte[] bytes = Bytes((size, value, actual) => _getDeviceInfo(device, (uint)info, size, value, actual), "clGetDeviceInfo");
        return MemoryMarshal.Cast<byte, nuint>(bytes).ToArray();
    }

    public nint CreateContext(nint platform, nint device)
    {
        const nint contextPlatform = 0x1084;
        nint* properties = stackalloc nint[] { contextPlatform, platform, 0 };
        int error;
        nint context = _createContext(properties, 1, &device, 0, 0, &error);
        Check(error, "clCreateContext");
        return context;
    }

    public void ReleaseContext(nint context) => _releaseContext(context);

    /// <summary>A queue that works in order.</summary>
    public nint CreateCommandQueue(nint context, nint device, bool profiling)
    {
        const ulong enableProfiling = 2;
        int error;
        nint queue = _createCommandQueue(context, device, profiling ? enableProfiling : 0, &error);
        Check(error, "clCreateCommandQueue");
        return queue;
    }

    public void ReleaseCommandQueue(nint queue) => _releaseCommandQueue(queue);

    public void Flush(nint queue) => Check(_flush(queue), "clFlush");

    public void Finish(nint queue) => Check(_finish(queue), "clFinish");

    public nint CreateBuffer(nint context, CLMemoryFlags flags, long bytes)
    {
        int error;
        nint buffer = _createBuffer(context, (ulong)flags, (nuint)bytes, null, &error);
        Check(error, "clCreateBuffer", $"{bytes} bytes");
        return buffer;
    }

    public void ReleaseMemObject(nint memory) => _releaseMemObject(memory);

    public void EnqueueReadBuffer(nint queue, nint buffer, bool wait, long offset, long bytes, nint target) =>
        Check(
            _enqueueReadBuffer(queue, buffer, wait ? 1u : 0, (nuint)offset, (nuint)bytes, (void*)target, 0, null, null),
            "clEnqueueReadBuffer");

    public void EnqueueWriteBuffer(nint queue, nint buffer, bool wait, long offset, long bytes, nint source) =>
        Check(
            _enqueueWriteBuffer(queue, buffer, wait ? 1u : 0, (nuint)offset, (nuint)bytes, (void*)source, 0, null, null),
            "clEnqueueWriteBuffer");

    public void EnqueueCopyBuffer(nint queue, nint source, nint target, long sourceOffset, long targetOffset, long bytes) =>
        Check(
            _enqueueCopyBuffer(queue, source, target, (nuint)sourceOffset, (nuint)targetOffset, (nuint)bytes, 0, null, null),
            "clEnqueueCopyBuffer");

    public void EnqueueFillBuffer(nint queue, nint buffer, ReadOnlySpan<byte> pattern, long offset, long bytes)
    {
        fixed (byte* from = pattern)
            Check(
                _enqueueFillBuffer(queue, buffer, from, (nuint)pattern.Length, (nuint)offset, (nuint)bytes, 0, null, null),
                "clEnqueueFillBuffer");
    }

    /// <summary>Makes a whole buffer readable and writable by the host; waits.</summary>
    public nint EnqueueMapBuffer(nint queue, nint buffer, long bytes)
    {
        const ulong readAndWrite = 3;
        int error;
        void* address = _enqueueMapBuffer(queue, buffer, 1, readAndWrite, 0, (nuint)bytes, 0, null, null, &error);
        Check(error, "clEnqueueMapBuffer");
        return (nint)address;
    }

    public void EnqueueUnmapMemObject(nint queue, nint buffer, nint address) =>
        Check(_enqueueUnmapMemObject(queue, buffer, (void*)address, 0, null, null), "clEnqueueUnmapMemObject");

    /// <summary>Makes the device reserve a buffer's memory, whose contents stay undefined.</summary>
    public void EnqueueMigrateUndefined(nint queue, nint buffer)
    {
        const ulong contentUndefined = 2;
        Check(_enqueueMigrateMemObjects(queue, 1, &buffer, contentUndefined, 0, null, null), "clEnqueueMigrateMemObjects");
    }

    /// <summary>An event at the queue's present end.</summary>
    public nint EnqueueMarker(nint queue)
    {
        nint marker;
        Check(_enqueueMarkerWithWaitList(queue, 0, null, &marker), "clEnqueueMarkerWithWaitList");
        return marker;
    }

    public void WaitForEvent(nint awaited) => Check(_waitForEvents(1, &awaited), "clWaitForEvents");

    /// <summary>The device's time at which an event was over, in nanoseconds.</summary>
    public ulong GetEventEnd(nint passed)
    {
        const uint profilingCommandEnd = 0x1283;
        ulong time;
        Check(_getEventProfilingInfo(passed, profilingCommandEnd, sizeof(ulong), &time, null), "clGetEventProfilingInfo");
        return time;
    }

    public void ReleaseEvent(nint released) => _releaseEvent(released);

    public nint CreateProgramWithSource(nint context, string source)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(source);
        nuint length = (nuint)bytes.Length;
        int error;
        fixed (byte* text = bytes)
        {
            byte* start = text;
            nint program = _createProgramWithSource(context, 1, &start, &length, &error);
            Check(error, "clCreateProgramWithSource");
            return program;
        }
    }

    public nint CreateProgramWithBinary(nint context, nint device, ReadOnlySpan<byte> binary)
    {
        nuint length = (nuint)binary.Length;
        int status, error;
        fixed (byte* bytes = binary)
        {
            byte* start = bytes;
            nint program = _createProgramWithBinary(context, 1, &device, &length, &start, &status, &error);
            Check(error, "clCreateProgramWithBinary");
            return program;
        }
    }

    /// <summary>Compiles and links; failure carries the driver's log.</summary>
    public void BuildProgram(nint program, nint device, string options)
    {
        const uint buildLog = 0x1183;
        int result;
        nint* devices = stackalloc nint[] { device };
        fixed (byte* text = Terminated(options))
            result = _buildProgram(program, 1, devices, text, 0, 0);
        if (result == (int)CLError.CL_SUCCESS)
            return;
        string log;
        try
        {
            log = Text(
                (size, value, actual) => _getProgramBuildInfo(program, device, buildLog, size, value, actual), "clGetProgramBuildInfo");
        }
        catch (CLException exception)
        {
            log = $"(no log: {exception.Message})";
        }
        Check(result, "clBuildProgram", log.Trim() is { Length: > 0 } found ? found : "the driver's log is empty");
    }

    /// <summary>What a program was built to, for one device.</summary>
    public byte[] GetProgramBinary(nint program)
    {
        const uint binarySizes = 0x1165, binaries = 0x1166;
        nuint size;
        Check(_getProgramInfo(program, binarySizes, (nuint)sizeof(nuint), &size, null), "clGetProgramInfo");
        byte[] binary = new byte[checked((int)size)];
        fixed (byte* into = binary)
        {
            byte* start = into;
            Check(_getProgramInfo(program, binaries, (nuint)sizeof(byte*), &start, null), "clGetProgramInfo");
        }
        return binary;
    }

    public void ReleaseProgram(nint program) => _releaseProgram(program);

    public nint CreateKernel(nint program, string name)
    {
        int error;
        fixed (byte* text = Terminated(name))
        {
            nint kernel = _createKernel(program, text, &error);
            Check(error, "clCreateKernel", name);
            return kernel;
        }
    }

    public void ReleaseKernel(nint kernel) => _releaseKernel(kernel);

    /// <summary>Sets an argument to some bytes; null stands for local memory of the size.</summary>
    public void SetKernelArg(nint kernel, int index, int bytes, void* value) =>
        Check(_setKernelArg(kernel, (uint)index, (nuint)bytes, value), "clSetKernelArg");

    /// <summary>The most threads a group of a kernel may have on a device.</summary>
    public long GetKernelWorkGroupSize(nint kernel, nint device)
    {
        const uint workGroupSize = 0x11B0;
        nuint size;
        Check(_getKernelWorkGroupInfo(kernel, device, workGroupSize, (nuint)sizeof(nuint), &size, null), "clGetKernelWorkGroupInfo");
        return (long)size;
    }

    public void EnqueueNDRangeKernel(nint queue, nint kernel, Index3D grid, Index3D group)
    {
        nuint* local = stackalloc nuint[] { (nuint)group.X, (nuint)group.Y, (nuint)group.Z };
        nuint* global = stackalloc nuint[] { (nuint)grid.X * local[0], (nuint)grid.Y * local[1], (nuint)grid.Z * local[2] };
        Check(_enqueueNDRangeKernel(queue, kernel, 3, null, global, local, 0, null, null), "clEnqueueNDRangeKernel");
    }

    private static (CLLibrary? Library, string Reason) LoadSystem() => (TryLoad(SystemNames, out string reason), reason);

    private static byte[] Terminated(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    private static string Text(InfoQuery query, string call) => Encoding.UTF8.GetString(Bytes(query, call)).TrimEnd('\0').Trim();

    private static byte[] Bytes(InfoQuery query, string call)
    {
        nuint size;
        Check(query(0, null, &size), call);
        byte[] bytes = new byte[checked((int)size)];
        fixed (byte* into = bytes)
        {
            if (bytes.Length > 0)
                Check(query(size, into, null), call);
        }
        return bytes;
    }

    private static void Check(int result, string call, string? explanation = null)
    {
        if (result != (int)CLError.CL_SUCCESS)
            throw new CLException(call, (CLError)result, explanation);
    }
}

/// <summary>What a platform tells about itself.</summary>
internal enum CLPlatformInfo : uint
{
    Version = 0x0901,
    Name = 0x0902,
}

/// <summary>What a device tells about itself.</summary>
internal enum CLDeviceInfo : uint
{
    Type = 0x1000,
    MaxComputeUnits = 0x1002,
    MaxWorkGroupSize = 0x1004,
    MaxWorkItemSizes = 0x1005,
    MaxMemAllocSize = 0x1010,
    SingleFpConfig = 0x101B,
    GlobalMemSize = 0x101F,
    LocalMemSize = 0x1023,
    EndianLittle = 0x1026,
    Available = 0x1027,
    CompilerAvailable = 0x1028,
    Name = 0x102B,
    Vendor = 0x102C,
    DriverVersion = 0x102D,
    Version = 0x102F,
    Extensions = 0x1030,
}

/// <summary>How a buffer is used.</summary>
[Flags]
internal enum CLMemoryFlags : ulong
{
    ReadWrite = 1,
    AllocHostPtr = 16,
}
