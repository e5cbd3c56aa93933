namespace ILGPU.Runtime.OpenCL;

/// <summary>A buffer of an OpenCL device. One without bytes has no memory, which OpenCL does not offer.</summary>
internal sealed class CLMemoryBuffer : MemoryBuffer
{
    private readonly CLAccelerator _accelerator;

    public CLMemoryBuffer(CLAccelerator accelerator, long length, int elementSize)
        : base(accelerator, length, elementSize)
    {
        _accelerator = accelerator;
        if (LengthInBytes == 0)
            return;
        if (LengthInBytes > accelerator.CLDevice.MaxAllocation)
            throw new CLException(
                "clCreateBuffer", CLError.CL_INVALID_BUFFER_SIZE,
                $"{LengthInBytes} bytes; {accelerator.Name} allows {accelerator.CLDevice.MaxAllocation} bytes in one buffer");
        NativePtr = Library.CreateBuffer(accelerator.ContextHandle, CLMemoryFlags.ReadWrite, LengthInBytes);
        accelerator.Enter();
        try
        {
            accelerator.Reserve(NativePtr);
        }
        catch
        {
            Release();
            throw;
        }
    }

    private CLLibrary Library => _accelerator.Library;

    /// <inheritdoc/>
    public override void MemSet(AcceleratorStream stream, byte value, long targetOffsetInBytes, long length)
    {
        if (length == 0)
            return;
        // Wide patterns fill faster; offset and length must be multiples of the pattern.
        int width = (targetOffsetInBytes | length) % 16 == 0 ? 16 : 1;
        Span<byte> pattern = stackalloc byte[width];
        pattern.Fill(value);
        Library.EnqueueFillBuffer(Queue(stream), Memory, pattern, targetOffsetInBytes, length);
    }

    /// <inheritdoc/>
    public override void CopyTo(AcceleratorStream stream, long sourceOffsetInBytes, in ArrayView<byte> targetView)
    {
        if (targetView.Length == 0)
            return;
        if (targetView.Source is not CLMemoryBuffer target || target._accelerator != _accelerator)
            throw new ArgumentException($"The target is not a view of {_accelerator}.", nameof(targetView));
        Library.EnqueueCopyBuffer(Queue(stream), Memory, target.Memory, sourceOffsetInBytes, targetView.OffsetInBytes, targetView.Length);
    }

    internal override void CopyFromHost(
        AcceleratorStream stream, nint source, long targetOffsetInBytes, long lengthInBytes, bool pageLocked)
    {
        if (lengthInBytes == 0)
            return;
        Library.EnqueueWriteBuffer(Queue(stream), Memory, wait: !pageLocked, targetOffsetInBytes, lengthInBytes, source);
        if (pageLocked)
            ((CLStream)stream).Flush();
    }

    internal override void CopyToHost(AcceleratorStream stream, nint target, long sourceOffsetInBytes, long lengthInBytes, bool pageLocked)
    {
        if (lengthInBytes == 0)
            return;
        Library.EnqueueReadBuffer(Queue(stream), Memory, wait: !pageLocked, sourceOffsetInBytes, lengthInBytes, target);
        if (pageLocked)
            ((CLStream)stream).Flush();
    }

    private nint Memory
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return NativePtr;
        }
    }

    private nint Queue(AcceleratorStream stream) =>
        stream is CLStream own && own.Accelerator == _accelerator
            ? own.Queue
            : throw new ArgumentException($"The stream is not one of {_accelerator}.", nameof(stream));

    private protected override void Release()
    {
        if (NativePtr == 0)
            return;
        Library.ReleaseMemObject(NativePtr);
        _accelerator.Leave();
    }
}
