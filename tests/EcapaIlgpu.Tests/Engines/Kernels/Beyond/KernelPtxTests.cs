using CudaEmulation;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Kernels;
using ILGPU.Compiler;
using ILGPU.Compiler.Ptx;
using ILGPU.Runtime;

namespace EcapaIlgpu.Tests.Engines.Kernels;

/// <summary>What NVIDIA's assembler makes of every kernel and specialisation: no stack, no spills, and main loops of multiply-adds.</summary>
public class KernelPtxTests
{
    /// <summary>The least share of multiply-adds in the main loop of a convolution with 64 outputs a thread.</summary>
    private const double LeastShare = 0.8;

    [PtxasTheory]
    [InlineData(70)]
    [InlineData(80)]
    [InlineData(90)]
    public void Every_kernel_assembles_without_stack_or_spills(int architecture)
    {
        (string Name, string Text)[] modules = [.. Specializations().Select(item => (item.Name, Compile(item, architecture)))];
        IReadOnlyList<PtxasKernel> kernels = Ptxas.Assemble(modules.Select(module => module.Text), architecture);
        Assert.Equal(modules.Length, kernels.Count);
        for (int i = 0; i < kernels.Count; i++)
        {
            Assert.True(
                kernels[i] is { StackBytes: 0, SpillBytes: 0 }, $"{modules[i].Name}: {kernels[i].StackBytes} bytes of stack, {kernels[i].SpillBytes} spilled");
            Assert.DoesNotContain(kernels[i].Instructions, instruction => instruction.Is("LDL") || instruction.Is("STL"));
        }
    }

    [PtxasTheory]
    [InlineData(70)]
    [InlineData(80)]
    [InlineData(90)]
    public void A_convolutions_main_loop_is_multiply_adds_and_wide_loads(int architecture)
    {
        foreach (Specialization item in Specializations().Where(item => item.Name.Contains("8x8 outputs", StringComparison.Ordinal)))
        {
            PtxasKernel kernel = Assert.Single(Ptxas.Assemble([Compile(item, architecture)], architecture));
            IReadOnlyList<SassInstruction> loop = kernel.MainLoop("FFMA");
            double share = loop.Count(instruction => instruction.Is("FFMA")) / (double)loop.Count;
            Assert.True(share >= LeastShare, $"{item.Name}: {share:p1} of {loop.Count} instructions are FFMA");
            Assert.All(
                loop.Where(instruction => instruction.Is("LDS")),
                instruction => Assert.EndsWith(".128", instruction.Operation, StringComparison.Ordinal));
        }
    }

    /// <summary>Every kernel with the constants that the engine compiles it with for networks of 512 and 1024 channels.</summary>
    private static IEnumerable<Specialization> Specializations()
    {
        KernelSpecialization line = new(256, null);
        foreach (ProductTile tile in TilePlan.Tiles)
        {
            string size = $"{tile.Rows}x{tile.Columns}, {tile.ThreadRows}x{tile.ThreadColumns} outputs";
            foreach (int taps in (int[])[1, 3, 5])
            {
                const Epilogue Normalized = Epilogue.Relu | Epilogue.ScaleShift;
                ConvForm[] forms = taps switch
                {
                    1 => [
                        new(1, Epilogue.Relu), new(1, Normalized), new(1, Normalized | Epilogue.SegmentSums), new(1, Epilogue.Tanh),
                        new(1, Epilogue.Tanh | Epilogue.UtteranceBias),
                    ],
                    5 => [new(5, Normalized), new(5, Normalized, SubtractsMean: true)],
                    _ => [new(taps, Normalized)],
                };
                foreach (ConvForm form in forms.Where(form => TilePlan.Suits(tile, form.Epilogue)))
                {
                    yield return new(
                        $"ConvReluBn {size}, {form}", ConvReluBn.Kernel, TilePlan.Specialization(tile, form),
                        new KernelArguments().Add(new SpecializedValue<ConvForm>(form)).Add(new SpecializedValue<ProductTile>(tile)));
                }
            }
        }
        foreach (ProductTile tile in TilePlan.AttentionTiles)
        {
            yield return new(
                $"AttentiveStatistics.Chunks {tile.Columns}", AttentiveStatistics.Chunks, TilePlan.Specialization(tile),
                new KernelArguments().Add(new SpecializedValue<ProductTile>(tile)));
        }
        foreach (int dilation in (int[])[2, 3, 4])
        {
            foreach (Res2Form form in (Res2Form[])[new(16, 256, 8, 16, dilation), new(16, 144, 8, 16, dilation), new(32, 144, 12, 16, dilation)])
            {
                yield return new(
                    $"Res2Chain {form}", Res2Chain.Kernel, new KernelSpecialization(form.Threads, null),
                    new KernelArguments().Add(new SpecializedValue<Res2Form>(form)));
            }
        }
        foreach (int channels in (int[])[128, 256])
        {
            yield return new(
                $"SqueezeExcite.Gate {channels}", SqueezeExcite.Gate, line,
                new KernelArguments().Add(new SpecializedValue<GateForm>(new GateForm(channels, 32))));
        }
        foreach (int deviation in (int[])[0, 1])
        {
            KernelArguments wanted = new KernelArguments().Add(new SpecializedValue<int>(deviation));
            yield return new($"TimeMoments.Chunks {deviation}", TimeMoments.Chunks, line, wanted);
            yield return new($"TimeMoments.Utterances {deviation}", TimeMoments.Utterances, line, wanted);
        }
        foreach (int sums in (int[])[4, 8, 16])
            yield return new($"MultiplyAddProbe {sums}", MultiplyAddProbe.Kernel, line, new KernelArguments().Add(new SpecializedValue<int>(sums)));
        foreach (Delegate kernel in (Delegate[])
            [AttentiveStatistics.Pool, UtteranceLinear.Kernel, SqueezeExcite.ScaleAndAdd, SoftmaxHead.NormalizeRelu,
                SoftmaxHead.Softmax, Filterbank.FromFloat, Filterbank.FromInt16, CopyProbe.Kernel])
            yield return new($"{kernel.Method.DeclaringType!.Name}.{kernel.Method.Name}", kernel, line, new KernelArguments());
    }

    private static string Compile(Specialization item, int architecture) => PtxEmitter.Emit(
        KernelCompiler.Compile(new EntryPoint(item.Kernel.Method, false, item.Launches), item.Constants.Specialization, new CompilerOptions { WarpSize = 32 }),
        PtxTarget.For(architecture, 12040)!.Value).Text;

    private sealed record Specialization(string Name, Delegate Kernel, KernelSpecialization Launches, KernelArguments Constants);
}

/// <summary>A test that needs NVIDIA's assembler; skipped, with the reason, where it cannot be had.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PtxasTheoryAttribute : TheoryAttribute
{
    public PtxasTheoryAttribute() => Skip = Ptxas.MissingReason;
}
