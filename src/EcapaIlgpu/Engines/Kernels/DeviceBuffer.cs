using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

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
        catch (Exception e) when (e is not ObjectDisposedException && DeviceMemoryException.IsReportedBy(e) != false)
        {
            // Where a back end does not say, memory it is: nothing else goes wrong in an allocation of a checked length, unless the device is lost.
            throw new DeviceMemoryException(accelerator.Name, length * Interop.SizeOf<T>(), e);
        }
    }
}
