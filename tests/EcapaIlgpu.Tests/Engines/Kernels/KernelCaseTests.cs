using System.Globalization;
using System.Text;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using ILGPU.Runtime;

namespace EcapaIlgpu.Tests.Engines.Kernels;

/// <summary>Every operation against the float64 reference on every kind of device; <see cref="KernelCases"/> says on which shapes.</summary>
/// <remarks>One test for each kind of device and not for each case: opening a device and compiling for it is most of the time.</remarks>
public class KernelCaseTests
{
    [Fact]
    public void Every_operation_agrees_with_the_reference_on_the_cpu_accelerator() => Check("cpu-kernels");

    [NeedsFact(typeof(OpenClDevice))]
    public void Every_operation_agrees_with_the_reference_on_opencl() => Check("opencl");

    [NeedsFact(typeof(NvidiaGpu))]
    public void Every_operation_agrees_with_the_reference_on_cuda() => Check("cuda");

    /// <summary>Checks the cases that are not too much for a device, in every precision that it has.</summary>
    /// <param name="accelerator">The device.</param>
    /// <param name="mostWork">Multiply-adds of a case in float32.</param>
    /// <param name="mostOtherWork">The same in other precisions: the same sources on other types, of which small shapes show all that is new.</param>
    internal static void Check(Accelerator accelerator, double mostWork, double mostOtherWork)
    {
        StringBuilder failures = new();
        foreach (Precision precision in PrecisionSupport.Of(accelerator))
        {
            double most = precision == Precision.Fp32 ? mostWork : mostOtherWork;
            using CaseDevice device = new(accelerator, precision);
            int count = 0;
            foreach (KernelCase kernelCase in KernelCases.All.Where(kernelCase => kernelCase.AppliesTo(precision) && kernelCase.Work <= most))
            {
                CaseResult result = kernelCase.Check(device);
                count++;
                if (!result.Passed)
                    failures.AppendLine(CultureInfo.InvariantCulture, $"{accelerator.Name}: {result}");
            }
            Assert.True(count > 5, $"{count} cases in {precision.Name()}");
        }
        Assert.True(failures.Length == 0, failures.ToString());
    }

    private static void Check(string selector)
    {
        KernelDevice kind = KernelDevice.Named(selector);
        using DeviceSession session = kind.Open();
        Check(session.Accelerator, kind.MostWork, kind.MostOtherWork);
    }
}
