using System.Diagnostics;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace CudaEmulation;

/// <summary>
/// A CUDA driver without a GPU: memory, modules, streams and events of its own, launches run by interpreting their PTX. Faults can be asked
/// for. Thread-safe.
/// </summary>
/// <remarks>
/// Work on a stream is put off until something waits for it, as late as a real driver could: a copy from page-locked memory reads what is
/// there then, and work of two streams that nobody ordered runs in the order of the waits. A graph's memory is looked up when it is queued:
/// what was given back since the capture is an error. After a fault in a kernel every call fails with it until the context is given up, as
/// the real driver's do.
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
        [CudaResult.UnsupportedPtxVersion] =
            ("CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain"),
        [(CudaResult)400] = ("CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"),
        [CudaResult.NotFound] = ("CUDA_ERROR_NOT_FOUND", "named symbol not found"),
        [(CudaResult)600] = ("CUDA_ERROR_NOT_READY", "device not ready"),
        [CudaResult.IllegalAddress] = ("CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"),
        [CudaResult.LaunchOutOfResources] = ("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"),
        [CaptureUnsupported] = ("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"),
        [CaptureInvalidated] = ("CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"),
        [CudaResult.LaunchFailed] = ("CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"),
        [(CudaResult)999] = ("CUDA_ERROR_UNKNOWN", "unknown error"),
    };

    private const CudaResult InvalidContext = (CudaResult)201;
    private const CudaResult InvalidHandle = (CudaResult)400;
    private const CudaResult NotReady = (CudaResult)600;
    private const CudaResult CaptureUnsupported = (CudaResult)900;
    private const CudaResult CaptureInvalidated = (CudaResult)901;
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

    /// <summary>
    /// Whether kernels are not computed, only queued: for what does not depend on their results, of networks too large to be interpreted.
    /// </summary>
    public bool SkipsKernels { get; set; }

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

    /// <summary>How many launches were queued, one by one or as part of a graph.</summary>
    public int Launches => _launches;

    /// <summary>How many of the <see cref="Launches"/> had a call of their own.</summary>
    public int LaunchCalls { get; private set; }

    /// <summary>How many times a graph was queued.</summary>
    public int GraphLaunches { get; private set; }

    /// <summary>Bytes that copies from the host have brought to devices.</summary>
    public long BytesToDevice { get; private set; }

    /// <summary>Bytes that copies have brought from devices to the host.</summary>
    public long BytesFromDevice { get; private set; }

    /// <summary>Copies from or to memory of the host that is not page-locked: those for which the calling thread waits.</summary>
    public int PageableCopies { get; private set; }

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

    /// <summary>
    /// Everything made and not given back: allocations, page-locked memory, modules, functions, streams, events and contexts.
    /// </summary>
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

    long ICudaDriver.GetFreeMemory() => Call("cuMemGetInfo", device => device.Gpu.MemoryBytes - device.Memory.BytesInUse);

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
        RefuseInCapture("cuModuleLoadDataEx", device);
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
            {
                throw Error(
                    "cuModuleLoadDataEx", CudaResult.InvalidPtx,
                    $"PTX of sm_{source.Target} for a GPU of sm_{device.Gpu.ComputeCapability}");
            }
            PtxProgram[] programs = [.. source.Entries.Select(PtxDecoder.Decode)];
            foreach (PtxProgram program in programs)
            {
                if (program.Entry.StaticSharedBytes > 48 * 1024)
                {
                    throw Error(
                        "cuModuleLoadDataEx", CudaResult.InvalidPtx,
                        $"ptxas error : {program.Entry.Name} uses too much shared data "
                        + $"({program.Entry.StaticSharedBytes} bytes, 49152 max)");
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
            if (queue.Capture is null)
                LaunchCalls++;
            queue.Add(target =>
            {
                int number = ++_launches;
                target.Work.Enqueue(() => Run(device, kernel.Program, gridDim, groupDim, dynamicSharedBytes, values, number));
            });
        });
    }

    nint ICudaDriver.Allocate(long bytes) => Call("cuMemAlloc", device =>
    {
        RefuseInCapture("cuMemAlloc", device);
        if (bytes <= 0)
            throw Error("cuMemAlloc", CudaResult.InvalidValue);
        if (++Allocations == FailAtAllocation || bytes > device.Gpu.MemoryBytes - device.Memory.BytesInUse)
            throw Error("cuMemAlloc", CudaResult.OutOfMemory, $"{bytes} bytes were asked for.");
        return (nint)device.Memory.Allocate(bytes);
    });

    void ICudaDriver.Free(nint address) => Call("cuMemFree", device =>
    {
        RefuseInCapture("cuMemFree", device);
        // The real driver waits here too.
        FlushAll(device);
        if (!device.Memory.Free((ulong)address))
            throw Error("cuMemFree", CudaResult.InvalidValue);
    });

    nint ICudaDriver.AllocateHost(long bytes) => Call("cuMemHostAlloc", device =>
    {
        RefuseInCapture("cuMemHostAlloc", device);
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
        const string Name = "cuMemcpyHtoDAsync";
        byte[]? staged = Staged(source, bytes, Get<Stream>(stream, Name), Name)
            ? new ReadOnlySpan<byte>((void*)source, checked((int)bytes)).ToArray() : null;
        Enqueue(stream, Name, () =>
        {
            Allocation to = Range(device, target, bytes, Name);
            if (staged is null)
                RequirePageLocked(source, bytes, Name);
            BytesToDevice += bytes;
            return () =>
            {
                fixed (byte* copy = staged)
                    Buffer.MemoryCopy(staged is null ? (void*)source : copy, At(to, target), bytes, bytes);
                to.MarkWritten((ulong)target, bytes);
            };
        });
    });

    void ICudaDriver.CopyDeviceToHost(nint target, nint source, long bytes, nint stream) => Call("cuMemcpyDtoHAsync", device =>
    {
        const string Name = "cuMemcpyDtoHAsync";
        bool staged = Staged(target, bytes, Get<Stream>(stream, Name), Name);
        Enqueue(stream, Name, () =>
        {
            Allocation from = Range(device, source, bytes, Name);
            if (!staged)
                RequirePageLocked(target, bytes, Name);
            BytesFromDevice += bytes;
            return () => Buffer.MemoryCopy(At(from, source), (void*)target, bytes, bytes);
        });
        if (staged)
        {
            Flush(device, Get<Stream>(stream, Name));
            ThrowFault(Name, device);
        }
    });

    void ICudaDriver.CopyDeviceToDevice(nint target, nint source, long bytes, nint stream) => Call("cuMemcpyDtoDAsync", device =>
        Enqueue(stream, "cuMemcpyDtoDAsync", () =>
        {
            Allocation to = Range(device, target, bytes, "cuMemcpyDtoDAsync"), from = Range(device, source, bytes, "cuMemcpyDtoDAsync");
            return () =>
            {
                Buffer.MemoryCopy(At(from, source), At(to, target), bytes, bytes);
                Buffer.MemoryCopy(
                    from.Written + ((ulong)source - from.Address), to.Written + ((ulong)target - to.Address), bytes, bytes);
            };
        }));

    void ICudaDriver.Fill(nint target, byte value, long bytes, nint stream) => Call("cuMemsetD8Async", device =>
        Enqueue(stream, "cuMemsetD8Async", () =>
        {
            Allocation to = Range(device, target, bytes, "cuMemsetD8Async");
            return () =>
            {
                NativeMemory.Fill(At(to, target), (nuint)bytes, value);
                to.MarkWritten((ulong)target, bytes);
            };
        }));

    nint ICudaDriver.CreateStream() => Call("cuStreamCreate", device => Add(new Stream(device)));

    void ICudaDriver.SynchronizeStream(nint stream) => Call("cuStreamSynchronize", device =>
    {
        Waits++;
        Stream waited = Get<Stream>(stream, "cuStreamSynchronize");
        if (waited.Capture is { } capture)
        {
            capture.IsInvalid = true;
            throw Error("cuStreamSynchronize", CaptureUnsupported);
        }
        Flush(device, waited);
        ThrowFault("cuStreamSynchronize", device);
    });

    void ICudaDriver.DestroyStream(nint stream) => Call("cuStreamDestroy", device =>
        Flush(device, Remove<Stream>(stream, "cuStreamDestroy")));

    void ICudaDriver.BeginCapture(nint stream) => Call("cuStreamBeginCapture", _ =>
    {
        Stream captured = Get<Stream>(stream, "cuStreamBeginCapture");
        if (captured.Capture is not null)
            throw Error("cuStreamBeginCapture", CudaResult.InvalidValue, "the stream is being captured already");
        captured.Capture = new Capture(Environment.CurrentManagedThreadId);
    });

    nint ICudaDriver.EndCapture(nint stream) => Call("cuStreamEndCapture", device =>
    {
        Stream captured = Get<Stream>(stream, "cuStreamEndCapture");
        Capture capture = captured.Capture
            ?? throw Error("cuStreamEndCapture", CudaResult.InvalidValue, "the stream is not being captured");
        captured.Capture = null;
        return capture.IsInvalid ? throw Error("cuStreamEndCapture", CaptureInvalidated) : Add(new Graph(device, capture.Work));
    });

    void ICudaDriver.DestroyGraph(nint graph) => Call("cuGraphDestroy", _ => Remove<Graph>(graph, "cuGraphDestroy"));

    nint ICudaDriver.InstantiateGraph(nint graph) => Call("cuGraphInstantiate", device =>
        Add(new GraphExecutable(device, [.. Get<Graph>(graph, "cuGraphInstantiate").Work])));

    void ICudaDriver.LaunchGraph(nint executable, nint stream) => Call("cuGraphLaunch", _ =>
    {
        GraphExecutable graph = Get<GraphExecutable>(executable, "cuGraphLaunch");
        Stream queue = Get<Stream>(stream, "cuGraphLaunch");
        GraphLaunches++;
        foreach (Action<Stream> work in graph.Work)
            queue.Add(work);
    });

    void ICudaDriver.DestroyGraphExecutable(nint executable) => Call("cuGraphExecDestroy", device =>
    {
        // Of a graph that is under way the real driver waits with the destruction too.
        FlushAll(device);
        Remove<GraphExecutable>(executable, "cuGraphExecDestroy");
    });

    nint ICudaDriver.CreateEvent() => Call("cuEventCreate", device => Add(new Event(device)));

    void ICudaDriver.RecordEvent(nint recorded, nint stream) => Call("cuEventRecord", _ =>
    {
        Event mark = Get<Event>(recorded, "cuEventRecord");
        mark.Stream = Get<Stream>(stream, "cuEventRecord");
        mark.Time = null;
        mark.Stream.Add(target => target.Work.Enqueue(() => mark.Time = Stopwatch.GetTimestamp()));
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

    private void Run(
        Device device, PtxProgram program, Index3D gridDim, Index3D groupDim, int dynamicSharedBytes, byte[] arguments, int number)
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
        if (SkipsKernels)
            return;
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

    /// <summary>Queues work that first looks up what it needs: now, and for a captured stream whenever the graph is queued.</summary>
    private void Enqueue(nint stream, string call, Func<Action> prepare) =>
        Get<Stream>(stream, call).Add(target => target.Work.Enqueue(prepare()));

    /// <summary>
    /// Whether a copy's memory of the host is not page-locked, and the copy is therefore not left to the stream alone; an error in a
    /// capture.
    /// </summary>
    private bool Staged(nint address, long bytes, Stream stream, string call)
    {
        if (IsPageLocked(address, bytes))
            return false;
        PageableCopies++;
        if (stream.Capture is { } capture)
        {
            capture.IsInvalid = true;
            throw Error(call, CaptureUnsupported, "the host's memory is not page-locked");
        }
        return true;
    }

    private void RequirePageLocked(nint address, long bytes, string call)
    {
        if (!IsPageLocked(address, bytes))
            throw Error(call, CudaResult.InvalidValue, "the host's memory of a captured copy was given back");
    }

    /// <summary>What would wait for the device, or move its memory, a thread may not do while it captures.</summary>
    private void RefuseInCapture(string call, Device device)
    {
        foreach (Stream stream in _handles.Values.OfType<Stream>())
        {
            if (stream.Owner == device && stream.Capture is { } capture && capture.Thread == Environment.CurrentManagedThreadId)
            {
                capture.IsInvalid = true;
                throw Error(call, CaptureUnsupported);
            }
        }
    }

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

        /// <summary>What is recorded instead of queued; null where nothing is.</summary>
        public Capture? Capture { get; set; }

        /// <summary>Queues, or records, something that puts work into a stream.</summary>
        public void Add(Action<Stream> queue)
        {
            if (Capture is null)
                queue(this);
            else
                Capture.Work.Add(queue);
        }
    }

    /// <summary>What a thread records of a stream.</summary>
    private sealed class Capture(int thread)
    {
        public int Thread { get; } = thread;

        public List<Action<Stream>> Work { get; } = [];

        /// <summary>Whether something was tried that cannot be captured.</summary>
        public bool IsInvalid { get; set; }
    }

    private sealed record Graph(Device Owner, List<Action<Stream>> Work) : IOwned;

    private sealed record GraphExecutable(Device Owner, Action<Stream>[] Work) : IOwned;

    private sealed record Event(Device Owner) : IOwned
    {
        public Stream? Stream { get; set; }

        public long? Time { get; set; }
    }
}
