using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Kernels;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Engines.Kernels;

/// <summary>What the engine on an accelerator promises beyond closeness: bits that depend on the utterance alone, and batches that do not fit.</summary>
public class KernelEngineTests
{
    private static readonly EcapaConfig Config = new() { Channels = 32, EmbeddingSize = 24, GlobalContext = true };

    [KernelDeviceFact("opencl")]
    public void An_embedding_has_the_same_bits_alone_and_in_any_batch_on_opencl() => CheckBits("opencl");

    [KernelDeviceFact("cpu-kernels")]
    public void An_embedding_has_the_same_bits_alone_and_in_any_batch_on_the_cpu_accelerator() => CheckBits("cpu-kernels");

    [KernelDeviceFact("cuda")]
    public void An_embedding_has_the_same_bits_alone_and_in_any_batch_on_cuda() => CheckBits("cuda");

    [KernelDeviceFact("opencl")]
    public void Disposed_twice_and_used_after_is_refused()
    {
        using DeviceSession open = KernelDevice.Named("opencl").Open();
        KernelEngine engine = new(RandomModels.Create(Config, 1), open.Accelerator);
        engine.Dispose();
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(() => engine.Embed(RandomModels.Batch([3], Config.FeatureDim, 2), new float[Config.EmbeddingSize]));
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

    private static void CheckBits(string selector)
    {
        using DeviceSession open = KernelDevice.Named(selector).Open();
        EcapaWeights weights = RandomModels.Create(Config, 3);
        int[] lengths = [1, 2, 28, 64, 65, 130, 33];
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances(lengths, Config.FeatureDim, 4);
        using KernelEngine engine = new(weights, open.Accelerator);
        float[][] alone = [.. utterances.Select(utterance => EngineTests.Embed(engine, [utterance])[0])];
        foreach (int[] order in (int[][])[[0, 1, 2, 3, 4, 5, 6], [6, 3, 0, 5], [4, 4, 4], [2, 6, 1]])
        {
            float[][] together = EngineTests.Embed(engine, [.. order.Select(u => utterances[u])]);
            for (int i = 0; i < order.Length; i++)
                Assert.Equal(Bits(alone[order[i]]), Bits(together[i]));
        }
        // Nor do sizes picked for another device or batch change a bit.
        foreach (ProductTile tile in TilePlan.Tiles)
        {
            using KernelEngine tiled = new(weights, open.Accelerator, plan: new TilePlan(open.Accelerator, tile));
            float[][] found = EngineTests.Embed(tiled, utterances);
            for (int u = 0; u < found.Length; u++)
                Assert.Equal(Bits(alone[u]), Bits(found[u]));
        }
    }

    private static int[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToInt32Bits)];
}
