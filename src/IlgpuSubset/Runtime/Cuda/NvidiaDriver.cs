using System.Runtime.InteropServices;
using System.Text;

namespace ILGPU.Runtime.Cuda;

/// <summary>
/// NVIDIA's driver. The library that comes with the display driver is enough (libcuda.so.1, nvcuda.dll): no toolkit, no
/// development links. Thread-safe.
/// </summary>
internal sealed unsafe class NvidiaDriver : ICudaDriver
{
    private const int NonBlockingStream = 1;
    private const int BlockingSyncEvent = 1;
    private const int LogBytes = 16 * 1024;

    private readonly Lock _lock = new();
    private nint _library;
    private int _version;

    private delegate* unmanaged<CudaResult, byte**, CudaResult> _getErrorName;
    private delegate* unmanaged<CudaResult, byte**, CudaResult> _getErrorString;
    private delegate* unmanaged<int*, CudaResult> _deviceGetCount;
    private delegate* unmanaged<int*, int, CudaResult> _deviceGet;
    private delegate* unmanaged<byte*, int, int, CudaResult> _deviceGetName;
    private delegate* unmanaged<nuint*, int, CudaResult> _deviceTotalMem;
    private delegate* unmanaged<int*, int, int, CudaResult> _deviceGetAttribute;
    private delegate* unmanaged<nint*, int, CudaResult> _primaryCtxRetain;
    private delegate* unmanaged<int, CudaResult> _primaryCtxRelease;
    private delegate* unmanaged<nint, CudaResult> _ctxSetCurrent;
    private delegate* unmanaged<CudaResult> _ctxSynchronize;
    private delegate* unmanaged<nint*, byte*, uint, int*, void**, CudaResult> _moduleLoadData;
    private delegate* unmanaged<nint, CudaResult> _moduleUnload;
    private delegate* unmanaged<nint*, nint, byte*, CudaResult> _moduleGetFunction;
    private delegate* unmanaged<nint, int, int, CudaResult> _funcSetAttribute;
    private delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CudaResult> _launchKernel;
    private delegate* unmanaged<nint*, nuint, CudaResult> _memAlloc;
    private delegate* unmanaged<nint, CudaResult> _memFree;
    private delegate* unmanaged<nint*, nuint, uint, CudaResult> _memHostAlloc;
    private delegate* unmanaged<nint, CudaResult> _memFreeHost;
    private delegate* unmanaged<nint, nint, nuint, nint, CudaResult> _memcpyHtoDAsync;
    private delegate* unmanaged<nint, nint, nuint, nint, CudaResult> _memcpyDtoHAsync;
    private delegate* unmanaged<nint, nint, nuint, nint, CudaResult> _memcpyDtoDAsync;
    private delegate* unmanaged<nint, byte, nuint, nint, CudaResult> _memsetD8Async;
    private delegate* unmanaged<nuint*, nuint*, CudaResult> _memGetInfo;
    private delegate* unmanaged<nint*, uint, CudaResult> _streamCreate;
    private delegate* unmanaged<nint, CudaResult> _streamSynchronize;
    private delegate* unmanaged<nint, CudaResult> _streamDestroy;
    private delegate* unmanaged<nint, int, CudaResult> _streamBeginCapture;
    private delegate* unmanaged<nint, nint*, CudaResult> _streamEndCapture;
    private delegate* unmanaged<nint, CudaResult> _graphDestroy;
    private delegate* unmanaged<nint*, nint, nint*, byte*, nuint, CudaResult> _graphInstantiate;
    private delegate* unmanaged<nint, nint, CudaResult> _graphLaunch;
    private delegate* unmanaged<nint, CudaResult> _graphExecDestroy;
    private delegate* unmanaged<nint*, uint, CudaResult> _eventCreate;
    private delegate* unmanaged<nint, nint, CudaResult> _eventRecord;
    private delegate* unmanaged<nint, CudaResult> _eventSynchronize;
    private delegate* unmanaged<float*, nint, nint, CudaResult> _eventElapsedTime;
    private delegate* unmanaged<nint, CudaResult> _eventDestroy;

    /// <inheritdoc/>
    public string LibraryName => OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";

    /// <inheritdoc/>
    public int Initialize()
    {
        lock (_lock)
        {
            if (_version == 0)
                Start();
            return _version;
        }
    }

    /// <inheritdoc/>
    public int GetDeviceCount()
    {
        int count;
        Check(_deviceGetCount(&count), "cuDeviceGetCount");
        return count;
    }

    /// <inheritdoc/>
    public string GetDeviceName(int device)
    {
        byte* name = stackalloc byte[256];
        Check(_deviceGetName(name, 256, Handle(device)), "cuDeviceGetName");
        return Marshal.PtrToStringUTF8((nint)name) ?? "";
    }

    /// <inheritdoc/>
    public long GetDeviceMemory(int device)
    {
        nuint bytes;
        Check(_deviceTotalMem(&bytes, Handle(device)), "cuDeviceTotalMem");
        return (long)bytes;
    }

    /// <inheritdoc/>
    public long GetFreeMemory()
    {
        nuint free, total;
        Check(_memGetInfo(&free, &total), "cuMemGetInfo");
        return (long)free;
    }

    /// <inheritdoc/>
    public int GetDeviceAttribute(int device, CudaDeviceAttribute attribute)
    {
        int value;
        Check(_deviceGetAttribute(&value, (int)attribute, Handle(device)), "cuDeviceGetAttribute");
        return value;
    }

    /// <inheritdoc/>
    public nint RetainContext(int device)
    {
        nint context;
        Check(_primaryCtxRetain(&context, Handle(device)), "cuDevicePrimaryCtxRetain");
        return context;
    }

    /// <inheritdoc/>
    public void ReleaseContext(int device) => Check(_primaryCtxRelease(Handle(device)), "cuDevicePrimaryCtxRelease");

    /// <inheritdoc/>
    public void SetCurrentContext(nint context) => Check(_ctxSetCurrent(context), "cuCtxSetCurrent");

    /// <inheritdoc/>
    public void SynchronizeContext() => Check(_ctxSynchronize(), "cuCtxSynchronize");

    /// <inheritdoc/>
    public nint LoadModule(string ptx)
    {
        const int ErrorLogBuffer = 5, ErrorLogBytes = 6;
        nint module;
        byte[] log = new byte[LogBytes];
        byte[] text = Encoding.UTF8.GetBytes(ptx + '\0');
        CudaResult result;
        fixed (byte* logPointer = log)
        fixed (byte* textPointer = text)
        {
            int* options = stackalloc int[2] { ErrorLogBuffer, ErrorLogBytes };
            void** values = stackalloc void*[2] { logPointer, (void*)LogBytes };
            result = _moduleLoadData(&module, textPointer, 2, options, values);
        }
        Check(result, "cuModuleLoadDataEx", LogText(log));
        return module;
    }

    /// <inheritdoc/>
    public void UnloadModule(nint module) => Check(_moduleUnload(module), "cuModuleUnload");

    /// <inheritdoc/>
    public nint GetFunction(nint module, string name)
    {
        nint function;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
            Check(_moduleGetFunction(&function, module, text), "cuModuleGetFunction", name);
        return function;
    }

    /// <inheritdoc/>
    public void AllowDynamicSharedBytes(nint function, int bytes)
    {
        const int MaxDynamicSharedSizeBytes = 8;
        Check(
            _funcSetAttribute(function, MaxDynamicSharedSizeBytes, bytes), "cuFuncSetAttribute",
            $"{bytes} bytes of dynamic shared memory were asked for.");
    }

    /// <inheritdoc/>
    public void Launch(nint function, Index3D gridDim, Index3D groupDim, int dynamicSharedBytes, nint stream, void** arguments) =>
        Check(
            _launchKernel(
                function, (uint)gridDim.X, (uint)gridDim.Y, (uint)gridDim.Z, (uint)groupDim.X, (uint)groupDim.Y, (uint)groupDim.Z,
                (uint)dynamicSharedBytes, stream, arguments, null),
            "cuLaunchKernel");

    /// <inheritdoc/>
    public nint Allocate(long bytes)
    {
        nint address;
        Check(_memAlloc(&address, (nuint)bytes), "cuMemAlloc", $"{bytes} bytes were asked for.");
        return address;
    }

    /// <inheritdoc/>
    public void Free(nint address) => Check(_memFree(address), "cuMemFree");

    /// <inheritdoc/>
    public nint AllocateHost(long bytes)
    {
        nint address;
        Check(_memHostAlloc(&address, (nuint)bytes, 0), "cuMemHostAlloc", $"{bytes} bytes were asked for.");
        return address;
    }

    /// <inheritdoc/>
    public void FreeHost(nint address) => Check(_memFreeHost(address), "cuMemFreeHost");

    /// <inheritdoc/>
    public void CopyHostToDevice(nint target, nint source, long bytes, nint stream) =>
        Check(_memcpyHtoDAsync(target, source, (nuint)bytes, stream), "cuMemcpyHtoDAsync");

    /// <inheritdoc/>
    public void CopyDeviceToHost(nint target, nint source, long bytes, nint stream) =>
        Check(_memcpyDtoHAsync(target, source, (nuint)bytes, stream), "cuMemcpyDtoHAsync");

    /// <inheritdoc/>
    public void CopyDeviceToDevice(nint target, nint source, long bytes, nint stream) =>
        Check(_memcpyDtoDAsync(target, source, (nuint)bytes, stream), "cuMemcpyDtoDAsync");

    /// <inheritdoc/>
    public void Fill(nint target, byte value, long bytes, nint stream) =>
        Check(_memsetD8Async(target, value, (nuint)bytes, stream), "cuMemsetD8Async");

    /// <inheritdoc/>
    public nint CreateStream()
    {
        nint stream;
        Check(_streamCreate(&stream, NonBlockingStream), "cuStreamCreate");
        return stream;
    }

    /// <inheritdoc/>
    public void SynchronizeStream(nint stream) => Check(_streamSynchronize(stream), "cuStreamSynchronize");

    /// <inheritdoc/>
    public void DestroyStream(nint stream) => Check(_streamDestroy(stream), "cuStreamDestroy");

    /// <inheritdoc/>
    public void BeginCapture(nint stream)
    {
        const int ThreadLocalMode = 1;
        Check(_streamBeginCapture(stream, ThreadLocalMode), "cuStreamBeginCapture");
    }

    /// <inheritdoc/>
    public nint EndCapture(nint stream)
    {
        nint graph;
        Check(_streamEndCapture(stream, &graph), "cuStreamEndCapture");
        return graph;
    }

    /// <inheritdoc/>
    public void DestroyGraph(nint graph) => Check(_graphDestroy(graph), "cuGraphDestroy");

    /// <inheritdoc/>
    public nint InstantiateGraph(nint graph)
    {
        nint executable, node = 0;
        byte[] log = new byte[LogBytes];
        CudaResult result;
        fixed (byte* logPointer = log)
            result = _graphInstantiate(&executable, graph, &node, logPointer, LogBytes);
        Check(result, "cuGraphInstantiate", LogText(log));
        return executable;
    }

    /// <inheritdoc/>
    public void LaunchGraph(nint executable, nint stream) => Check(_graphLaunch(executable, stream), "cuGraphLaunch");

    /// <inheritdoc/>
    public void DestroyGraphExecutable(nint executable) => Check(_graphExecDestroy(executable), "cuGraphExecDestroy");

    /// <inheritdoc/>
    public nint CreateEvent()
    {
        nint created;
        Check(_eventCreate(&created, BlockingSyncEvent), "cuEventCreate");
        return created;
    }

    /// <inheritdoc/>
    public void RecordEvent(nint recorded, nint stream) => Check(_eventRecord(recorded, stream), "cuEventRecord");

    /// <inheritdoc/>
    public void SynchronizeEvent(nint recorded) => Check(_eventSynchronize(recorded), "cuEventSynchronize");

    /// <inheritdoc/>
    public float GetElapsedMilliseconds(nint start, nint end)
    {
        float milliseconds;
        Check(_eventElapsedTime(&milliseconds, start, end), "cuEventElapsedTime");
        return milliseconds;
    }

    /// <inheritdoc/>
    public void DestroyEvent(nint recorded) => Check(_eventDestroy(recorded), "cuEventDestroy");

    /// <summary>What the driver has written up to a zero.</summary>
    private static string LogText(byte[] log)
    {
        int end = Array.IndexOf(log, (byte)0);
        return Encoding.UTF8.GetString(log, 0, end < 0 ? log.Length : end);
    }

    /// <summary>The driver's handle of the device with a number.</summary>
    private int Handle(int device)
    {
        int handle;
        Check(_deviceGet(&handle, device), "cuDeviceGet");
        return handle;
    }

    private void Start()
    {
        if (_library == 0)
        {
            if (!NativeLibrary.TryLoad(LibraryName, out nint library))
                throw new DllNotFoundException($"{LibraryName} was not found: install NVIDIA's display driver.");
            // Kept only when all functions are there.
            Bind(library);
            _library = library;
        }
        var initialize = (delegate* unmanaged<uint, CudaResult>)Export(_library, "cuInit");
        Check(initialize(0), "cuInit");
        var getVersion = (delegate* unmanaged<int*, CudaResult>)Export(_library, "cuDriverGetVersion");
        int version;
        Check(getVersion(&version), "cuDriverGetVersion");
        _version = version;
    }

    /// <summary>Functions by the names of their present versions: an unmarked name is the one that CUDA 2 had.</summary>
    private void Bind(nint library)
    {
        _getErrorName = (delegate* unmanaged<CudaResult, byte**, CudaResult>)Export(library, "cuGetErrorName");
        _getErrorString = (delegate* unmanaged<CudaResult, byte**, CudaResult>)Export(library, "cuGetErrorString");
        _deviceGetCount = (delegate* unmanaged<int*, CudaResult>)Export(library, "cuDeviceGetCount");
        _deviceGet = (delegate* unmanaged<int*, int, CudaResult>)Export(library, "cuDeviceGet");
        _deviceGetName = (delegate* unmanaged<byte*, int, int, CudaResult>)Export(library, "cuDeviceGetName");
        _deviceTotalMem = (delegate* unmanaged<nuint*, int, CudaResult>)Export(library, "cuDeviceTotalMem_v2");
        _deviceGetAttribute = (delegate* unmanaged<int*, int, int, CudaResult>)Export(library, "cuDeviceGetAttribute");
        _primaryCtxRetain = (delegate* unmanaged<nint*, int, CudaResult>)Export(library, "cuDevicePrimaryCtxRetain");
        _primaryCtxRelease = (delegate* unmanaged<int, CudaResult>)Export(library, "cuDevicePrimaryCtxRelease_v2");
        _ctxSetCurrent = (delegate* unmanaged<nint, CudaResult>)Export(library, "cuCtxSetCurrent");
        _ctxSynchronize = (delegate* unmanaged<CudaResult>)Export(library, "cuCtxSynchronize");
        _moduleLoadData = (delegate* unmanaged<nint*, byte*, uint, int*, void**, CudaResult>)Export(library, "cuModuleLoadDataEx");
        _moduleUnload = (delegate* unmanaged<nint, CudaResult>)Export(library, "cuModuleUnload");
        _moduleGetFunction = (delegate* unmanaged<nint*, nint, byte*, CudaResult>)Export(library, "cuModuleGetFunction");
        _funcSetAttribute = (delegate* unmanaged<nint, int, int, CudaResult>)Export(library, "cuFuncSetAttribute");
        _launchKernel =
            (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CudaResult>)
            Export(library, "cuLaunchKernel");
        _memAlloc = (delegate* unmanaged<nint*, nuint, CudaResult>)Export(library, "cuMemAlloc_v2");
        _memFree = (delegate* unmanaged<nint, CudaResult>)Export(library, "cuMemFree_v2");
        _memHostAlloc = (delegate* unmanaged<nint*, nuint, uint, CudaResult>)Export(library, "cuMemHostAlloc");
        _memFreeHost = (delegate* unmanaged<nint, CudaResult>)Export(library, "cuMemFreeHost");
        _memcpyHtoDAsync = (delegate* unmanaged<nint, nint, nuint, nint, CudaResult>)Export(library, "cuMemcpyHtoDAsync_v2");
        _memcpyDtoHAsync = (delegate* unmanaged<nint, nint, nuint, nint, CudaResult>)Export(library, "cuMemcpyDtoHAsync_v2");
        _memcpyDtoDAsync = (delegate* unmanaged<nint, nint, nuint, nint, CudaResult>)Export(library, "cuMemcpyDtoDAsync_v2");
        _memsetD8Async = (delegate* unmanaged<nint, byte, nuint, nint, CudaResult>)Export(library, "cuMemsetD8Async");
        _streamCreate = (delegate* unmanaged<nint*, uint, CudaResult>)Export(library, "cuStreamCreate");
        _streamSynchronize = (delegate* unmanaged<nint, CudaResult>)Export(library, "cuStreamSynchronize");
        _streamDestroy = (delegate* unmanaged<nint, CudaResult>)Export(library, "cuStreamDestroy_v2");
        _memGetInfo = (delegate* unmanaged<nuint*, nuint*, CudaResult>)Export(library, "cuMemGetInfo_v2");
        _streamBeginCapture = (delegate* unmanaged<nint, int, CudaResult>)Export(library, "cuStreamBeginCapture_v2");
        _streamEndCapture = (delegate* unmanaged<nint, nint*, CudaResult>)Export(library, "cuStreamEndCapture");
        _graphDestroy = (delegate* unmanaged<nint, CudaResult>)Export(library, "cuGraphDestroy");
        _graphInstantiate = (delegate* unmanaged<nint*, nint, nint*, byte*, nuint, CudaResult>)Export(library, "cuGraphInstantiate_v2");
        _graphLaunch = (delegate* unmanaged<nint, nint, CudaResult>)Export(library, "cuGraphLaunch");
        _graphExecDestroy = (delegate* unmanaged<nint, CudaResult>)Export(library, "cuGraphExecDestroy");
        _eventCreate = (delegate* unmanaged<nint*, uint, CudaResult>)Export(library, "cuEventCreate");
        _eventRecord = (delegate* unmanaged<nint, nint, CudaResult>)Export(library, "cuEventRecord");
        _eventSynchronize = (delegate* unmanaged<nint, CudaResult>)Export(library, "cuEventSynchronize");
        _eventElapsedTime = (delegate* unmanaged<float*, nint, nint, CudaResult>)Export(library, "cuEventElapsedTime");
        _eventDestroy = (delegate* unmanaged<nint, CudaResult>)Export(library, "cuEventDestroy_v2");
    }

    private void* Export(nint library, string name) => NativeLibrary.TryGetExport(library, name, out nint address)
        ? (void*)address
        : throw new DllNotFoundException(
            $"{LibraryName} has no {name}: NVIDIA's display driver is too old, install one of CUDA 11.0 or newer.");

    private void Check(CudaResult result, string call, string? log = null)
    {
        if (result == CudaResult.Success)
            return;
        throw new CudaException(call, result, Text(_getErrorName, "an error without a name"), Text(_getErrorString, "no description"), log);

        string Text(delegate* unmanaged<CudaResult, byte**, CudaResult> get, string otherwise)
        {
            byte* text = null;
            return get(result, &text) == CudaResult.Success && text is not null ? Marshal.PtrToStringUTF8((nint)text)! : otherwise;
        }
    }
}
