using CudaEmulation;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Kernels;
using ILGPU.Compiler;
using ILGPU.Compiler.Ptx;
using ILGPU.Runtime;

namespace EcapaIlgpu.Tests.Engines.Kernels;

/// <summary>
/// What NVIDIA's assembler makes of every kernel and specialisation: no stack, no spills, and main loops of multiply-adds.
/// </summary>
public class KernelPtxTests
{
    /// <summary>The least share of multiply-adds in the main loop of a convolution with 64 outputs a thread.</summary>
    private const double LeastShare = 0.8;

    [NeedsTheory(typeof(Assembler))]
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
                kernels[i] is { StackBytes: 0, SpillBytes: 0 },
                $"{modules[i].Name}: {kernels[i].StackBytes} bytes of stack, {kernels[i].SpillBytes} spilled");
            Assert.DoesNotContain(kernels[i].Instructions, instruction => instruction.Is("LDL") || instruction.Is("STL"));
        }
    }

    [NeedsTheory(typeof(Assembler))]
    [InlineData(70)]
    [InlineData(80)]
    [InlineData(90)]
    public void A_convolutions_main_loop_is_multiply_adds_and_wide_loads(int architecture)
    {
        // The loop is the same whatever follows it: one epilogue of each is enough.
        IEnumerable<Specialization> loops = Specializations().Where(item => item.Name.Contains("8x8 outputs", StringComparison.Ordinal))
            .DistinctBy(item => item.Name[..item.Name.IndexOf("Epilogue", StringComparison.Ordinal)]);
        foreach (Specialization item in loops)
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

    /// <summary>
    /// Every kernel with the constants that the engine compiles it with for networks of 512 and 1024 channels, on rows of every storage.
    /// </summary>
    private static IEnumerable<Specialization> Specializations() =>
    [
        .. OfFloat32(), .. OnRows<Float4, Float4>(), .. OnRows<Half4, Half4>(), .. OnRows<Float4, Half4>(), .. OnRows<BFloat4, BFloat4>(),
        .. OnRows<Float4, BFloat4>(), .. WithoutProducts<TFloat4>(),
    ];

    /// <summary>Kernels on rows, the first convolution (of features) and the others apart.</summary>
    private static IEnumerable<Specialization> OnRows<TInput, TStored>()
        where TInput : unmanaged, IQuad<TInput>
        where TStored : unmanaged, IQuad<TStored>
    {
        string stored = typeof(TStored).Name;
        bool onlyFeatures = typeof(TInput) != typeof(TStored), narrow = typeof(TStored) != typeof(Float4);
        // 16 bits change loads and stores alone: the tiles with the most and the fewest outputs a thread show what there is to see.
        foreach (ProductTile tile in narrow ? (IEnumerable<ProductTile>)[TilePlan.Tiles.First(), TilePlan.Tiles.Last()] : TilePlan.Tiles)
        {
            string size = $"{tile.Rows}x{tile.Columns}, {tile.ThreadRows}x{tile.ThreadColumns} outputs";
            // Of activations in 16 bits the network has convolutions of one tap only; three are Res2's.
            foreach (int taps in onlyFeatures ? (int[])[5] : narrow ? [1] : [1, 3, 5])
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
                foreach (ConvForm form in forms)
                {
                    yield return new(
                        $"ConvReluBn {typeof(TInput).Name} to {stored} {size}, {form}", ConvReluBn.Kernel<TInput, TStored>,
                        TilePlan.Specialization(tile, form),
                        new KernelArguments().Add(new SpecializedValue<ConvForm>(form)).Add(new SpecializedValue<ProductTile>(tile)));
                }
            }
        }
        if (onlyFeatures)
            yield break;
        foreach (ProductTile tile in TilePlan.AttentionTiles)
        {
            yield return new(
                $"AttentiveStatistics.Chunks {stored} {tile.Columns}", AttentiveStatistics.Chunks<TStored>, TilePlan.Specialization(tile),
                new KernelArguments().Add(new SpecializedValue<ProductTile>(tile)));
        }
        foreach (int dilation in narrow ? (int[])[3] : [2, 3, 4])
        {
            Res2Form[] forms = [new(16, 256, 8, 16, dilation), new(16, 144, 8, 16, dilation), new(32, 144, 12, 16, dilation)];
            foreach (Res2Form form in forms)
            {
                yield return new(
                    $"Res2Chain {stored} {form}", Res2Chain.Kernel<TStored>, new KernelSpecialization(form.Threads, null),
                    new KernelArguments().Add(new SpecializedValue<Res2Form>(form)));
            }
        }
        foreach (Specialization item in WithoutProducts<TStored>())
            yield return item;
    }

    /// <summary>Kernels on rows that multiply no matrices.</summary>
    private static IEnumerable<Specialization> WithoutProducts<TStored>()
        where TStored : unmanaged, IQuad<TStored>
    {
        string stored = typeof(TStored).Name;
        KernelSpecialization line = new(256, null);
        foreach (int deviation in (int[])[0, 1])
        {
            yield return new(
                $"TimeMoments.Chunks {stored} {deviation}", TimeMoments.Chunks<TStored>, line,
                new KernelArguments().Add(new SpecializedValue<int>(deviation)));
        }
        yield return new($"SqueezeExcite.ScaleAndAdd {stored}", SqueezeExcite.ScaleAndAdd<TStored>, line, new KernelArguments());
    }

    /// <summary>Kernels that are float32 in every precision.</summary>
    private static IEnumerable<Specialization> OfFloat32()
    {
        KernelSpecialization line = new(256, null);
        foreach (int channels in (int[])[128, 256])
        {
            yield return new(
                $"SqueezeExcite.Gate {channels}", SqueezeExcite.Gate, line,
                new KernelArguments().Add(new SpecializedValue<GateForm>(new GateForm(channels, 32))));
        }
        foreach (int deviation in (int[])[0, 1])
        {
            yield return new(
                $"TimeMoments.Utterances {deviation}", TimeMoments.Utterances, line,
                new KernelArguments().Add(new SpecializedValue<int>(deviation)));
        }
        foreach (int sums in (int[])[4, 8, 16])
        {
            yield return new(
                $"MultiplyAddProbe {sums}", MultiplyAddProbe.Kernel, line, new KernelArguments().Add(new SpecializedValue<int>(sums)));
        }
        foreach (Delegate kernel in (Delegate[])
            [AttentiveStatistics.Pool, UtteranceLinear.Kernel, SoftmaxHead.NormalizeRelu,
                SoftmaxHead.Softmax, Filterbank.FromFloat, Filterbank.FromInt16, CopyProbe.Kernel])
            yield return new($"{kernel.Method.DeclaringType!.Name}.{kernel.Method.Name}", kernel, line, new KernelArguments());
    }

    private static string Compile(Specialization item, int architecture)
    {
        PtxTarget target = PtxTarget.For(architecture, 12040)!.Value;
        CompilerOptions options = new() { WarpSize = 32, RoundsToBFloat16 = target.RoundsToBFloat16 };
        EntryPoint entry = new(item.Kernel.Method, false, item.Launches);
        return PtxEmitter.Emit(KernelCompiler.Compile(entry, item.Constants.Specialization, options), target).Text;
    }

    private sealed record Specialization(string Name, Delegate Kernel, KernelSpecialization Launches, KernelArguments Constants);
}
