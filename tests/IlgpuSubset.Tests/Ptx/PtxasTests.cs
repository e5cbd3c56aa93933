using CudaEmulation;
using ILGPU.Tests.Cases;

namespace ILGPU.Tests.Ptx;

/// <summary>What NVIDIA's assembler says of the PTX of every construct, and the machine code of a matrix product.</summary>
public class PtxasTests
{
    [NeedsTheory(typeof(Assembler))]
    [InlineData(70)]
    [InlineData(80)]
    [InlineData(90)]
    public void Every_construct_assembles_without_stack_or_spills(int architecture)
    {
        var driver = new EmulatedDriver(new EmulatedGpu { ComputeCapability = architecture });
        using (var gpu = new EmulatedGpuTest(driver))
        {
            foreach (CompilerCase item in CompilerCases.All)
                item.Check(gpu.Accelerator);
        }
        IReadOnlyList<string> modules = driver.LoadedPtx;
        IReadOnlyList<PtxasKernel> kernels = Ptxas.Assemble(modules, architecture);
        Assert.Equal(modules.Count, kernels.Count);
        for (int i = 0; i < kernels.Count; i++)
        {
            Assert.Equal(0, kernels[i].SpillBytes);
            // An array that is really indexed at run time has no other place than memory.
            bool hasLocalArray = modules[i].Contains("\t.local ", StringComparison.Ordinal);
            Assert.True(
                hasLocalArray || kernels[i].StackBytes == 0, $"{kernels[i].Name}: {kernels[i].StackBytes} bytes of stack\n{modules[i]}");
            Assert.True(
                hasLocalArray || !kernels[i].Instructions.Any(instruction => instruction.Is("LDL") || instruction.Is("STL")),
                $"{kernels[i].Name} uses local memory\n{modules[i]}");
        }
    }
}
