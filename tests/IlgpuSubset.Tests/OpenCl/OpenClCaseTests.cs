using ILGPU.Tests.Cases;

namespace ILGPU.Tests.OpenCl;

/// <summary>Every construct that kernels may use, on the OpenCL device.</summary>
[Collection(OpenClSuite.Name)]
public class OpenClCaseTests(OpenClFixture fixture)
{
    [NeedsTheory(typeof(OpenClDevice))]
    [MemberData(nameof(CompilerCases.Names), MemberType = typeof(CompilerCases))]
    public void Computes_what_the_host_computes(string name) => CompilerCases.Get(name).Check(fixture.Accelerator);
}
