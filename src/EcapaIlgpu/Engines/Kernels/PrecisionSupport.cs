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
    public static Precision Choose(Accelerator accelerator, Precision? asked, string selector) => Choose([(accelerator, selector)], asked);

    /// <summary>
    /// The one precision that several devices compute in: the one that is asked for, or the fastest that is as exact as float32 and that
    /// all of them have.
    /// </summary>
    /// <param name="devices">Each with what it was called by; null for the vector engine.</param>
    /// <param name="asked">Null to leave it to the devices.</param>
    /// <exception cref="InputException">A device cannot.</exception>
    public static Precision Choose(IReadOnlyList<(Accelerator? Accelerator, string Selector)> devices, Precision? asked)
    {
        if (asked is not { } precision)
            return devices.All(device => PrefersTensorCores(device.Accelerator)) ? Precision.Tf32x3 : Precision.Fp32;
        foreach ((Accelerator? accelerator, string selector) in devices)
        {
            IReadOnlyList<Precision> able = accelerator is null ? [Precision.Fp32] : Of(accelerator);
            Require(precision, able, selector, accelerator?.Name ?? "the vector engine");
        }
        return precision;
    }

    /// <summary>The precision that is asked for.</summary>
    /// <exception cref="InputException">It is not among those that the device can compute in.</exception>
    public static Precision Require(Precision precision, IReadOnlyList<Precision> able, string selector, string name) =>
        able.Contains(precision)
            ? precision
            : throw new InputException(
                $"--precision {precision.Name()}",
                $"cannot be computed by {selector} ({name}); it can do {string.Join(", ", able.Select(PrecisionNames.Name))}.");

    /// <summary>The processor computes what tensor cores would for the sake of tests, not of speed.</summary>
    private static bool PrefersTensorCores(Accelerator? accelerator) =>
        accelerator?.AcceleratorType == AcceleratorType.Cuda && Of(accelerator).Contains(Precision.Tf32x3);

    /// <summary>Adds the precisions that need more than the package ILGPU has.</summary>
    static partial void AddBeyond(Accelerator accelerator, List<Precision> precisions);
}
