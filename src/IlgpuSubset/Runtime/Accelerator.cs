using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU.Compiler;

namespace ILGPU.Runtime;

/// <summary>An opened device: allocates memory, compiles kernels and runs them.</summary>
/// <remarks>Allocation, loading and disposal may be called from any thread; launches and copies follow the stream's rule.</remarks>
public abstract class Accelerator : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(MethodInfo Method, bool AutoGrouped, KernelSpecialization Specialization), KernelLauncher> _launchers = [];
    private AcceleratorStream? _defaultStream;
    private bool _disposed;

    private protected Accelerator(Context context, Device device)
    {
        Context = context;
        Device = device;
    }

    /// <summary>The context that found the device.</summary>
    public Context Context { get; }

    /// <summary>The device.</summary>
    public Device Device { get; }

    /// <inheritdoc cref="Device.AcceleratorType"/>
    public AcceleratorType AcceleratorType => Device.AcceleratorType;

    /// <inheritdoc cref="Device.Name"/>
    public string Name => Device.Name;

    /// <inheritdoc cref="Device.MemorySize"/>
    public long MemorySize => Device.MemorySize;

    /// <inheritdoc cref="Device.MaxGridSize"/>
    public Index3D MaxGridSize => Device.MaxGridSize;

    /// <inheritdoc cref="Device.MaxGroupSize"/>
    public Index3D MaxGroupSize => Device.MaxGroupSize;

    /// <inheritdoc cref="Device.MaxNumThreadsPerGroup"/>
    public int MaxNumThreadsPerGroup => Device.MaxNumThreadsPerGroup;

    /// <inheritdoc cref="Device.MaxSharedMemoryPerGroup"/>
    public int MaxSharedMemoryPerGroup => Device.MaxSharedMemoryPerGroup;

    /// <inheritdoc cref="Device.WarpSize"/>
    public int WarpSize => Device.WarpSize;

    /// <inheritdoc cref="Device.NumMultiprocessors"/>
    public int NumMultiprocessors => Device.NumMultiprocessors;

    /// <inheritdoc cref="Device.MaxNumThreadsPerMultiprocessor"/>
    public int MaxNumThreadsPerMultiprocessor => Device.MaxNumThreadsPerMultiprocessor;

    /// <inheritdoc cref="Device.MaxNumThreads"/>
    public int MaxNumThreads => Device.MaxNumThreads;

    /// <summary>The stream that calls without a stream use.</summary>
    public AcceleratorStream DefaultStream
    {
        get
        {
            lock (_lock)
                return _defaultStream ??= CreateStreamCore();
        }
    }

    /// <summary>What the compiler must know of the device.</summary>
    internal abstract CompilerOptions CompilerOptions { get; }

    /// <summary>A new stream.</summary>
    public AcceleratorStream CreateStream()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return CreateStreamCore();
    }

    /// <summary>Waits until all streams are done.</summary>
    public abstract void Synchronize();

    /// <summary>Memory for <paramref name="length"/> elements; contents are undefined.</summary>
    public MemoryBuffer AllocateRaw(long length, int elementSize)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return AllocateCore(length, elementSize);
    }

    /// <summary>A buffer of <paramref name="length"/> elements; contents are undefined.</summary>
    public MemoryBuffer1D<T, Stride1D.Dense> Allocate1D<T>(long length)
        where T : unmanaged =>
        new(this, length);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
        }
        foreach (KernelLauncher launcher in _launchers.Values)
            launcher.Dispose();
        _defaultStream?.Dispose();
        Release();
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    public override string ToString() => Device.ToString();

    /// <summary>
    /// Compiles a kernel, or for one with specialised parameters checks it, and returns what launches it: the same as before for a kernel
    /// that was loaded before.
    /// </summary>
    internal KernelLauncher LoadLauncher(MethodInfo method, bool autoGrouped, KernelSpecialization specialization = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!specialization.IsCompatibleWith(this))
            throw new ArgumentException(
                $"Groups of {specialization.MaxNumThreadsPerGroup} threads do not fit {Name}, which allows {MaxNumThreadsPerGroup}.",
                nameof(specialization));
        // Under the lock: two threads that load one kernel compile it once.
        lock (_lock)
        {
            if (!_launchers.TryGetValue((method, autoGrouped, specialization), out KernelLauncher? launcher))
            {
                _launchers[(method, autoGrouped, specialization)] = launcher =
                    new KernelLauncher(this, method, autoGrouped, specialization);
            }
            return launcher;
        }
    }

    /// <summary>Turns compiled IR into something that can be launched here.</summary>
    internal abstract KernelModule LoadModule(Compiler.IR.IrKernel kernel);

    /// <summary>Host memory for copies that overlap; ordinary memory where the driver has none better.</summary>
    internal virtual unsafe nint AllocatePageLocked(long lengthInBytes) =>
        (nint)NativeMemory.AlignedAlloc((nuint)lengthInBytes, 4096);

    /// <summary>Gives back what <see cref="AllocatePageLocked"/> returned.</summary>
    internal virtual unsafe void FreePageLocked(nint address) => NativeMemory.AlignedFree((void*)address);

    private protected abstract MemoryBuffer AllocateCore(long length, int elementSize);

    private protected abstract AcceleratorStream CreateStreamCore();

    /// <summary>Closes the device; called once, after launchers and default stream are released.</summary>
    private protected abstract void Release();
}
