using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>Memory that is kept from batch to batch and may move between two.</summary>
internal interface IMovingMemory : IDisposable
{
    /// <summary>How many times the memory was taken or given back: what holds on to addresses compares it with what it was.</summary>
    int Moves { get; }
}

/// <summary>Memory of a device that is kept from batch to batch and grows when a batch needs more.</summary>
internal sealed class DeviceBuffer<T>(Accelerator accelerator) : IMovingMemory
    where T : unmanaged
{
    private MemoryBuffer1D<T, Stride1D.Dense>? _memory;

    /// <inheritdoc/>
    public int Moves { get; private set; }

    /// <summary>Room for <paramref name="length"/> elements; what was there before is lost if it has to grow.</summary>
    /// <exception cref="DeviceMemoryException">The device has none.</exception>
    public ArrayView<T> Require(long length)
    {
        if (_memory is null || _memory.Length < length)
        {
            // First give back, then take: the peak is the larger of both and not the sum.
            Dispose();
            _memory = DeviceMemoryException.Allocate(accelerator, length * Interop.SizeOf<T>(), () => accelerator.Allocate1D<T>(length));
        }
        return _memory.View.BaseView.SubView(0L, length);
    }

    /// <summary>Gives the memory back; the next <see cref="Require"/> takes new memory.</summary>
    public void Dispose()
    {
        _memory?.Dispose();
        _memory = null;
        Moves++;
    }
}

/// <summary>
/// Memory of the host that a device reaches without the driver's detour, so that copies go on while kernels run; kept from batch to batch
/// and grown like a <see cref="DeviceBuffer{T}"/>.
/// </summary>
internal sealed class StagingBuffer<T>(Accelerator accelerator) : IMovingMemory
    where T : unmanaged
{
    /// <inheritdoc/>
    public int Moves { get; private set; }

    /// <summary>The memory; null before the first <see cref="Require"/>.</summary>
    public PageLockedArray1D<T>? Memory { get; private set; }

    /// <summary>Room for <paramref name="length"/> elements, with anything in it. No copy from or to it may be under way.</summary>
    /// <exception cref="DeviceMemoryException">The host has none.</exception>
    public Span<T> Require(long length)
    {
        if (Memory is null || Memory.Length < length)
        {
            Dispose();
            Memory = DeviceMemoryException.Allocate(
                accelerator, length * Interop.SizeOf<T>(), () => accelerator.AllocatePageLocked1D<T>(length, uninitialized: true));
        }
        return Memory.Span[..checked((int)length)];
    }

    /// <summary>Gives the memory back; the next <see cref="Require"/> takes new memory.</summary>
    public void Dispose()
    {
        Memory?.Dispose();
        Memory = null;
        Moves++;
    }
}
