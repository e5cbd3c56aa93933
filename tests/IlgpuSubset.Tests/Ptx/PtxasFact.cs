using CudaEmulation;

namespace ILGPU.Tests.Ptx;

/// <summary>A test that needs NVIDIA's assembler; skipped, with the reason, where it cannot be had.</summary>
internal sealed class PtxasFactAttribute : FactAttribute
{
    public PtxasFactAttribute() => Skip = Ptxas.MissingReason;
}

/// <inheritdoc cref="PtxasFactAttribute"/>
internal sealed class PtxasTheoryAttribute : TheoryAttribute
{
    public PtxasTheoryAttribute() => Skip = Ptxas.MissingReason;
}
