using System.Collections.Concurrent;
using ILGPU.Compiler;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.OpenCl;

namespace ILGPU.Runtime.OpenCL;

/// <summary>An opened OpenCL device.</summary>
/// <remarks>
/// Allocation, loading of kernels and disposal may be called from any thread; a stream takes one thread at a time. One kernel may
/// be launched on several streams by several threads.
/// </remarks>
public sealed class CLAccelerator : Accelerator
{
    private readonly ConcurrentDictionary<CLStream, byte> _streams = new();
    private readonly ConcurrentDictionary<nint, nint> _pageLocked = new();
    private readonly nint _reservingQueue;
    private volatile bool _released;

    internal CLAccelerator(Context context, CLDevice device)
        : base(context, device)
    {
        CLDevice = device;
        Library = device.Library;
        ContextHandle = Library.CreateContext(device.Platform, device.Handle);
        try
        {
            _reservingQueue = Library.CreateCommandQueue(ContextHandle, device.Handle, profiling: false);
        }
        catch
        {
            Library.ReleaseContext(ContextHandle);
            throw;
        }
        CompilerOptions = new CompilerOptions { WarpSize = device.WarpSize };
    }

    internal override CompilerOptions CompilerOptions { get; }

    internal CLLibrary Library { get; }

    internal CLDevice CLDevice { get; }

    internal nint ContextHandle { get; }

    /// <inheritdoc/>
    public override void Synchronize()
    {
        ObjectDisposedException.ThrowIf(_released, this);
        foreach (CLStream stream in _streams.Keys)
            stream.Synchronize();
    }

    internal override KernelModule LoadModule(IrKernel kernel)
    {
        OpenClSource source = OpenClEmitter.Emit(kernel, CLDevice.Target);
        KernelDump.Write(source.Name, "cl", () => source.Text);
        if (source.StaticSharedBytes > MaxSharedMemoryPerGroup)
            throw new NotSupportedException(
                $"{kernel.MethodName} needs {source.StaticSharedBytes} bytes of shared memory; {Name} has {MaxSharedMemoryPerGroup}.");
        return new CLKernelModule(this, kernel, source);
    }

    /// <summary>Memory that the driver has pinned: a buffer in host memory, mapped for as long as it lives.</summary>
    internal override nint AllocatePageLocked(long lengthInBytes)
    {
        ObjectDisposedException.ThrowIf(_released, this);
        nint memory = Library.CreateBuffer(ContextHandle, CLMemoryFlags.ReadWrite | CLMemoryFlags.AllocHostPtr, lengthInBytes);
        try
        {
            nint address = Library.EnqueueMapBuffer(_reservingQueue, memory, lengthInBytes);
            _pageLocked[address] = memory;
            return address;
        }
        catch
        {
            Library.ReleaseMemObject(memory);
            throw;
        }
    }

    internal override void FreePageLocked(nint address)
    {
        // What the accelerator's end has freed already is gone.
        if (!_pageLocked.TryRemove(address, out nint memory))
            return;
        Library.EnqueueUnmapMemObject(_reservingQueue, memory, address);
        Library.Finish(_reservingQueue);
        Library.ReleaseMemObject(memory);
    }

    /// <summary>
    /// Makes the device reserve a new buffer's memory. Drivers put that off until a buffer is used, where running out of it would
    /// come out in a launch that cannot be blamed for it.
    /// </summary>
    internal void Reserve(nint buffer)
    {
        Library.EnqueueMigrateUndefined(_reservingQueue, buffer);
        Library.Finish(_reservingQueue);
    }

    internal void Forget(CLStream stream) => _streams.TryRemove(stream, out _);

    private protected override MemoryBuffer AllocateCore(long length, int elementSize) => new CLMemoryBuffer(this, length, elementSize);

    private protected override AcceleratorStream CreateStreamCore()
    {
        var stream = new CLStream(this);
        _streams[stream] = 0;
        return stream;
    }

    private protected override void Release()
    {
        _released = true;
        // The driver counts references: buffers and streams that are still alive keep the context until they are released.
        foreach (nint address in _pageLocked.Keys)
            FreePageLocked(address);
        Library.ReleaseCommandQueue(_reservingQueue);
        Library.ReleaseContext(ContextHandle);
    }
}
