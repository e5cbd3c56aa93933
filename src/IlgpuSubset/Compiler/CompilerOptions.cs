namespace ILGPU.Compiler;

/// <summary>What the compiler must know of the device it compiles for, and how far its loop unrolling may go.</summary>
internal sealed record CompilerOptions
{
    /// <summary>The lanes of a warp.</summary>
    public required int WarpSize { get; init; }

    /// <summary>
    /// Whether the device rounds to bfloat16 in one instruction (<see cref="IR.ConvertKind.RoundToBFloat16"/>). Elsewhere the arithmetic of
    /// <see cref="BFloat16"/> itself is compiled.
    /// </summary>
    public bool RoundsToBFloat16 { get; init; }

    /// <summary>Whether every index of a view is checked (<see cref="IR.Opcode.BoundsCheck"/>).</summary>
    public bool BoundsChecks { get; init; }

    /// <summary>
    /// Instructions that a loop of constant bounds may become. Large enough for the inner loop of a matrix product (16 steps of
    /// an 8x8 register tile), small enough to leave the loop over channels alone.
    /// </summary>
    public int UnrolledInstructions { get; init; } = 2048;

    /// <summary>
    /// The same where a local array can only become registers if the loop is unrolled; beyond it the array stays in memory.
    /// </summary>
    public int UnrolledInstructionsForRegisters { get; init; } = 16384;
}
