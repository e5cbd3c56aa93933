using System.Runtime.InteropServices;

namespace ILGPU.Runtime.CPU;

/// <summary>Native memory of the host.</summary>
internal sealed unsafe class CPUMemoryBuffer : MemoryBuffer
{
    private const int Alignment = 256;

    /// <exception cref="OutOfMemoryException">There is no such memory.</exception>
    public CPUMemoryBuffer(Accelerator accelerator, long length, int elementSize)
        : base(accelerator, length, elementSize)
    {
        NativePtr = (nint)NativeMemory.AlignedAlloc((nuint)Math.Max(1, LengthInBytes), Alignment);
    }

    /// <inheritdoc/>
    public override void MemSet(AcceleratorStream stream, byte value, long targetOffsetInBytes, long length) =>
        NativeMemory.Fill(At(targetOffsetInBytes, length), (nuint)length, value);

    /// <inheritdoc/>
    public override void CopyTo(AcceleratorStream stream, long sourceOffsetInBytes, in ArrayView<byte> targetView)
    {
        if (targetView.Source is not CPUMemoryBuffer target)
            throw new ArgumentException("The view belongs to another accelerator.", nameof(targetView));
        NativeMemory.Copy(
            At(sourceOffsetInBytes, targetView.Length), target.At(targetView.OffsetInBytes, targetView.Length), (nuint)targetView.Length);
    }

    internal override void CopyFromHost(
        AcceleratorStream stream, nint source, long targetOffsetInBytes, long lengthInBytes, bool pageLocked) =>
        NativeMemory.Copy((void*)source, At(targetOffsetInBytes, lengthInBytes), (nuint)lengthInBytes);

    internal override void CopyToHost(
        AcceleratorStream stream, nint target, long sourceOffsetInBytes, long lengthInBytes, bool pageLocked) =>
        NativeMemory.Copy(At(sourceOffsetInBytes, lengthInBytes), (void*)target, (nuint)lengthInBytes);

    private protected override void Release()
    {
        NativeMemory.AlignedFree((void*)NativePtr);
        NativePtr = 0;
    }

    /// <summary>The address of a stretch that lies in the buffer.</summary>
    private byte* At(long offset, long length)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (offset < 0 || length < 0 || offset > LengthInBytes - length)
            throw new ArgumentOutOfRangeException(nameof(offset), $"{length} bytes at {offset} of a buffer of {LengthInBytes}.");
        return (byte*)NativePtr + offset;
    }
}
