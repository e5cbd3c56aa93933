using CudaEmulation;

namespace ILGPU.Tests.Ptx;

/// <summary>The kernel shape on which speed depends: what it computes, and what its machine code is made of.</summary>
public class MatrixProductTests
{
    [Fact]
    public void Is_bit_for_bit_the_sum_in_order()
    {
        using var gpu = new EmulatedGpuTest();
        (float[] actual, float[] expected) = MatrixProduct.Run(gpu.Accelerator, 128, 64, 48);
        Assert.Equal(expected, actual);
    }

    [NeedsTheory(typeof(Assembler))]
    [InlineData(70)]
    [InlineData(80)]
    [InlineData(90)]
    public void Main_loop_is_multiply_adds_and_16_byte_loads(int architecture)
    {
        var driver = new EmulatedDriver(new EmulatedGpu { ComputeCapability = architecture });
        using (var gpu = new EmulatedGpuTest(driver))
            MatrixProduct.Run(gpu.Accelerator, 64, 64, 16);
        PtxasKernel kernel = Assert.Single(Ptxas.Assemble(driver.LoadedPtx, architecture));
        Assert.Equal((0, 0), (kernel.StackBytes, kernel.SpillBytes));
        IReadOnlyList<SassInstruction> loop = kernel.MainLoop("FFMA");
        double share = loop.Count(instruction => instruction.Is("FFMA")) / (double)loop.Count;
        string counts = string.Join(
            ", ", loop.GroupBy(instruction => instruction.Operation).OrderByDescending(g => g.Count()).Select(g => $"{g.Count()} {g.Key}"));
        Assert.True(share >= 0.8, $"{share:P1} FFMA of {loop.Count}: {counts}");
        Assert.All(
            loop.Where(instruction => instruction.Is("LDS")),
            instruction => Assert.Contains("128", instruction.Operation, StringComparison.Ordinal));
        Assert.DoesNotContain(loop, instruction => instruction.Is("LDL") || instruction.Is("STL") || instruction.Is("LD"));
    }
}
