using System.Globalization;
using System.Text;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;

namespace EcapaIlgpu.Tests.Engines.Kernels;

/// <summary>Every operation against the float64 reference on every kind of device; <see cref="KernelCases"/> says on which shapes.</summary>
/// <remarks>One test for each kind of device and not for each case: opening a device and compiling for it is most of the time.</remarks>
[Collection(EmulatedDriverCollection.Name)]
public class KernelCaseTests
{
    [KernelDeviceFact("emulated")]
    public void On_the_emulated_gpu() => Check("emulated");

    [KernelDeviceFact("cpu-kernels")]
    public void On_the_cpu_accelerator() => Check("cpu-kernels");

    [KernelDeviceFact("opencl")]
    public void On_opencl() => Check("opencl");

    [KernelDeviceFact("cuda")]
    public void On_cuda() => Check("cuda");

    private static void Check(string selector)
    {
        KernelDevice kind = KernelDevice.Named(selector);
        using OpenKernelDevice open = kind.Open();
        StringBuilder failures = new();
        foreach (Precision precision in PrecisionSupport.Of(open.Accelerator))
        {
            using CaseDevice device = new(open.Accelerator, precision);
            int count = 0;
            foreach (KernelCase kernelCase in KernelCases.All.Where(c => c.AppliesTo(precision) && c.Work <= kind.MostWorkIn(precision)))
            {
                CaseResult result = kernelCase.Check(device);
                count++;
                if (!result.Passed)
                    failures.AppendLine(CultureInfo.InvariantCulture, $"{open.Accelerator.Name}: {result}");
            }
            Assert.True(count > 10, $"{count} cases in {precision.Name()}");
        }
        Assert.True(failures.Length == 0, failures.ToString());
    }
}

/// <summary>Tests that install a driver in software, which is one for the process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public class EmulatedDriverCollection
{
    internal const string Name = "emulated driver";
}
