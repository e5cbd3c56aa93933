namespace ILGPU.Runtime.Cuda;

/// <summary>
/// All that is asked of the CUDA driver, so that something else can stand in for it. Handles are the driver's own; every call but
/// <see cref="Initialize"/> and the questions about devices works on the calling thread's current context.
/// </summary>
/// <exception cref="CudaException">From every method: the driver refused.</exception>
internal interface ICudaDriver
{
    /// <summary>The library through which the driver is reached, for listings.</summary>
    string LibraryName { get; }

    /// <summary>Loads and starts the driver; may be called again. The version is 12040 for CUDA 12.4.</summary>
    /// <exception cref="DllNotFoundException">The library is missing, or has not the functions needed; the message says which.</exception>
    int Initialize();

    int GetDeviceCount();

    string GetDeviceName(int device);

    long GetDeviceMemory(int device);

    /// <summary>Bytes of the current context's device that nobody uses.</summary>
    long GetFreeMemory();

    int GetDeviceAttribute(int device, CudaDeviceAttribute attribute);

    /// <summary>The context that all users of a device in this process share; counted.</summary>
    nint RetainContext(int device);

    void ReleaseContext(int device);

    void SetCurrentContext(nint context);

    /// <summary>Waits for all work of the current context.</summary>
    void SynchronizeContext();

    /// <summary>Compiles and loads PTX; a fault in it is an exception with the compiler's log.</summary>
    nint LoadModule(string ptx);

    void UnloadModule(nint module);

    nint GetFunction(nint module, string name);

    /// <summary>Allows launches of a function so much dynamic shared memory, beyond the 48 KB that all may have.</summary>
    void AllowDynamicSharedBytes(nint function, int bytes);

    /// <summary>Queues a launch. Each argument is a pointer to its value; the values are read before the call returns.</summary>
    unsafe void Launch(nint function, Index3D gridDim, Index3D groupDim, int dynamicSharedBytes, nint stream, void** arguments);

    nint Allocate(long bytes);

    void Free(nint address);

    /// <summary>Page-locked memory of the host.</summary>
    nint AllocateHost(long bytes);

    void FreeHost(nint address);

    /// <summary>Queues a copy. A source that is not page-locked has been read when the call returns.</summary>
    void CopyHostToDevice(nint target, nint source, long bytes, nint stream);

    /// <summary>Queues a copy, which may be done any time until the stream is synchronized.</summary>
    void CopyDeviceToHost(nint target, nint source, long bytes, nint stream);

    void CopyDeviceToDevice(nint target, nint source, long bytes, nint stream);

    void Fill(nint target, byte value, long bytes, nint stream);

    /// <summary>A stream that does not wait for the legacy default stream.</summary>
    nint CreateStream();

    void SynchronizeStream(nint stream);

    void DestroyStream(nint stream);

    /// <summary>
    /// Has what this thread queues on a stream recorded instead of done, until <see cref="EndCapture"/>. Other threads and streams go on as
    /// before.
    /// </summary>
    void BeginCapture(nint stream);

    /// <summary>
    /// The graph of what was queued since <see cref="BeginCapture"/>; after an error in between it throws, and the capture is over all the
    /// same.
    /// </summary>
    nint EndCapture(nint stream);

    void DestroyGraph(nint graph);

    /// <summary>What can be launched of a graph, which may then be destroyed.</summary>
    nint InstantiateGraph(nint graph);

    /// <summary>Queues all of a graph.</summary>
    void LaunchGraph(nint executable, nint stream);

    void DestroyGraphExecutable(nint executable);

    /// <summary>An event that records the time, and whose waiting threads sleep.</summary>
    nint CreateEvent();

    void RecordEvent(nint recorded, nint stream);

    void SynchronizeEvent(nint recorded);

    /// <summary>The device's time between two events that have passed, in milliseconds.</summary>
    float GetElapsedMilliseconds(nint start, nint end);

    void DestroyEvent(nint recorded);
}

/// <summary>Numbers of a device, as the driver numbers them.</summary>
internal enum CudaDeviceAttribute
{
    MaxThreadsPerBlock = 1,
    MaxBlockDimX = 2,
    MaxBlockDimY = 3,
    MaxBlockDimZ = 4,
    MaxGridDimX = 5,
    MaxGridDimY = 6,
    MaxGridDimZ = 7,
    MaxSharedMemoryPerBlock = 8,
    WarpSize = 10,
    MultiprocessorCount = 16,
    MaxThreadsPerMultiprocessor = 39,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
    MaxSharedMemoryPerBlockOptIn = 97,
}
