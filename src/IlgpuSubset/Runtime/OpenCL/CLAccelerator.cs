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

    // The accelerator itself, and all objects that the driver made in its context. Drivers should count these; PoCL 3.1 crashes.
    private int _users = 1;

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
        // Unrolled less than elsewhere: PoCL compiles barriers one by one, and takes seconds for a loop of them laid out flat.
        CompilerOptions = new CompilerOptions { WarpSize = device.WarpSize, UnrolledInstructions = 512 };
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

    /// <summary>Keeps the driver's context until <see cref="Leave"/>, for an object that lives in it.</summary>
    internal void Enter() => Interlocked.Increment(ref _users);

    /// <summary>Ends what <see cref="Enter"/> began; the last one closes the device.</summary>
    internal void Leave()
    {
        if (Interlocked.Decrement(ref _users) > 0)
            return;
        Library.ReleaseCommandQueue(_reservingQueue);
        Library.ReleaseContext(ContextHandle);
    }

    private protected override MemoryBuffer AllocateCore(long length, int elementSize) => new CLMemoryBuffer(this, length, elementSize);

    private protected override AcceleratorStream CreateStreamCore()
    {
        ObjectDisposedException.ThrowIf(_released, this);
        var stream = new CLStream(this);
        _streams[stream] = 0;
        return stream;
    }

    private protected override void Release()
    {
        _released = true;
        foreach (nint address in _pageLocked.Keys)
            FreePageLocked(address);
        Leave();
    }
}
