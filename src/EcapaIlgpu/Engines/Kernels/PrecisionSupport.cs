using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>Which precisions a device can compute in, and the choice among them.</summary>
internal static partial class PrecisionSupport
{
    /// <summary>The precisions of a device that runs kernels, in their order.</summary>
    public static IReadOnlyList<Precision> Of(Accelerator accelerator)
    {
        // Storage in 16 bits with arithmetic in 32 needs nothing of a device.
        List<Precision> precisions = [Precision.Fp32, Precision.Fp16];
        AddBeyond(accelerator, precisions);
        precisions.Sort();
        return precisions;
    }

    /// <summary>The precision to compute in: the one that is asked for, or the fastest that is as exact as float32.</summary>
    /// <param name="accelerator">The device.</param>
    /// <param name="asked">Null to leave it to the device.</param>
    /// <param name="selector">What the device was called by.</param>
    /// <exception cref="InputException">The device cannot.</exception>
    public static Precision Choose(Accelerator accelerator, Precision? asked, string selector)
    {
        IReadOnlyList<Precision> able = Of(accelerator);
        return asked is { } precision
            ? Require(precision, able, selector, accelerator.Name)
            : able.Contains(Precision.Tf32x3) && accelerator.AcceleratorType == AcceleratorType.Cuda ? Precision.Tf32x3 : Precision.Fp32;
    }

    /// <summary>The precision that is asked for.</summary>
    /// <exception cref="InputException">It is not among those that the device can compute in.</exception>
    public static Precision Require(Precision precision, IReadOnlyList<Precision> able, string selector, string name) =>
        able.Contains(precision)
            ? precision
            : throw new InputException(
                $"--precision {precision.Name()}",
                $"cannot be computed by {selector} ({name}); it can do {string.Join(", ", able.Select(PrecisionNames.Name))}.");

    /// <summary>Adds the precisions that need more than the package ILGPU has.</summary>
    static partial void AddBeyond(Accelerator accelerator, List<Precision> precisions);
}
