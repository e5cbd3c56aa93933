using System.Globalization;
using System.Text;
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

    [NeedsTheory(typeof(Assembler))]
    [InlineData(80)]
    [InlineData(90)]
    public void Every_kernel_assembles_without_stack_or_spills(int architecture)
    {
        Item[] items = [.. Items()];
        IReadOnlyList<PtxasKernel> kernels = Assemble(items, architecture);
        for (int i = 0; i < items.Length; i++)
        {
            Assert.True(
                kernels[i] is { StackBytes: 0, SpillBytes: 0 },
                $"{items[i].Name}: {kernels[i].StackBytes} bytes of stack, {kernels[i].SpillBytes} spilled");
            Assert.Contains(kernels[i].Instructions, instruction => instruction.Is("HMMA"));
        }
    }

    /// <summary>
    /// The rest is copies and their addresses, with the split of float32 also what tensor cores do not look at in a row and the sums of
    /// rounds. docs/PERFORMANCE.md has the counts.
    /// </summary>
    [NeedsTheory(typeof(Assembler))]
    [InlineData(80)]
    [InlineData(90)]
    public void The_main_loop_of_every_kernel_is_mostly_products_fed_by_matrix_loads(int architecture)
    {
        (Item Item, double LeastShare)[] items =
        [
            (LargestConvolution<BFloat4>(TensorFormat.Bf16), 0.81), (LargestConvolution<Half4>(TensorFormat.Half), 0.81),
            (LargestConvolution<TFloat4>(TensorFormat.Tf32), 0.81), (LargestConvolution<Float4>(TensorFormat.Tf32x3), 0.65),
            // Attention's depth is one round in 16 bits: there is no loop.
            (Attention<TFloat4>(TensorFormat.Tf32), 0.74), (Attention<Float4>(TensorFormat.Tf32x3), 0.63),
            (Res2<BFloat4>(TensorFormat.Bf16, 16, 256), 0.59), (Res2<BFloat4>(TensorFormat.Bf16, 32, 128), 0.64),
            (Res2<TFloat4>(TensorFormat.Tf32, 16, 256), 0.68), (Res2<TFloat4>(TensorFormat.Tf32, 32, 128), 0.65),
            (Res2<Float4>(TensorFormat.Tf32x3, 16, 256), 0.61), (Res2<Float4>(TensorFormat.Tf32x3, 32, 128), 0.59),
        ];
        IReadOnlyList<PtxasKernel> kernels = Assemble([.. items.Select(item => item.Item)], architecture);
        StringBuilder low = new();
        for (int i = 0; i < items.Length; i++)
        {
            IReadOnlyList<SassInstruction> loop = kernels[i].MainLoop("HMMA");
            double share = loop.Count(instruction => instruction.Is("HMMA") || instruction.Is("LDSM")) / (double)loop.Count;
            if (share < items[i].LeastShare)
            {
                low.AppendLine(
                    CultureInfo.InvariantCulture, $"{items[i].Item.Name}: {share:p1} of {loop.Count} instructions are HMMA and LDSM");
            }
            Assert.Contains(loop, instruction => instruction.Is("LDGSTS"));
            // Shared memory is read as matrices and written by copies alone, and nothing from global memory passes the registers.
            Assert.DoesNotContain(loop, instruction => instruction.Is("LDS") || instruction.Is("STS") || instruction.Is("LDG"));
        }
        Assert.True(low.Length == 0, low.ToString());
    }

    [NeedsTheory(typeof(Assembler))]
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

    /// <summary>
    /// Kernels with the constants that the engine compiles them with for networks of 512 and 1024 channels. Halves differ from bfloat16 in
    /// one operation.
    /// </summary>
    private static IEnumerable<Item> Items() =>
    [
        .. Probes(), .. Of<BFloat4>(TensorFormat.Bf16), .. Of<TFloat4>(TensorFormat.Tf32), .. Of<Float4>(TensorFormat.Tf32x3),
        LargestConvolution<Half4>(TensorFormat.Half),
        // The first layer, of features: with means when it reads frames of the filterbank.
        Convolution<BFloat4>(TilePlan.TensorTilesOf(TensorFormat.Tf32).First(), TensorFormat.Tf32, new ConvForm(5, Usual, true)),
        Convolution<BFloat4>(TilePlan.TensorTilesOf(TensorFormat.Tf32).First(), TensorFormat.Tf32, new ConvForm(5, Usual)),
        Convolution<Float4>(TilePlan.TensorTilesOf(TensorFormat.Tf32x3).First(), TensorFormat.Tf32x3, new ConvForm(5, Usual, true)),
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
                yield return Convolution<TStored>(tile, format, new ConvForm(1, epilogue));
        }
        for (int i = 0; i < TilePlan.TensorAttentionTiles(format).Length; i++)
            yield return Attention<TStored>(format, i);
        foreach ((int quads, int rows) in ((int, int)[])[(16, 128), (16, 192), (16, 256), (32, 64), (32, 128)])
            yield return Res2<TStored>(format, quads, rows);
    }

    private static Item LargestConvolution<TStored>(TensorFormat format)
        where TStored : unmanaged, IQuad<TStored> =>
        Convolution<TStored>(TilePlan.TensorTilesOf(format).First(), format, new ConvForm(1, Usual));

    private static Item Convolution<TStored>(TensorTile tile, TensorFormat format, ConvForm form)
        where TStored : unmanaged, IQuad<TStored>
    {
        int channels = form.Taps == 1 ? 512 : 80;
        int chunks = channels * TensorTile.SlabChunks / TensorWeights.SlabChannels(format);
        TensorConvForm compiled = new(form, format, form.Taps > 1, chunks, tile);
        return new(
            $"TensorConv {compiled}", TensorConv.Kernel<TStored>, TilePlan.Specialization(tile, format, form),
            new KernelArguments().Add(new SpecializedValue<TensorConvForm>(compiled)));
    }

    private static Item Attention<TStored>(TensorFormat format, int tiles = 0)
        where TStored : unmanaged, IQuad<TStored>
    {
        (TensorTile tile, ProductTile cut) = TilePlan.TensorAttentionTiles(format)[tiles];
        TensorAttentionForm form = new(format, 128 / TensorWeights.SlabChannels(format) * TensorTile.SlabChunks, tile, cut);
        return new(
            $"TensorAttention {form}", TensorAttention.Chunks<TStored>, new KernelSpecialization(tile.Threads, 1),
            new KernelArguments().Add(new SpecializedValue<TensorAttentionForm>(form)));
    }

    private static Item Res2<TStored>(TensorFormat format, int quads, int rows)
        where TStored : unmanaged, IQuad<TStored>
    {
        TensorRes2Form form = new(quads, format, rows, 3);
        Assert.InRange(form.Threads, 1, TilePlan.MostRes2Threads);
        return new(
            $"TensorRes2 {form}", TensorRes2.Kernel<TStored>, new KernelSpecialization(form.Threads, 1),
            new KernelArguments().Add(new SpecializedValue<TensorRes2Form>(form)));
    }

    private static IReadOnlyList<PtxasKernel> Assemble(Item[] items, int architecture)
    {
        PtxTarget target = PtxTarget.For(architecture, 12040)!.Value;
        CompilerOptions options = new() { WarpSize = 32, RoundsToBFloat16 = target.RoundsToBFloat16 };
        IReadOnlyList<PtxasKernel> kernels = Ptxas.Assemble(
            items.Select(item => PtxEmitter.Emit(
                KernelCompiler.Compile(new EntryPoint(item.Kernel.Method, false, item.Launches), item.Constants.Specialization, options),
                target).Text),
            architecture);
        Assert.Equal(items.Length, kernels.Count);
        return kernels;
    }

    private sealed record Item(string Name, Delegate Kernel, KernelSpecialization Launches, KernelArguments Constants);
}
