namespace ILGPU.Compiler;

/// <summary>
/// Bounds of launches that the compiler relies on and the launcher enforces. With them 32-bit positions of up to 256 threads a group
/// are known not to overflow, and divisions of them become shifts.
/// </summary>
internal static class LaunchLimits
{
    /// <summary>Threads of a group; more than any device allows.</summary>
    public const int GroupSize = 1 << 16;

    /// <summary>Groups along x: 2^31 threads in groups of 256.</summary>
    public const int GridX = 1 << 23;

    /// <summary>Groups along y and z, as CUDA has it.</summary>
    public const int GridYZ = 65535;
}
