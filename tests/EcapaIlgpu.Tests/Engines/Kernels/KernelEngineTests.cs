using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Kernels;
using EcapaIlgpu.Model;
using ILGPU.Runtime;

namespace EcapaIlgpu.Tests.Engines.Kernels;

/// <summary>
/// What the engine on an accelerator promises beyond closeness: bits that depend on the utterance alone, and batches that do not fit.
/// </summary>
public class KernelEngineTests
{
    private static readonly EcapaConfig Config = new() { Channels = 32, EmbeddingSize = 24, GlobalContext = true };

    [NeedsFact(typeof(OpenClDevice))]
    public void An_embedding_has_the_same_bits_alone_and_in_any_batch_on_opencl() => CheckEveryPrecision("opencl");

    [Fact]
    public void An_embedding_has_the_same_bits_alone_and_in_any_batch_on_the_cpu_accelerator() => CheckEveryPrecision("cpu-kernels");

    [Fact]
    public void A_network_of_512_channels_gives_the_same_bits_alone_and_in_any_batch_on_the_cpu_accelerator()
    {
        using DeviceSession open = KernelDevice.Named("cpu-kernels").Open();
        EcapaConfig config = new() { GlobalContext = true };
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances([1, 40, 3, 29], config.FeatureDim, 4);
        using KernelEngine engine = new(RandomModels.Create(config, 3), open.Accelerator);
        CheckBits(
            engine, utterances, [.. utterances.Select(utterance => EngineTests.Embed(engine, [utterance])[0])],
            [[0, 1, 2, 3], [3, 2, 1], [2, 0]]);
    }

    [NeedsFact(typeof(NvidiaGpu))]
    public void An_embedding_has_the_same_bits_alone_and_in_any_batch_on_cuda() => CheckEveryPrecision("cuda");

    [NeedsFact(typeof(OpenClDevice))]
    public void Disposed_twice_and_used_after_is_refused_on_opencl() => CheckDisposal("opencl");

    [Fact]
    public void Disposed_twice_and_used_after_is_refused_on_the_cpu_accelerator() => CheckDisposal("cpu-kernels");

    private static void CheckDisposal(string selector)
    {
        using DeviceSession open = KernelDevice.Named(selector).Open();
        KernelEngine engine = new(RandomModels.Create(Config, 1), open.Accelerator);
        engine.Dispose();
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(
            () => engine.Embed(RandomModels.Batch([3], Config.FeatureDim, 2), new float[Config.EmbeddingSize]));
        open.Dispose();
        Assert.Throws<ObjectDisposedException>(() => open.Accelerator.Allocate1D<int>(4));
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:x")]
    [InlineData("cuda:1:2")]
    [InlineData("opencl:-1")]
    [InlineData("opencl:99")]
    [InlineData("")]
    public void A_device_that_does_not_exist_is_an_input_error_that_names_it(string selector)
    {
        InputException error = Assert.Throws<InputException>(() => DeviceSelector.CreateEngine(RandomModels.Create(Config, 1), selector));
        Assert.Equal($"--device {selector}", error.InputName);
    }

    [Fact]
    public void The_list_of_devices_has_the_processor_and_a_reason_for_each_that_cannot_be_used()
    {
        IReadOnlyList<DeviceInfo> devices = DeviceSelector.List();
        Assert.Contains(devices, device => device.Selector == "cpu");
        Assert.All(devices, device => Assert.Equal(device.Selector.Length == 0, device.Problem is not null));
    }

    /// <summary>What is stored between two parts of a network does not depend on how it was cut.</summary>
    [Fact]
    public void An_embedding_has_the_same_bits_alone_and_in_any_batch_in_16_bits_without_tensor_cores()
    {
        using DeviceSession open = KernelDevice.Named("cpu-kernels").Open();
        foreach (Precision precision in PrecisionSupport.Of(open.Accelerator).Where(able => able is Precision.Bf16 or Precision.Fp16))
            CheckBits(open.Accelerator, precision, usesTensorCores: false, [TilePlan.Tiles.Last()]);
    }

    [Fact]
    public void What_is_beyond_fp16_is_stored_as_its_largest_number()
    {
        using DeviceSession open = KernelDevice.Named("cpu-kernels").Open();
        using CaseDevice device = new(open.Accelerator, Precision.Fp16);
        ChannelLayout layout = ChannelLayout.Plain(4);
        BatchTables tables = device.Tables([1]);
        DeviceRows sum = new(device.RowRoom(1), 1);
        float[] rows = [60000, -60000, 2, 65504], gates = [1, 1, 0.5f, 0];
        device.Operations.ScaleAndAdd(
            device.Upload(rows, layout).View, device.UploadFloat32(gates, layout).View.As<Float4>(), device.Upload(rows, layout), sum, 1,
            tables);
        Assert.Equal([65504, -65504, 3, 65504], device.Download(sum, 1, layout));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void In_every_precision_a_NaN_spoils_the_embedding_of_its_utterance_and_no_other(bool usesTensorCores)
    {
        using DeviceSession open = KernelDevice.Named("cpu-kernels").Open();
        EcapaWeights weights = RandomModels.Create(Config, 3);
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances([3, 20, 5], Config.FeatureDim, 4);
        float[] spoilt = utterances[1].ToArray();
        // The one that GPUs compute: rounded as if it were a number it would be zero.
        spoilt[spoilt.Length / 2] = BitConverter.Int32BitsToSingle(0x7FFFFFFF);
        foreach (Precision precision in PrecisionSupport.Of(open.Accelerator))
        {
            using KernelEngine engine = new(
                weights, open.Accelerator, precision, new TilePlan(open.Accelerator, usesTensorCores: usesTensorCores));
            float[][] sound = EngineTests.Embed(engine, utterances), found =
                EngineTests.Embed(engine, [utterances[0], spoilt, utterances[2]]);
            Assert.All(found[1], v => Assert.True(float.IsNaN(v), precision.Name()));
            Assert.Equal(Bits(sound[0]), Bits(found[0]));
            Assert.Equal(Bits(sound[2]), Bits(found[2]));
        }
    }

    [Fact]
    public void A_precision_that_a_device_does_not_have_is_an_error_that_names_those_it_has()
    {
        EcapaWeights weights = RandomModels.Create(Config, 1);
        InputException vector = Assert.Throws<InputException>(() => DeviceSelector.CreateEngine(weights, "cpu", 1, Precision.Bf16));
        Assert.Equal("--precision bf16", vector.InputName);
        Assert.EndsWith("it can do fp32.", vector.Problem, StringComparison.Ordinal);
        InputException other = Assert.Throws<InputException>(
            () => PrecisionSupport.Require(Precision.Tf32, [Precision.Fp32, Precision.Fp16], "opencl:0", "a GPU"));
        Assert.Equal("cannot be computed by opencl:0 (a GPU); it can do fp32, fp16.", other.Problem);
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("cpu-kernels")]
    public void Without_being_asked_a_processor_computes_in_float32_and_says_so(string device)
    {
        using IEmbeddingEngine engine = DeviceSelector.CreateEngine(RandomModels.Create(Config, 1), device);
        Assert.Equal(Precision.Fp32, engine.Precision);
        Assert.EndsWith(", fp32)", engine.Description, StringComparison.Ordinal);
    }

    private static void CheckEveryPrecision(string selector)
    {
        using DeviceSession open = KernelDevice.Named(selector).Open();
        foreach (Precision precision in PrecisionSupport.Of(open.Accelerator))
            CheckBits(open.Accelerator, precision, usesTensorCores: true, precision == Precision.Fp32 ? TilePlan.Tiles : []);
    }

    private static void CheckBits(Accelerator accelerator, Precision precision, bool usesTensorCores, IEnumerable<ProductTile> tiles)
    {
        EcapaWeights weights = RandomModels.Create(Config, 3);
        int[] lengths = [1, 2, 28, 64, 65, 130, 33];
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances(lengths, Config.FeatureDim, 4);
        using KernelEngine engine = new(weights, accelerator, precision, new TilePlan(accelerator, usesTensorCores: usesTensorCores));
        float[][] alone = [.. utterances.Select(utterance => EngineTests.Embed(engine, [utterance])[0])];
        CheckBits(engine, utterances, alone, [[0, 1, 2, 3, 4, 5, 6], [6, 3, 0, 5], [4, 4, 4], [2, 6, 1]]);
        // Nor do sizes picked for another device or batch change a bit.
        foreach (ProductTile tile in tiles)
        {
            using KernelEngine tiled = new(weights, accelerator, precision, new TilePlan(accelerator, tile, usesTensorCores));
            float[][] found = EngineTests.Embed(tiled, utterances);
            for (int u = 0; u < found.Length; u++)
                Assert.Equal(Bits(alone[u]), Bits(found[u]));
        }
    }

    internal static void CheckBits(KernelEngine engine, ReadOnlyMemory<float>[] utterances, float[][] alone, int[][] orders)
    {
        foreach (int[] order in orders)
        {
            float[][] together = EngineTests.Embed(engine, [.. order.Select(u => utterances[u])]);
            for (int i = 0; i < order.Length; i++)
                Assert.Equal(Bits(alone[order[i]]), Bits(together[i]));
        }
    }

    private static int[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToInt32Bits)];
}
