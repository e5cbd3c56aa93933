using System.Runtime.InteropServices;

namespace ILGPU.Runtime;

/// <summary>Host memory that a device can reach without a detour, for copies that overlap with kernels.</summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed class PageLockedArray1D<T> : AcceleratorObject
    where T : unmanaged
{
    internal unsafe PageLockedArray1D(Accelerator accelerator, long length, bool uninitialized)
        : base(accelerator)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        Address = accelerator.AllocatePageLocked(Math.Max(1, LengthInBytes));
        if (!uninitialized)
            NativeMemory.Clear((void*)Address, (nuint)LengthInBytes);
    }

    /// <summary>The number of elements.</summary>
    public long Length { get; }

    /// <summary>The number of bytes.</summary>
    public unsafe long LengthInBytes => checked(Length * sizeof(T));

    /// <summary>The elements.</summary>
    /// <exception cref="OverflowException">There are more than a span can hold.</exception>
    public unsafe Span<T> Span
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return new((void*)Address, checked((int)Length));
        }
    }

    internal nint Address { get; }

    /// <summary>An element.</summary>
    public ref T this[Index1D index] => ref Span[index];

    /// <summary>The elements in a new array.</summary>
    public T[] GetArray() => Span.ToArray();

    private protected override void Release() => Accelerator.FreePageLocked(Address);
}

/// <summary>Allocation of page-locked memory.</summary>
public static class PageLockedArrayExtensions
{
    /// <summary>Page-locked space for <paramref name="extent"/> elements, all zero.</summary>
    public static PageLockedArray1D<T> AllocatePageLocked1D<T>(this Accelerator accelerator, LongIndex1D extent)
        where T : unmanaged =>
        accelerator.AllocatePageLocked1D<T>(extent, uninitialized: false);

    /// <summary>Page-locked space for <paramref name="extent"/> elements.</summary>
    public static PageLockedArray1D<T> AllocatePageLocked1D<T>(this Accelerator accelerator, LongIndex1D extent, bool uninitialized)
        where T : unmanaged =>
        new(accelerator, extent.X, uninitialized);
}
