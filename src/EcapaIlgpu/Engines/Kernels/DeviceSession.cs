using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>An open device together with the context that it belongs to.</summary>
internal sealed class DeviceSession : IDisposable
{
    private readonly Context _context;

    /// <summary>Opens a device of a context; with the session, the context is disposed too.</summary>
    public DeviceSession(Context context, Device device)
    {
        _context = context;
        Accelerator = device.CreateAccelerator(context);
    }

    /// <summary>The device.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>Does something on the device.</summary>
    /// <exception cref="DeviceException">The device failed at it.</exception>
    public T Run<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (AcceleratorException fault)
        {
            throw new DeviceException(Accelerator.Name, fault);
        }
    }

    /// <summary>Closes the device; a second call does nothing.</summary>
    public void Dispose()
    {
        Accelerator.Dispose();
        _context.Dispose();
    }
}
