using CudaEmulation;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace ILGPU.Tests.Ptx;

/// <summary>An accelerator on an emulated GPU, with its driver; at the end nothing of it may be left.</summary>
internal sealed class EmulatedGpuTest : IDisposable
{
    private readonly IDisposable _installation;
    private readonly Context _context;

    public EmulatedGpuTest(EmulatedDriver? driver = null, bool profiling = false)
    {
        Driver = driver ?? new EmulatedDriver();
        _installation = Driver.Install();
        _context = Context.Create(builder =>
        {
            builder.Cuda();
            if (profiling)
                builder.Profiling();
        });
        Accelerator = _context.GetCudaDevice(0).CreateAccelerator(_context);
    }

    public EmulatedDriver Driver { get; }

    public Accelerator Accelerator { get; }

    public void Dispose()
    {
        Accelerator.Dispose();
        _context.Dispose();
        _installation.Dispose();
        Driver.Dispose();
    }
}
