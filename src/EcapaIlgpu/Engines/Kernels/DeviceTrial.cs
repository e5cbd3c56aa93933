using EcapaIlgpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>The smallest kernel there is, to see whether a device's driver compiles and runs any.</summary>
internal static class DeviceTrial
{
    /// <summary>Whether a copy on the device copies.</summary>
    /// <exception cref="AcceleratorException">The driver cannot compile or run it.</exception>
    public static bool Passes(Accelerator accelerator)
    {
        float[] numbers = [.. Enumerable.Range(0, 4 * CopyProbe.QuadsPerGroup).Select(i => i + 0.5f)], copied = new float[numbers.Length];
        using DeviceVector source = new(accelerator, numbers), target = new(accelerator, copied);
        using AcceleratorStream stream = accelerator.CreateStream();
        accelerator.LoadKernel<ArrayView<Float4>, ArrayView<Float4>>(CopyProbe.Kernel)(
            stream, new KernelConfig(1, CopyProbe.Threads), source.Quads, target.Quads);
        target.Numbers.CopyToCPU(stream, copied);
        stream.Synchronize();
        return numbers.AsSpan().SequenceEqual(copied);
    }
}
