using System.Globalization;
using System.Text;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using ILGPU.Runtime;

namespace EcapaIlgpu.Tests.Engines.Kernels;

/// <summary>
/// Every operation against the float64 reference on every kind of device; <see cref="KernelCases"/> says on which shapes.
/// </summary>
/// <remarks>One test for each kind of device and not for each case: opening a device and compiling for it is most of the time.</remarks>
public class KernelCaseTests
{
    [Fact]
    public void Every_operation_agrees_with_the_reference_on_the_cpu_accelerator() => Check("cpu-kernels");

    /// <summary>16 bits as storage alone: where a device has tensor cores, nothing else would run these kernels.</summary>
    [Fact]
    public void Every_operation_agrees_with_the_reference_on_the_cpu_accelerator_in_16_bits_without_tensor_cores()
    {
        KernelDevice kind = KernelDevice.Named("cpu-kernels");
        using DeviceSession session = kind.Open();
        StringBuilder failures = new();
        foreach (Precision precision in (Precision[])[Precision.Bf16, Precision.Fp16])
        {
            using CaseDevice device = new(session.Accelerator, precision, new TilePlan(session.Accelerator, usesTensorCores: false));
            Assert.Null(device.Storage.Tensor);
            Check(device, kind.MostOtherWork, failures);
        }
        Assert.True(failures.Length == 0, failures.ToString());
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void Every_operation_agrees_with_the_reference_on_opencl() => Check("opencl");

    [NeedsFact(typeof(NvidiaGpu))]
    public void Every_operation_agrees_with_the_reference_on_cuda() => Check("cuda");

    /// <summary>Checks the cases that are not too much for a device, in every precision that it has.</summary>
    /// <param name="accelerator">The device.</param>
    /// <param name="mostWork">Multiply-adds of a case in float32.</param>
    /// <param name="mostOtherWork">
    /// The same in other precisions: the same sources on other types, of which small shapes show all that is new.
    /// </param>
    internal static void Check(Accelerator accelerator, double mostWork, double mostOtherWork)
    {
        StringBuilder failures = new();
        foreach (Precision precision in PrecisionSupport.Of(accelerator))
        {
            using CaseDevice device = new(accelerator, precision);
            Check(device, precision == Precision.Fp32 ? mostWork : mostOtherWork, failures);
        }
        Assert.True(failures.Length == 0, failures.ToString());
    }

    private static void Check(CaseDevice device, double most, StringBuilder failures)
    {
        int count = 0;
        foreach (KernelCase kernelCase in KernelCases.All.Where(c => c.AppliesTo(device.Precision) && c.Work <= most))
        {
            CaseResult result = kernelCase.Check(device);
            count++;
            if (!result.Passed)
                failures.AppendLine(CultureInfo.InvariantCulture, $"{device.Accelerator.Name}: {result}");
        }
        Assert.True(count > 5, $"{count} cases in {device.Precision.Name()}");
    }

    private static void Check(string selector)
    {
        KernelDevice kind = KernelDevice.Named(selector);
        using DeviceSession session = kind.Open();
        Check(session.Accelerator, kind.MostWork, kind.MostOtherWork);
    }
}
