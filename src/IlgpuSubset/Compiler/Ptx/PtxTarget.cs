namespace ILGPU.Compiler.Ptx;

/// <summary>What a kernel's PTX is written for.</summary>
/// <param name="Architecture">The <c>.target</c>: 80 for sm_80.</param>
/// <param name="Isa">The <c>.version</c>: 70 for 7.0.</param>
internal readonly record struct PtxTarget(int Architecture, int Isa)
{
    /// <summary>The first architecture with threads of a warp that go their own ways, on which barriers and shuffles here rely.</summary>
    public const int LowestArchitecture = 70;

    /// <summary>The first driver that takes PTX 7.0, as <c>cuDriverGetVersion</c> numbers it.</summary>
    public const int LowestDriverVersion = 11000;

    /// <summary>
    /// Architectures with the PTX version that introduced them and the CUDA release that did. The emitter writes nothing newer than
    /// 7.0, so 7.0 serves all that came before; a newer device runs the PTX of the last architecture listed.
    /// </summary>
    private static readonly (int Architecture, int Isa, int Driver)[] Known =
    [
        (70, 70, 11000), (72, 70, 11000), (75, 70, 11000), (80, 70, 11000),
        (86, 71, 11010), (87, 74, 11040), (89, 78, 11080), (90, 78, 11080),
    ];

    /// <summary>Whether it has the instruction from f32 to bfloat16.</summary>
    public bool RoundsToBFloat16 => Architecture >= 80;

    /// <summary>Whether it has warp-wide products of tf32 and bfloat16, and asynchronous copies.</summary>
    public bool HasTensorCores => Architecture >= 80;

    /// <summary>The <c>.target</c> as ptxas names it.</summary>
    public string Name => $"sm_{Architecture}";

    /// <summary>The nearest target that both a device and its driver know; null where either is too old.</summary>
    /// <param name="computeCapability">The device's: 80 for 8.0.</param>
    /// <param name="driverVersion">The driver's: 12040 for 12.4.</param>
    public static PtxTarget? For(int computeCapability, int driverVersion)
    {
        PtxTarget? best = null;
        foreach ((int architecture, int isa, int driver) in Known)
        {
            if (architecture <= computeCapability && driver <= driverVersion)
                best = new PtxTarget(architecture, isa);
        }
        return best;
    }
}
