using CudaEmulation;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Kernels;
using ILGPU.Compiler;
using ILGPU.Compiler.Ptx;
using ILGPU.Runtime;

namespace EcapaIlgpu.Tests.Engines.Kernels;

/// <summary>
/// What NVIDIA's assembler makes of the kernels on tensor cores: no stack, no spills, and main loops of products that matrix loads feed.
/// </summary>
public class TensorPtxTests
{
    private const Epilogue Usual = Epilogue.Relu | Epilogue.ScaleShift;

    [PtxasTheory]
    [InlineData(80)]
    [InlineData(90)]
    public void Every_kernel_assembles_without_stack_or_spills(int architecture)
    {
        Item[] items = [.. Items()];
        IReadOnlyList<PtxasKernel> kernels = Assemble(items, architecture);
        for (int i = 0; i < items.Length; i++)
        {
            Assert.True(
                kernels[i] is { StackBytes: 0, SpillBytes: 0 }, $"{items[i].Name}: {kernels[i].StackBytes} bytes of stack, {kernels[i].SpillBytes} spilled");
            Assert.Contains(kernels[i].Instructions, instruction => instruction.Is("HMMA"));
        }
    }

    /// <summary>
    /// Of the 128 x 128 tile 57 % of the loop are products and the loads that feed them; the rest, copies and their addresses, hides
    /// behind products that take 4 to 8 cycles each. Tf32 also
    /// rounds, and the split of float32 adds its steps in float32: what the loop has besides is bounded instead.
    /// </summary>
    [PtxasTheory]
    [InlineData(80)]
    [InlineData(90)]
    public void A_convolutions_main_loop_is_products_fed_by_matrix_loads(int architecture)
    {
        (TensorFormat Format, Delegate Kernel, double LeastShare)[] formats =
        [
            (TensorFormat.Bf16, TensorConv.Kernel<BFloat4>, 0.55), (TensorFormat.Half, TensorConv.Kernel<Half4>, 0.55),
            (TensorFormat.Tf32, TensorConv.Kernel<Float4>, 0.45), (TensorFormat.Tf32x3, TensorConv.Kernel<Float4>, 0.27),
        ];
        Item[] items = [.. formats.Select(item => Convolution(item.Kernel, TilePlan.TensorTilesOf(item.Format).First(), item.Format, new ConvForm(1, Usual)))];
        IReadOnlyList<PtxasKernel> kernels = Assemble(items, architecture);
        for (int i = 0; i < items.Length; i++)
        {
            IReadOnlyList<SassInstruction> loop = kernels[i].MainLoop("HMMA");
            double share = loop.Count(instruction => instruction.Is("HMMA") || instruction.Is("LDSM")) / (double)loop.Count;
            Assert.True(share >= formats[i].LeastShare, $"{items[i].Name}: {share:p1} of {loop.Count} instructions are HMMA and LDSM");
            Assert.Contains(loop, instruction => instruction.Is("LDGSTS"));
            // Shared memory is read as matrices and written by copies alone, and nothing from global memory passes the registers.
            Assert.DoesNotContain(loop, instruction => instruction.Is("LDS") || instruction.Is("STS") || instruction.Is("LDG"));
        }
    }

    [PtxasTheory]
    [InlineData(80)]
    [InlineData(90)]
    public void The_probes_loop_is_products_and_nothing_that_takes_their_time(int architecture)
    {
        Item[] items = [.. Probes()];
        IReadOnlyList<PtxasKernel> kernels = Assemble(items, architecture);
        for (int i = 0; i < items.Length; i++)
        {
            IReadOnlyList<SassInstruction> loop = kernels[i].MainLoop("HMMA");
            int products = loop.Count(instruction => instruction.Is("HMMA"));
            Assert.True(products >= 0.8 * loop.Count, $"{items[i].Name}: {products} of {loop.Count} instructions are HMMA");
            Assert.Equal(0, products % TensorProbe.Unrolled);
        }
    }

    /// <summary>Kernels with the constants that the engine compiles them with for networks of 512 and 1024 channels. Halves differ from bfloat16 in one operation.</summary>
    private static IEnumerable<Item> Items() =>
    [
        .. Probes(), .. Of<BFloat4>(TensorFormat.Bf16), .. Of<Float4>(TensorFormat.Tf32), .. Of<Float4>(TensorFormat.Tf32x3),
        Convolution(TensorConv.Kernel<Half4>, TilePlan.TensorTilesOf(TensorFormat.Half).First(), TensorFormat.Half, new ConvForm(1, Usual)),
        // The first layer, of features.
        Convolution(TensorConv.Kernel<BFloat4>, TilePlan.TensorTilesOf(TensorFormat.Tf32).First(), TensorFormat.Tf32, new ConvForm(5, Usual, true)),
        Convolution(TensorConv.Kernel<Float4>, TilePlan.TensorTilesOf(TensorFormat.Tf32x3).First(), TensorFormat.Tf32x3, new ConvForm(5, Usual, true)),
    ];

    private static IEnumerable<Item> Probes() =>
        from format in (TensorFormat[])[TensorFormat.Tf32, TensorFormat.Bf16, TensorFormat.Half]
        from chains in (int[])[4, 8]
        let form = new TensorProbeForm(format, chains)
        select new Item(
            $"{form}", TensorProbe.Kernel, new KernelSpecialization(TensorProbe.Threads, null),
            new KernelArguments().Add(new SpecializedValue<TensorProbeForm>(form)));

    private static IEnumerable<Item> Of<TStored>(TensorFormat format)
        where TStored : unmanaged, IQuad<TStored>
    {
        foreach (TensorTile tile in TilePlan.TensorTilesOf(format))
        {
            // What follows the sums has the fewest registers left behind the largest tile.
            Epilogue[] epilogues = tile == TilePlan.TensorTilesOf(format).First()
                ? [Usual, Usual | Epilogue.SegmentSums, Epilogue.Tanh | Epilogue.UtteranceBias]
                : [Usual | Epilogue.SegmentSums];
            foreach (Epilogue epilogue in epilogues)
                yield return Convolution(TensorConv.Kernel<TStored>, tile, format, new ConvForm(1, epilogue));
        }
        foreach ((TensorTile tile, ProductTile cut) in TilePlan.TensorAttentionTiles)
        {
            TensorAttentionForm form = new(format, 128 / TensorWeights.SlabChannels(format) * TensorTile.SlabChunks, tile, cut);
            yield return new(
                $"TensorAttention {form}", TensorAttention.Chunks<TStored>, new KernelSpecialization(tile.Threads, 1),
                new KernelArguments().Add(new SpecializedValue<TensorAttentionForm>(form)));
        }
        foreach ((int quads, int rows) in ((int, int)[])[(16, 128), (16, 256), (32, 128), (32, 256)])
        {
            TensorRes2Form form = new(quads, format, rows, 3);
            if (form.Threads <= TilePlan.MostRes2Threads(format))
            {
                yield return new(
                    $"TensorRes2 {form}", TensorRes2.Kernel<TStored>, new KernelSpecialization(form.Threads, 1),
                    new KernelArguments().Add(new SpecializedValue<TensorRes2Form>(form)));
            }
        }
    }

    private static Item Convolution(Delegate kernel, TensorTile tile, TensorFormat format, ConvForm form)
    {
        int channels = form.Taps == 1 ? 512 : 80;
        TensorConvForm compiled = new(form, format, channels * TensorTile.SlabChunks / TensorWeights.SlabChannels(format), tile);
        return new(
            $"TensorConv {compiled}", kernel, TilePlan.Specialization(tile, format, form), new KernelArguments().Add(new SpecializedValue<TensorConvForm>(compiled)));
    }

    private static IReadOnlyList<PtxasKernel> Assemble(Item[] items, int architecture)
    {
        PtxTarget target = PtxTarget.For(architecture, 12040)!.Value;
        CompilerOptions options = new() { WarpSize = 32, RoundsToBFloat16 = target.RoundsToBFloat16 };
        IReadOnlyList<PtxasKernel> kernels = Ptxas.Assemble(
            items.Select(item => PtxEmitter.Emit(
                KernelCompiler.Compile(new EntryPoint(item.Kernel.Method, false, item.Launches), item.Constants.Specialization, options), target).Text),
            architecture);
        Assert.Equal(items.Length, kernels.Count);
        return kernels;
    }

    private sealed record Item(string Name, Delegate Kernel, KernelSpecialization Launches, KernelArguments Constants);
}
