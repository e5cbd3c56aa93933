namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <summary>What a kernel did in a run, all its launches together.</summary>
/// <param name="Name">The kernel.</param>
/// <param name="Launches">Launches of a run.</param>
/// <param name="Seconds">Time on the device: the median over the runs.</param>
/// <param name="Share">Its part of the time of all kernels.</param>
/// <param name="Operations">Floating-point operations, a multiply-add as two.</param>
/// <param name="Bytes">Bytes that it must read and write at least: each buffer once.</param>
/// <param name="Multiplied">As what it multiplies on tensor cores; float32 for a kernel that does without them.</param>
internal sealed record KernelProfile(
    string Name, int Launches, double Seconds, double Share, double Operations, double Bytes, Precision Multiplied = Precision.Fp32)
{
    /// <summary>Operations a second; 0 where the clock saw no time pass.</summary>
    public double OperationsPerSecond => Seconds > 0 ? Operations / Seconds : 0;

    /// <summary>Bytes a second; 0 where the clock saw no time pass. Caches can raise it above the copy probe's.</summary>
    public double BytesPerSecond => Seconds > 0 ? Bytes / Seconds : 0;
}
