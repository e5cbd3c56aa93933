using ILGPU.Tests.Cases;

namespace ILGPU.Tests.Ptx;

/// <summary>Every construct through the whole CUDA path: PTX, driver calls, interpreter.</summary>
public class EmulatedCaseTests
{
    [Theory]
    [MemberData(nameof(CompilerCases.Names), MemberType = typeof(CompilerCases))]
    public void Runs_as_the_host_computes(string name)
    {
        using var gpu = new EmulatedGpuTest();
        CompilerCases.Get(name).Check(gpu.Accelerator);
    }
}
