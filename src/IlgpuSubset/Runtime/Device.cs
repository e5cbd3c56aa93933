namespace ILGPU.Runtime;

/// <summary>A device that a context found, before anything is made on it. Thread-safe; immutable but for <see cref="Fault"/>.</summary>
public abstract class Device
{
    private volatile string? _fault;

    private protected Device()
    {
    }

    /// <summary>Through what the device is reached.</summary>
    public abstract AcceleratorType AcceleratorType { get; }

    /// <summary>The name its maker gave it.</summary>
    public string Name { get; private protected init; } = "";

    /// <summary>Its memory in bytes.</summary>
    public long MemorySize { get; private protected init; }

    /// <summary>The most groups of a launch.</summary>
    public Index3D MaxGridSize { get; private protected init; }

    /// <summary>The most threads of a group along each axis.</summary>
    public Index3D MaxGroupSize { get; private protected init; }

    /// <summary>The most threads of a group.</summary>
    public int MaxNumThreadsPerGroup { get; private protected init; }

    /// <summary>The most shared memory of a group in bytes.</summary>
    public int MaxSharedMemoryPerGroup { get; private protected init; }

    /// <summary>The lanes that run in step.</summary>
    public int WarpSize { get; private protected init; }

    /// <summary>The number of units that run groups side by side.</summary>
    public int NumMultiprocessors { get; private protected init; }

    /// <summary>The most threads that one unit holds at once.</summary>
    public int MaxNumThreadsPerMultiprocessor { get; private protected init; }

    /// <summary>The most threads that the device holds at once.</summary>
    public int MaxNumThreads => NumMultiprocessors * MaxNumThreadsPerMultiprocessor;

    /// <summary>
    /// Why a device that was found turned out unusable, as when its driver cannot compile a kernel; null as long as all is well.
    /// </summary>
    internal string? Fault => _fault;

    /// <summary>Opens the device; the caller disposes the accelerator before the context.</summary>
    public abstract Accelerator CreateAccelerator(Context context);

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({AcceleratorType})";

    /// <summary>Records that the device's driver failed at something that all kernels need.</summary>
    internal void MarkUnusable(string reason) => _fault = reason;

    /// <exception cref="NotSupportedException">The device turned out unusable.</exception>
    private protected void ThrowIfUnusable()
    {
        if (_fault is { } fault)
            throw new NotSupportedException($"{Name} is not usable: {fault}");
    }
}
