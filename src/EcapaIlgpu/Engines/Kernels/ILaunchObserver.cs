namespace EcapaIlgpu.Engines.Kernels;

/// <summary>One launch of a kernel and what it must do at least: what a profile compares with a device's limits.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Stage">Which part of the network it computes, <c>layer2.res2</c> say.</param>
/// <param name="Operations">Floating-point operations, a multiply-add as two.</param>
/// <param name="Bytes">Bytes read and written, each buffer once.</param>
/// <param name="Multiplied">As what tensor cores multiply in it; float32 for kernels that do without them.</param>
internal readonly record struct LaunchCost(
    string Kernel, string Stage, double Operations, double Bytes, Precision Multiplied = Precision.Fp32);

/// <summary>Sees the launches of an engine, on the thread that makes them.</summary>
internal interface ILaunchObserver
{
    /// <summary>Before a launch is queued.</summary>
    void Before(in LaunchCost cost);

    /// <summary>After it was queued.</summary>
    void After(in LaunchCost cost);
}
