namespace ILGPU.Tests.Cases;

/// <summary>All constructs that kernels may use, each with a kernel of its own.</summary>
public static class CompilerCases
{
    /// <summary>The list.</summary>
    public static IReadOnlyList<CompilerCase> All { get; } =
    [
        .. ArithmeticCases.All,
        .. ControlFlowCases.All,
        .. StructureCases.All,
        .. MemoryCases.All,
        .. NarrowFloatCases.All,
        .. GroupCases.All,
        .. MathCases.All,
        .. LaunchCases.All,
        .. TensorCoreCases.All,
        .. NetworkCases.All,
    ];

    /// <summary>The names, for theories: a name survives the way through a test runner.</summary>
    public static TheoryData<string> Names => [.. All.Select(item => item.Name)];

    /// <summary>A case by its name.</summary>
    public static CompilerCase Get(string name) => All.Single(item => item.Name == name);
}
