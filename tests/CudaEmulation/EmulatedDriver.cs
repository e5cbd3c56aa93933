using System.Diagnostics;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace CudaEmulation;

/// <summary>
/// A CUDA driver without a GPU: memory, modules, streams and events of its own, launches run by interpreting their PTX. Faults can be asked for.
/// Thread-safe.
/// </summary>
/// <remarks>
/// Work on a stream is put off until something waits for it, as late as a real driver could: a copy from page-locked memory reads what is
/// there then, and work of two streams that nobody ordered runs in the order of the waits. After a fault in a kernel every call fails with it
/// until the context is given up, as the real driver's do.
/// </remarks>
public sealed unsafe class EmulatedDriver : ICudaDriver, IDisposable
{
    private static readonly Dictionary<CudaResult, (string Name, string Description)> Errors = new()
    {
        [CudaResult.InvalidValue] = ("CUDA_ERROR_INVALID_VALUE", "invalid argument"),
        [CudaResult.OutOfMemory] = ("CUDA_ERROR_OUT_OF_MEMORY", "out of memory"),
        [CudaResult.NotInitialized] = ("CUDA_ERROR_NOT_INITIALIZED", "initialization error"),
        [CudaResult.NoDevice] = ("CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"),
        [CudaResult.InvalidDevice] = ("CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"),
        [(CudaResult)201] = ("CUDA_ERROR_INVALID_CONTEXT", "invalid device context"),
        [CudaResult.InvalidPtx] = ("CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"),
        [CudaResult.UnsupportedPtxVersion] = ("CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain"),
        [(CudaResult)400] = ("CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"),
        [CudaResult.NotFound] = ("CUDA_ERROR_NOT_FOUND", "named symbol not found"),
        [(CudaResult)600] = ("CUDA_ERROR_NOT_READY", "device not ready"),
        [CudaResult.IllegalAddress] = ("CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"),
        [CudaResult.LaunchOutOfResources] = ("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"),
        [CudaResult.LaunchFailed] = ("CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"),
        [(CudaResult)999] = ("CUDA_ERROR_UNKNOWN", "unknown error"),
    };

    private const CudaResult InvalidContext = (CudaResult)201;
    private const CudaResult InvalidHandle = (CudaResult)400;
    private const CudaResult NotReady = (CudaResult)600;
    private const CudaResult Unknown = (CudaResult)999;

    private readonly Lock _lock = new();
    private readonly Device[] _devices;
    private readonly ThreadLocal<nint> _current = new();
    private readonly Dictionary<nint, object> _handles = [];
    private readonly Dictionary<nint, long> _pageLocked = [];
    private readonly List<string> _loadedPtx = [];
    private nint _nextHandle = 0x1000;
    private bool _initialized;
    private int _launches;

    /// <summary>A driver with these GPUs; one of compute capability 8.0 where none is named.</summary>
    public EmulatedDriver(params EmulatedGpu[] gpus) =>
        _devices = [.. (gpus.Length == 0 ? [new EmulatedGpu()] : gpus).Select((gpu, i) => new Device(gpu, i + 1))];

    /// <summary>The driver's version: 12040 for CUDA 12.4.</summary>
    public int DriverVersion { get; init; } = 12040;

    /// <summary>Whether the library cannot be found.</summary>
    public bool IsLibraryMissing { get; init; }

    /// <summary>Whether the driver finds no GPU.</summary>
    public bool HasNoDevice { get; init; }

    /// <summary>The number, from 1, of the launch that fails.</summary>
    public int? FailAtLaunch { get; set; }

    /// <summary>The number, from 1, of the launch at which the device vanishes.</summary>
    public int? LoseDeviceAtLaunch { get; set; }

    /// <summary>The number, from 1, of the allocation of device memory that finds none left; later ones find some again.</summary>
    public int? FailAtAllocation { get; set; }

    /// <summary>What the driver's compiler says of every kernel that it refuses; null for one that compiles them.</summary>
    public string? CompilerLog { get; set; }

    /// <summary>How many allocations of device memory were asked for.</summary>
    public int Allocations { get; private set; }

    /// <summary>How many launches were queued.</summary>
    public int Launches => _launches;

    /// <summary>How many statements were run, each counted once for each lane that ran it.</summary>
    public long LaneStatements { get; private set; }

    /// <summary>How many times a thread waited for the device.</summary>
    public int Waits { get; private set; }

    /// <summary>The PTX that was loaded, in order; for ptxas and for reading.</summary>
    public IReadOnlyList<string> LoadedPtx
    {
        get
        {
            lock (_lock)
                return [.. _loadedPtx];
        }
    }

    /// <summary>Device memory in use, all devices.</summary>
    public long BytesInUse => _devices.Sum(device => device.Memory.BytesInUse);

    /// <summary>Everything made and not given back: allocations, page-locked memory, modules, functions, streams, events and contexts.</summary>
    public int LiveObjects
    {
        get
        {
            lock (_lock)
                return _devices.Sum(device => device.Memory.Count + device.Uses) + _pageLocked.Count + _handles.Count;
        }
    }

    /// <inheritdoc/>
    string ICudaDriver.LibraryName => "emulated libcuda";

    /// <summary>Makes contexts find this driver's devices until the result is disposed, in the caller's flow of control.</summary>
    public IDisposable Install() => CudaDriver.Replace(this);

    /// <summary>Frees the devices' memory.</summary>
    public void Dispose()
    {
        foreach (Device device in _devices)
            device.Memory.Dispose();
        foreach (nint address in _pageLocked.Keys)
            NativeMemory.Free((void*)address);
        _pageLocked.Clear();
    }

    int ICudaDriver.Initialize()
    {
        if (IsLibraryMissing)
            throw new DllNotFoundException("emulated libcuda was not found: install NVIDIA's display driver.");
        if (HasNoDevice)
            throw Error("cuInit", CudaResult.NoDevice);
        _initialized = true;
        return DriverVersion;
    }

    int ICudaDriver.GetDeviceCount() => _initialized ? _devices.Length : throw Error("cuDeviceGetCount", CudaResult.NotInitialized);

    string ICudaDriver.GetDeviceName(int device) => DeviceAt(device, "cuDeviceGetName").Gpu.Name;

    long ICudaDriver.GetDeviceMemory(int device) => DeviceAt(device, "cuDeviceTotalMem").Gpu.MemoryBytes;

    int ICudaDriver.GetDeviceAttribute(int device, CudaDeviceAttribute attribute)
    {
        EmulatedGpu gpu = DeviceAt(device, "cuDeviceGetAttribute").Gpu;
        return attribute switch
        {
            CudaDeviceAttribute.MaxThreadsPerBlock or CudaDeviceAttribute.MaxBlockDimX or CudaDeviceAttribute.MaxBlockDimY => 1024,
            CudaDeviceAttribute.MaxBlockDimZ => 64,
            CudaDeviceAttribute.MaxGridDimX => int.MaxValue,
            CudaDeviceAttribute.MaxGridDimY or CudaDeviceAttribute.MaxGridDimZ => 65535,
            CudaDeviceAttribute.MaxSharedMemoryPerBlock => 48 * 1024,
            CudaDeviceAttribute.MaxSharedMemoryPerBlockOptIn => gpu.MaxSharedBytesOptIn,
            CudaDeviceAttribute.WarpSize => Warp.Lanes,
            CudaDeviceAttribute.MultiprocessorCount => gpu.Multiprocessors,
            CudaDeviceAttribute.MaxThreadsPerMultiprocessor => 2048,
            CudaDeviceAttribute.ComputeCapabilityMajor => gpu.ComputeCapability / 10,
            CudaDeviceAttribute.ComputeCapabilityMinor => gpu.ComputeCapability % 10,
            _ => throw Error("cuDeviceGetAttribute", CudaResult.InvalidValue),
        };
    }

    nint ICudaDriver.RetainContext(int device)
    {
        Device retained = DeviceAt(device, "cuDevicePrimaryCtxRetain");
        lock (_lock)
            retained.Uses++;
        return retained.Context;
    }

    void ICudaDriver.ReleaseContext(int device)
    {
        Device released = DeviceAt(device, "cuDevicePrimaryCtxRelease");
        lock (_lock)
        {
            if (released.Uses == 0)
                throw Error("cuDevicePrimaryCtxRelease", InvalidContext);
            if (--released.Uses > 0)
                return;
            // With the context goes all it owned, and the fault that spoilt it.
            foreach (nint handle in _handles.Where(entry => ((IOwned)entry.Value).Owner == released).Select(entry => entry.Key).ToArray())
                _handles.Remove(handle);
            released.Memory.Dispose();
            released.Fault = null;
        }
    }

    void ICudaDriver.SetCurrentContext(nint context)
    {
        if (Array.Find(_devices, device => device.Context == context) is not { Uses: > 0 })
            throw Error("cuCtxSetCurrent", InvalidContext);
        _current.Value = context;
    }

    void ICudaDriver.SynchronizeContext() => Call("cuCtxSynchronize", device =>
    {
        Waits++;
        FlushAll(device);
        ThrowFault("cuCtxSynchronize", device);
    });

    nint ICudaDriver.LoadModule(string ptx) => Call("cuModuleLoadDataEx", device =>
    {
        // ptxas 11.0 reads PTX 7.0, 11.1 7.1 and so on; 12.0 8.0.
        int newest = (DriverVersion / 1000 - 4) * 10 + DriverVersion % 1000 / 10;
        if (CompilerLog is { } log)
            throw Error("cuModuleLoadDataEx", CudaResult.InvalidPtx, log);
        try
        {
            PtxSource source = PtxParser.Parse(ptx);
            if (source.Version > newest)
            {
                throw Error(
                    "cuModuleLoadDataEx", CudaResult.UnsupportedPtxVersion,
                    $"PTX {source.Version / 10}.{source.Version % 10}; the driver reads up to {newest / 10}.{newest % 10}");
            }
            if (source.Target > device.Gpu.ComputeCapability)
                throw Error("cuModuleLoadDataEx", CudaResult.InvalidPtx, $"PTX of sm_{source.Target} for a GPU of sm_{device.Gpu.ComputeCapability}");
            PtxProgram[] programs = [.. source.Entries.Select(PtxDecoder.Decode)];
            foreach (PtxProgram program in programs)
            {
                if (program.Entry.StaticSharedBytes > 48 * 1024)
                {
                    throw Error(
                        "cuModuleLoadDataEx", CudaResult.InvalidPtx,
                        $"ptxas error : {program.Entry.Name} uses too much shared data ({program.Entry.StaticSharedBytes} bytes, 49152 max)");
                }
            }
            _loadedPtx.Add(ptx);
            return Add(new Module(device, programs));
        }
        catch (PtxSyntaxException exception)
        {
            throw Error("cuModuleLoadDataEx", CudaResult.InvalidPtx, $"ptxas application ptx input, {exception.Message}");
        }
    });

    void ICudaDriver.UnloadModule(nint module) => Call("cuModuleUnload", device =>
    {
        FlushAll(device);
        PtxProgram[] programs = Remove<Module>(module, "cuModuleUnload").Programs;
        foreach (nint function in _handles.Where(e => e.Value is Function f && programs.Contains(f.Program)).Select(e => e.Key).ToArray())
            _handles.Remove(function);
    });

    nint ICudaDriver.GetFunction(nint module, string name) => Call("cuModuleGetFunction", _ =>
    {
        Module loaded = Get<Module>(module, "cuModuleGetFunction");
        PtxProgram program = Array.Find(loaded.Programs, program => program.Entry.Name == name)
            ?? throw Error("cuModuleGetFunction", CudaResult.NotFound, name);
        return Add(new Function(loaded.Owner, program));
    });

    void ICudaDriver.AllowDynamicSharedBytes(nint function, int bytes) => Call("cuFuncSetAttribute", device =>
    {
        Function kernel = Get<Function>(function, "cuFuncSetAttribute");
        if (bytes < 0 || bytes + kernel.Program.Entry.StaticSharedBytes > device.Gpu.MaxSharedBytesOptIn)
            throw Error("cuFuncSetAttribute", CudaResult.InvalidValue);
        kernel.MaxDynamicBytes = bytes;
    });

    void ICudaDriver.Launch(nint function, Index3D gridDim, Index3D groupDim, int dynamicSharedBytes, nint stream, void** arguments)
    {
        const string Name = "cuLaunchKernel";
        var pointers = (nint)arguments;
        Call(Name, device =>
        {
            Function kernel = Get<Function>(function, Name);
            Stream queue = Get<Stream>(stream, Name);
            long threads = (long)groupDim.X * groupDim.Y * groupDim.Z;
            if (gridDim.X < 1 || gridDim.Y is < 1 or > 65535 || gridDim.Z is < 1 or > 65535
                || groupDim.X < 1 || groupDim.Y < 1 || groupDim.Z is < 1 or > 64)
                throw Error(Name, CudaResult.InvalidValue, $"grid {gridDim}, group {groupDim}");
            if (threads > kernel.Program.Entry.MaxThreads)
                throw Error(Name, CudaResult.LaunchOutOfResources, $"{threads} threads; .maxntid is {kernel.Program.Entry.MaxThreads}");
            if (dynamicSharedBytes > kernel.MaxDynamicBytes)
            {
                throw Error(
                    Name, CudaResult.InvalidValue,
                    $"{dynamicSharedBytes} bytes of dynamic shared memory; the function allows {kernel.MaxDynamicBytes}");
            }

            List<PtxParameter> parameters = kernel.Program.Entry.Parameters;
            byte[] values = new byte[parameters.Count == 0 ? 0 : parameters[^1].Offset + parameters[^1].Size];
            for (int i = 0; i < parameters.Count; i++)
                new ReadOnlySpan<byte>(((void**)pointers)[i], parameters[i].Size).CopyTo(values.AsSpan(parameters[i].Offset));
            int number = ++_launches;
            queue.Work.Enqueue(() => Run(device, kernel.Program, gridDim, groupDim, dynamicSharedBytes, values, number));
        });
    }

    nint ICudaDriver.Allocate(long bytes) => Call("cuMemAlloc", device =>
    {
        if (bytes <= 0)
            throw Error("cuMemAlloc", CudaResult.InvalidValue);
        if (++Allocations == FailAtAllocation || bytes > device.Gpu.MemoryBytes - device.Memory.BytesInUse)
            throw Error("cuMemAlloc", CudaResult.OutOfMemory, $"{bytes} bytes were asked for.");
        return (nint)device.Memory.Allocate(bytes);
    });

    void ICudaDriver.Free(nint address) => Call("cuMemFree", device =>
    {
        // The real driver waits here too.
        FlushAll(device);
        if (!device.Memory.Free((ulong)address))
            throw Error("cuMemFree", CudaResult.InvalidValue);
    });

    nint ICudaDriver.AllocateHost(long bytes) => Call("cuMemHostAlloc", _ =>
    {
        if (bytes <= 0)
            throw Error("cuMemHostAlloc", CudaResult.InvalidValue);
        var address = (nint)NativeMemory.Alloc((nuint)bytes);
        _pageLocked.Add(address, bytes);
        return address;
    });

    void ICudaDriver.FreeHost(nint address) => Call("cuMemFreeHost", device =>
    {
        FlushAll(device);
        if (!_pageLocked.Remove(address))
            throw Error("cuMemFreeHost", CudaResult.InvalidValue);
        NativeMemory.Free((void*)address);
    });

    void ICudaDriver.CopyHostToDevice(nint target, nint source, long bytes, nint stream) => Call("cuMemcpyHtoDAsync", device =>
    {
        Allocation to = Range(device, target, bytes, "cuMemcpyHtoDAsync");
        byte[]? staged = null;
        if (!IsPageLocked(source, bytes))
            staged = new ReadOnlySpan<byte>((void*)source, checked((int)bytes)).ToArray();
        Enqueue(stream, "cuMemcpyHtoDAsync", () =>
        {
            fixed (byte* copy = staged)
                Buffer.MemoryCopy(staged is null ? (void*)source : copy, At(to, target), bytes, bytes);
            to.MarkWritten((ulong)target, bytes);
        });
    });

    void ICudaDriver.CopyDeviceToHost(nint target, nint source, long bytes, nint stream) => Call("cuMemcpyDtoHAsync", device =>
    {
        Allocation from = Range(device, source, bytes, "cuMemcpyDtoHAsync");
        Enqueue(stream, "cuMemcpyDtoHAsync", () => Buffer.MemoryCopy(At(from, source), (void*)target, bytes, bytes));
        if (!IsPageLocked(target, bytes))
        {
            Flush(device, Get<Stream>(stream, "cuMemcpyDtoHAsync"));
            ThrowFault("cuMemcpyDtoHAsync", device);
        }
    });

    void ICudaDriver.CopyDeviceToDevice(nint target, nint source, long bytes, nint stream) => Call("cuMemcpyDtoDAsync", device =>
    {
        Allocation to = Range(device, target, bytes, "cuMemcpyDtoDAsync"), from = Range(device, source, bytes, "cuMemcpyDtoDAsync");
        Enqueue(stream, "cuMemcpyDtoDAsync", () =>
        {
            Buffer.MemoryCopy(At(from, source), At(to, target), bytes, bytes);
            Buffer.MemoryCopy(
                from.Written + ((ulong)source - from.Address), to.Written + ((ulong)target - to.Address), bytes, bytes);
        });
    });

    void ICudaDriver.Fill(nint target, byte value, long bytes, nint stream) => Call("cuMemsetD8Async", device =>
    {
        Allocation to = Range(device, target, bytes, "cuMemsetD8Async");
        Enqueue(stream, "cuMemsetD8Async", () =>
        {
            NativeMemory.Fill(At(to, target), (nuint)bytes, value);
            to.MarkWritten((ulong)target, bytes);
        });
    });

    nint ICudaDriver.CreateStream() => Call("cuStreamCreate", device => Add(new Stream(device)));

    void ICudaDriver.SynchronizeStream(nint stream) => Call("cuStreamSynchronize", device =>
    {
        Waits++;
        Flush(device, Get<Stream>(stream, "cuStreamSynchronize"));
        ThrowFault("cuStreamSynchronize", device);
    });

    void ICudaDriver.DestroyStream(nint stream) => Call("cuStreamDestroy", device =>
        Flush(device, Remove<Stream>(stream, "cuStreamDestroy")));

    nint ICudaDriver.CreateEvent() => Call("cuEventCreate", device => Add(new Event(device)));

    void ICudaDriver.RecordEvent(nint recorded, nint stream) => Call("cuEventRecord", _ =>
    {
        Event mark = Get<Event>(recorded, "cuEventRecord");
        mark.Stream = Get<Stream>(stream, "cuEventRecord");
        mark.Time = null;
        mark.Stream.Work.Enqueue(() => mark.Time = Stopwatch.GetTimestamp());
    });

    void ICudaDriver.SynchronizeEvent(nint recorded) => Call("cuEventSynchronize", device =>
    {
        Waits++;
        if (Get<Event>(recorded, "cuEventSynchronize").Stream is { } stream)
            Flush(device, stream);
        ThrowFault("cuEventSynchronize", device);
    });

    float ICudaDriver.GetElapsedMilliseconds(nint start, nint end) => Call("cuEventElapsedTime", _ =>
        Get<Event>(start, "cuEventElapsedTime").Time is { } first && Get<Event>(end, "cuEventElapsedTime").Time is { } last
            ? (float)Stopwatch.GetElapsedTime(first, last).TotalMilliseconds
            : throw Error("cuEventElapsedTime", NotReady));

    void ICudaDriver.DestroyEvent(nint recorded) => Call("cuEventDestroy", _ => Remove<Event>(recorded, "cuEventDestroy"));

    private void Run(Device device, PtxProgram program, Index3D gridDim, Index3D groupDim, int dynamicSharedBytes, byte[] arguments, int number)
    {
        if (number == LoseDeviceAtLaunch)
        {
            device.Fault = (Unknown, "The device vanished.");
            return;
        }
        if (number == FailAtLaunch)
        {
            device.Fault = (CudaResult.LaunchFailed, $"Launch {number} was to fail.");
            return;
        }
        uint[] grid = [(uint)gridDim.X, (uint)gridDim.Y, (uint)gridDim.Z], group = [(uint)groupDim.X, (uint)groupDim.Y, (uint)groupDim.Z];
        long groups = (long)grid[0] * grid[1] * grid[2], statements = 0;
        try
        {
            Parallel.For(
                0L, groups,
                () => new GroupRun(program, device.Memory, grid, group, dynamicSharedBytes, arguments),
                (index, _, run) =>
                {
                    run.Run(index);
                    return run;
                },
                run =>
                {
                    Interlocked.Add(ref statements, run.LaneStatements);
                    run.Dispose();
                });
        }
        catch (AggregateException exception) when (exception.InnerException is PtxFault fault)
        {
            device.Fault = (fault.IsAddress ? CudaResult.IllegalAddress : CudaResult.LaunchFailed, fault.Message);
        }
        LaneStatements += statements;
    }

    private static void Flush(Device device, Stream stream)
    {
        while (stream.Work.TryDequeue(out Action? work))
        {
            // Nothing runs in a spoilt context.
            if (device.Fault is null)
                work();
        }
    }

    private void FlushAll(Device device)
    {
        foreach (Stream stream in _handles.Values.OfType<Stream>().Where(stream => stream.Owner == device).ToArray())
            Flush(device, stream);
    }

    private void Enqueue(nint stream, string call, Action work) => Get<Stream>(stream, call).Work.Enqueue(work);

    private static byte* At(Allocation allocation, nint address) => allocation.Bytes + ((ulong)address - allocation.Address);

    private bool IsPageLocked(nint address, long bytes) =>
        _pageLocked.Any(piece => address >= piece.Key && address + (nint)bytes <= piece.Key + (nint)piece.Value);

    private static Allocation Range(Device device, nint address, long bytes, string call) =>
        device.Memory.Find((ulong)address, bytes)
        ?? throw Error(call, CudaResult.InvalidValue, $"{bytes} bytes at {address:x} do not lie in one allocation");

    /// <summary>Runs a call in the current context of the thread.</summary>
    private T Call<T>(string name, Func<Device, T> body)
    {
        lock (_lock)
        {
            Device device = Array.Find(_devices, device => device.Context == _current.Value && device.Uses > 0)
                ?? throw Error(name, InvalidContext);
            ThrowFault(name, device);
            return body(device);
        }
    }

    private void Call(string name, Action<Device> body) => Call(name, device =>
    {
        body(device);
        return 0;
    });

    private static void ThrowFault(string call, Device device)
    {
        if (device.Fault is { } fault)
            throw Error(call, fault.Result, fault.Log);
    }

    private Device DeviceAt(int device, string call)
    {
        if (!_initialized)
            throw Error(call, CudaResult.NotInitialized);
        return (uint)device < (uint)_devices.Length ? _devices[device] : throw Error(call, CudaResult.InvalidDevice);
    }

    private nint Add(object value)
    {
        _nextHandle += 16;
        _handles.Add(_nextHandle, value);
        return _nextHandle;
    }

    private T Get<T>(nint handle, string call)
        where T : class =>
        _handles.GetValueOrDefault(handle) as T ?? throw Error(call, InvalidHandle, $"no {typeof(T).Name} has this handle");

    private T Remove<T>(nint handle, string call)
        where T : class
    {
        T value = Get<T>(handle, call);
        _handles.Remove(handle);
        return value;
    }

    private static CudaException Error(string call, CudaResult result, string? log = null) =>
        new(call, result, Errors[result].Name, Errors[result].Description, log);

    private interface IOwned
    {
        Device Owner { get; }
    }

    private sealed class Device(EmulatedGpu gpu, int context)
    {
        public EmulatedGpu Gpu { get; } = gpu;

        public nint Context { get; } = context;

        public DeviceMemory Memory { get; } = new();

        public int Uses { get; set; }

        public (CudaResult Result, string Log)? Fault { get; set; }
    }

    private sealed record Module(Device Owner, PtxProgram[] Programs) : IOwned;

    private sealed record Function(Device Owner, PtxProgram Program) : IOwned
    {
        /// <summary>Without opting in 48 KB, static memory included.</summary>
        public int MaxDynamicBytes { get; set; } = 48 * 1024 - Program.Entry.StaticSharedBytes;
    }

    private sealed record Stream(Device Owner) : IOwned
    {
        public Queue<Action> Work { get; } = [];
    }

    private sealed record Event(Device Owner) : IOwned
    {
        public Stream? Stream { get; set; }

        public long? Time { get; set; }
    }
}
