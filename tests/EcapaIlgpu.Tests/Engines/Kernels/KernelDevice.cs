using CudaEmulation;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace EcapaIlgpu.Tests.Engines.Kernels;

/// <summary>A kind of device that kernel tests run on.</summary>
/// <param name="Selector">As <c>--device</c> takes it, or <c>emulated</c> for the CUDA path on a driver in software.</param>
/// <param name="MostWork">Multiply-adds of a case that it is given: what keeps a slow one within the time of a test run.</param>
internal sealed record KernelDevice(string Selector, double MostWork)
{
    /// <summary>Every kind of device there could be.</summary>
    public static IReadOnlyList<KernelDevice> All { get; } =
        [new("emulated", 3e5), new("cpu-kernels", 2e7), new("opencl", 2e7), new("cuda", double.PositiveInfinity)];

    /// <summary>The same for a precision: those that are not float32 run the same sources with other types, and need the large shapes less.</summary>
    public double MostWorkIn(Precision precision) => precision == Precision.Fp32 ? MostWork : MostWork / 4;

    /// <summary>Why it cannot be used here; null where it can.</summary>
    public string? MissingReason => Selector == "emulated" ? null : Reasons.Value.GetValueOrDefault(Selector, $"no {Selector} device here");

    private static Lazy<Dictionary<string, string?>> Reasons { get; } = new(() => DeviceSelector.List()
        .Where(info => info.Problem is null).GroupBy(info => info.Selector.Split(':')[0]).ToDictionary(group => group.Key, _ => (string?)null));

    public static KernelDevice Named(string selector) => All.Single(device => device.Selector == selector);

    /// <summary>Opens it.</summary>
    public OpenKernelDevice Open() => Selector == "emulated" ? OpenKernelDevice.Emulated(new EmulatedDriver()) : new OpenKernelDevice(DeviceSelector.Open(Selector));
}

/// <summary>An open device of a test.</summary>
internal sealed class OpenKernelDevice(DeviceSession session, params IDisposable[] beneath) : IDisposable
{
    public Accelerator Accelerator => session.Accelerator;

    /// <summary>The CUDA accelerator on a driver in software.</summary>
    public static OpenKernelDevice Emulated(EmulatedDriver driver)
    {
        IDisposable installation = driver.Install();
        Context context = Context.Create(builder => builder.Cuda().Profiling());
        return new OpenKernelDevice(new DeviceSession(context, context.GetCudaDevice(0)), installation, driver);
    }

    public void Dispose()
    {
        session.Dispose();
        foreach (IDisposable part in beneath)
            part.Dispose();
    }
}

/// <summary>A test on a kind of device; skipped, with the reason, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class KernelDeviceFactAttribute : FactAttribute
{
    public KernelDeviceFactAttribute(string selector) => Skip = KernelDevice.Named(selector).MissingReason;
}
