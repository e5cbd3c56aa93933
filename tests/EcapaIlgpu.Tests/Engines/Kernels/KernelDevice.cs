using EcapaIlgpu.Engines.Kernels;

namespace EcapaIlgpu.Tests.Engines.Kernels;

/// <summary>A kind of device that kernel tests run on.</summary>
/// <param name="Selector">As <c>--device</c> takes it.</param>
/// <param name="MostWork">Multiply-adds of a case that it is given: what keeps a slow one within the time of a test run.</param>
/// <param name="MostOtherWork">The same in other precisions than float32.</param>
internal sealed record KernelDevice(string Selector, double MostWork, double MostOtherWork)
{
    /// <summary>Every kind of device there could be.</summary>
    public static IReadOnlyList<KernelDevice> All { get; } =
        [new("cpu-kernels", 2e7, 4e5), new("opencl", 4e6, 2e5), new("cuda", double.PositiveInfinity, double.PositiveInfinity)];

    public static KernelDevice Named(string selector) => All.Single(device => device.Selector == selector);

    /// <summary>Opens it.</summary>
    public DeviceSession Open() => DeviceSelector.Open(Selector);
}
