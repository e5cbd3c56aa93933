using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>A device has no room for a buffer.</summary>
internal sealed class DeviceMemoryException(string device, long bytes, Exception inner)
    : Exception($"{device} has no room for another {bytes / 1e6:f1} MB.", inner);

/// <summary>Memory of a device that is kept from batch to batch and grows when a batch needs more.</summary>
internal sealed class DeviceBuffer<T>(Accelerator accelerator) : IDisposable
    where T : unmanaged
{
    private MemoryBuffer1D<T, Stride1D.Dense>? _memory;

    /// <summary>Room for <paramref name="length"/> elements; what was there before is lost if it has to grow.</summary>
    /// <exception cref="DeviceMemoryException">The device has none.</exception>
    public ArrayView<T> Require(long length)
    {
        if (_memory is null || _memory.Length < length)
        {
            // First give back, then take: the peak is the larger of both and not the sum.
            Dispose();
            _memory = Allocate(accelerator, length);
        }
        return _memory.View.BaseView.SubView(0L, length);
    }

    /// <summary>Gives the memory back; the next <see cref="Require"/> takes new memory.</summary>
    public void Dispose()
    {
        _memory?.Dispose();
        _memory = null;
    }

    private static MemoryBuffer1D<T, Stride1D.Dense> Allocate(Accelerator accelerator, long length)
    {
        try
        {
            return accelerator.Allocate1D<T>(length);
        }
        catch (Exception e) when (e is not ObjectDisposedException)
        {
            // Each back end reports a full device by an exception of its own; nothing else goes wrong in an allocation of a checked length.
            throw new DeviceMemoryException(accelerator.Name, length * Interop.SizeOf<T>(), e);
        }
    }
}
