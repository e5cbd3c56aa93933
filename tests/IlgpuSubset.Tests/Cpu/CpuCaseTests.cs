using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Tests.Cases;

namespace ILGPU.Tests.Cpu;

/// <summary>Every construct that kernels may use, on the CPU accelerator.</summary>
public class CpuCaseTests
{
    [Theory]
    [MemberData(nameof(CompilerCases.Names), MemberType = typeof(CompilerCases))]
    public void Computes_what_the_host_computes(string name) => Check(name, Context.Create().CPU());

    [Theory]
    [MemberData(nameof(CompilerCases.Names), MemberType = typeof(CompilerCases))]
    public void Computes_the_same_with_bounds_checks(string name) => Check(name, Context.Create().CPU().Assertions());

    private static void Check(string name, Context.Builder builder)
    {
        using Context context = builder.ToContext();
        using Accelerator accelerator = context.GetCPUDevice(0).CreateAccelerator(context);
        CompilerCases.Get(name).Check(accelerator);
    }
}
