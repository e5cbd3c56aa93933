using ILGPU.Compiler.Cpu;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Tests.Cases;

namespace ILGPU.Tests.Cpu;

/// <summary>Every construct on the CPU accelerator, with vectors of every width that .NET knows, checked and not.</summary>
public class CpuCaseTests
{
    [Theory]
    [MemberData(nameof(CompilerCases.Names), MemberType = typeof(CompilerCases))]
    public void Computes_what_the_host_computes(string name) => Check(name, LaneVectors.Widest.Bytes, bounds: false);

    [Theory]
    [MemberData(nameof(CompilerCases.Names), MemberType = typeof(CompilerCases))]
    public void Computes_the_same_with_narrow_vectors(string name)
    {
        Check(name, 16, bounds: false);
        Check(name, 32, bounds: false);
    }

    [Theory]
    [MemberData(nameof(CompilerCases.Names), MemberType = typeof(CompilerCases))]
    public void Computes_the_same_with_bounds_checks(string name) => Check(name, LaneVectors.Widest.Bytes, bounds: true);

    private static void Check(string name, int vectorBytes, bool bounds)
    {
        using Context context = Context.Create(builder => (bounds ? builder.Assertions() : builder).CPU());
        using Accelerator accelerator = new CPUAccelerator(context, context.GetCPUDevice(0), new LaneVectors(vectorBytes));
        CompilerCases.Get(name).Check(accelerator);
    }
}
