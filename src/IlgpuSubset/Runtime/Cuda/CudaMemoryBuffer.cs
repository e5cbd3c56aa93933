namespace ILGPU.Runtime.Cuda;

/// <summary>Memory of an NVIDIA GPU.</summary>
internal sealed class CudaMemoryBuffer : MemoryBuffer
{
    private readonly CudaAccelerator _accelerator;

    public CudaMemoryBuffer(CudaAccelerator accelerator, long length, int elementSize)
        : base(accelerator, length, elementSize)
    {
        _accelerator = accelerator;
        // The driver refuses to allocate nothing.
        NativePtr = accelerator.Driver.Allocate(Math.Max(1, LengthInBytes));
    }

    /// <inheritdoc/>
    public override void MemSet(AcceleratorStream stream, byte value, long targetOffsetInBytes, long length) =>
        _accelerator.Driver.Fill(At(targetOffsetInBytes, length), value, length, Handle(stream));

    /// <inheritdoc/>
    public override void CopyTo(AcceleratorStream stream, long sourceOffsetInBytes, in ArrayView<byte> targetView)
    {
        if (targetView.Source is not CudaMemoryBuffer target || target.Accelerator != Accelerator)
            throw new ArgumentException("The target lies on another accelerator.", nameof(targetView));
        _accelerator.Driver.CopyDeviceToDevice(
            target.At(targetView.OffsetInBytes, targetView.Length), At(sourceOffsetInBytes, targetView.Length), targetView.Length,
            Handle(stream));
    }

    /// <inheritdoc/>
    internal override void CopyFromHost(
        AcceleratorStream stream, nint source, long targetOffsetInBytes, long lengthInBytes, bool pageLocked) =>
        _accelerator.Driver.CopyHostToDevice(At(targetOffsetInBytes, lengthInBytes), source, lengthInBytes, Handle(stream));

    /// <inheritdoc/>
    internal override void CopyToHost(AcceleratorStream stream, nint target, long sourceOffsetInBytes, long lengthInBytes, bool pageLocked)
    {
        _accelerator.Driver.CopyDeviceToHost(target, At(sourceOffsetInBytes, lengthInBytes), lengthInBytes, Handle(stream));
        if (!pageLocked)
            stream.Synchronize();
    }

    private protected override void Release() => _accelerator.Free(driver => driver.Free(NativePtr));

    private nint Handle(AcceleratorStream stream) => CudaStream.HandleOf(stream, _accelerator);

    /// <summary>The address of a stretch of bytes.</summary>
    private nint At(long offset, long length)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, LengthInBytes - offset);
        return NativePtr + (nint)offset;
    }
}
