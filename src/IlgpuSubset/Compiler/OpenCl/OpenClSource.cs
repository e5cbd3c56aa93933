namespace ILGPU.Compiler.OpenCl;

/// <summary>A kernel as OpenCL C, and how to call it.</summary>
/// <param name="Name">The kernel function.</param>
/// <param name="Text">
/// The program. Where GROUP_SIZE is defined as three numbers, the kernel requires groups of that shape
/// (<see cref="RequiredGroupSize"/>).
/// </param>
/// <param name="Arguments">
/// What follows the IR kernel's parameters, of which a pointer takes two arguments (memory, and bytes into it) and a number one.
/// </param>
/// <param name="StaticSharedBytes">Local memory that the text declares.</param>
internal sealed record OpenClSource(string Name, string Text, IReadOnlyList<ExtraArgument> Arguments, int StaticSharedBytes)
{
    /// <summary>The build option that makes the kernel require groups of a shape, which lets compilers plan registers.</summary>
    public static string RequiredGroupSize(Index3D group) => $"-D GROUP_SIZE={group.X},{group.Y},{group.Z}";
}

/// <summary>An argument that stands for something else than a parameter.</summary>
internal enum ExtraArgument
{
    /// <summary>Local memory of as many bytes as the launch's dynamic shared memory has.</summary>
    DynamicShared,

    /// <summary>The number of these bytes (64 bits).</summary>
    DynamicSharedSize,

    /// <summary>Local memory through which threads exchange values: <see cref="OpenClEmitter.ExchangeBytes"/> of it.</summary>
    Exchange,
}
