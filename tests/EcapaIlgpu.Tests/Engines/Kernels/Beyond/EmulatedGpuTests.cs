using CudaEmulation;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Model;
using EcapaIlgpu.Tests.Engines.Kernels.Profiling;

namespace EcapaIlgpu.Tests.Engines.Kernels.Beyond;

/// <summary>The whole CUDA path, host and device, on a machine without a GPU: numbers, and what happens when a driver fails.</summary>
public class EmulatedGpuTests
{
    /// <summary>Multiply-adds of a case: what the interpreter does in half a second.</summary>
    private const double MostWork = 3e5;

    /// <summary>As little to compute as a whole network can be: 1536 channels are pooled in every one.</summary>
    private static readonly EcapaConfig Small = new() { Channels = 8, EmbeddingSize = 4, FeatureDim = 8, Pooling = Pooling.Tstp };

    private static readonly EcapaConfig Config = new() { Channels = 32, EmbeddingSize = 24, GlobalContext = true };

    [Fact]
    public void Every_operation_equals_the_reference()
    {
        using EmulatedCuda cuda = new();
        KernelCaseTests.Check(cuda.Accelerator, MostWork, MostWork / 4);
    }

    [Theory]
    [MemberData(nameof(LaunchCountTests.Precisions), MemberType = typeof(LaunchCountTests))]
    public void An_embedding_has_the_same_bits_alone_and_in_any_batch(Precision precision)
    {
        using EmulatedCuda cuda = new();
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances([1, 35, 3], Small.FeatureDim, 4);
        using KernelEngine engine = new(RandomModels.Create(Small, 3), cuda.Accelerator, precision);
        // Alone: as the first of its bucket by launches, then by the graph.
        float[][] alone = [.. utterances.Select(utterance => EngineTests.Embed(engine, [utterance])[0])];
        Assert.Equal(2, engine.GraphRuns);
        KernelEngineTests.CheckBits(engine, utterances, alone, [[0, 1, 2], [2, 1], [1]]);
    }

    [Fact]
    public void Probes_compute_what_they_say()
    {
        using EmulatedCuda cuda = new();
        ProfilingTests.CheckProbes(cuda.Accelerator);
    }

    [Fact]
    public void A_batch_that_finds_no_memory_is_halved_and_completes_with_the_same_embeddings()
    {
        EcapaWeights weights = RandomModels.Create(Small, 5);
        ReadOnlyMemory<float>[] utterances = RandomModels.Utterances([3, 1], Small.FeatureDim, 6);
        using EmulatedCuda cuda = new();
        using KernelEngine engine = new(weights, cuda.Accelerator);
        float[][] whole = EngineTests.Embed(engine, utterances);
        int launches = cuda.Driver.Launches;
        using KernelEngine fresh = new(weights, cuda.Accelerator);
        // The weights are in place: the second piece of memory after them is one that the forward takes.
        cuda.Driver.FailAtAllocation = cuda.Driver.Allocations + 2;
        Assert.Equal(whole, EngineTests.Embed(fresh, utterances));
        Assert.Equal(3 * launches, cuda.Driver.Launches);
    }

    [Fact]
    public void A_single_utterance_that_does_not_fit_is_an_error_that_names_it()
    {
        using EmulatedCuda cuda = new(new EmulatedGpu { MemoryBytes = 24 << 20 });
        using KernelEngine engine = new(RandomModels.Create(Config, 1), cuda.Accelerator);
        PackedBatch batch = RandomModels.Batch([4000], Config.FeatureDim, 2);
        InputException error = Assert.Throws<InputException>(() => engine.Embed(batch, new float[Config.EmbeddingSize]));
        Assert.Contains("utterance 0", error.InputName, StringComparison.Ordinal);
        Assert.Contains("4000 frames", error.Problem, StringComparison.Ordinal);
        Assert.Contains(cuda.Accelerator.Name, error.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_that_does_not_fit_is_halved_until_what_is_too_large_is_alone()
    {
        // Nothing fits, so that nothing is computed either, which on an emulated GPU would take its time; what is tried shows in the error.
        using EmulatedCuda cuda = new(new EmulatedGpu { MemoryBytes = 24 << 20 });
        using KernelEngine engine = new(RandomModels.Create(Config, 1), cuda.Accelerator);
        PackedBatch batch = RandomModels.Batch([5000, 3000, 2000], Config.FeatureDim, 2);
        InputException error = Assert.Throws<InputException>(() => engine.Embed(batch, new float[3 * Config.EmbeddingSize]));
        Assert.Contains("5000 frames", error.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "CUDA_ERROR_LAUNCH_FAILED")]
    [InlineData(true, "CUDA_ERROR_UNKNOWN")]
    public void A_driver_that_fails_is_told_from_a_full_device_and_the_engine_can_be_disposed_twice(bool vanishes, string error)
    {
        using EmulatedCuda cuda = new();
        KernelEngine engine = new(RandomModels.Create(Small, 5), cuda.Accelerator);
        if (vanishes)
            cuda.Driver.LoseDeviceAtLaunch = 2;
        else
            cuda.Driver.FailAtLaunch = 2;
        PackedBatch batch = RandomModels.Batch([3, 1], Small.FeatureDim, 6);
        // Once in the middle, then from the first call on.
        for (int call = 0; call < 2; call++)
        {
            DeviceException failure = Assert.Throws<DeviceException>(() => engine.Embed(batch, new float[2 * Small.EmbeddingSize]));
            Assert.Equal(cuda.Accelerator.Name, failure.Device);
            Assert.Contains(error, failure.Message, StringComparison.Ordinal);
        }
        engine.Dispose();
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(() => engine.Embed(batch, new float[2 * Small.EmbeddingSize]));
    }
}
