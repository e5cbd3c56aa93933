using CudaEmulation;
using EcapaIlgpu.Engines.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace EcapaIlgpu.Tests.Engines.Kernels.Beyond;

/// <summary>The CUDA accelerator, open on a driver in software, with which it is disposed.</summary>
internal sealed class EmulatedCuda : IDisposable
{
    private readonly IDisposable _installation;

    public EmulatedCuda(params EmulatedGpu[] gpus)
    {
        Driver = new EmulatedDriver(gpus);
        _installation = Driver.Install();
        Context context = Context.Create(builder => builder.Cuda().Profiling());
        Session = new DeviceSession(context, context.GetCudaDevice(0));
    }

    public EmulatedDriver Driver { get; }

    public DeviceSession Session { get; }

    public Accelerator Accelerator => Session.Accelerator;

    public void Dispose()
    {
        Session.Dispose();
        _installation.Dispose();
        Driver.Dispose();
    }
}
