using CudaEmulation;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Extraction.Beyond;

/// <summary>All GPUs of a machine, on a driver in software.</summary>
public sealed class SeveralGpusTests
{
    private static readonly EcapaConfig Small = new() { FeatureDim = 8, Channels = 16, EmbeddingSize = 8, Pooling = Pooling.Tap };

    [Fact]
    public async Task A_gpu_that_vanishes_leaves_its_batch_to_the_other()
    {
        EcapaWeights weights = RandomModels.Create(Small, 1);
        using EmulatedDriver driver = new(new EmulatedGpu { Name = "GPU A" }, new EmulatedGpu { Name = "GPU B" });
        using IDisposable installation = driver.Install();
        IReadOnlyList<IEmbeddingEngine> engines = DeviceSelector.CreateEngines(weights, "cuda:all");
        try
        {
            Assert.Equal(["cuda (GPU A, 3xtf32)", "cuda (GPU B, 3xtf32)"], engines.Select(engine => engine.Description));
            PackedBatch batch = RandomModels.Batch([1, 2, 1], weights.Config.FeatureDim, 2);
            float[] expected = new float[batch.Count * weights.Config.EmbeddingSize];
            engines[1].Embed(batch, expected);

            List<EngineLoss> losses = [];
            driver.LoseDeviceAtLaunch = driver.Launches + 1;
            Extractor extractor = new([.. engines.Select(engine => new FromRows(engine))], (input, _) => UtteranceOf(batch, int.Parse(input.Name) - 1), new ExtractionOptions { BatchRows = 1, EngineLost = losses.Add });
            List<float> embeddings = [];
            await foreach (ExtractionResult result in extractor.ExtractAsync(Enumerable.Range(1, batch.Count).Select(i => new AudioInput($"{i}"))))
                embeddings.AddRange(result.Embedding.ToArray());

            Assert.Equal(expected, embeddings);
            EngineLoss loss = Assert.Single(losses);
            Assert.StartsWith("cuda (GPU ", loss.Engine.Description, StringComparison.Ordinal);
            Assert.Equal(1, loss.EnginesLeft);
        }
        finally
        {
            // The one that is gone may not be able to give back what it had.
            Exception?[] failures = [.. engines.Select(engine => Record.Exception(engine.Dispose))];
            Assert.InRange(failures.Count(failure => failure is not null), 0, 1);
        }
    }

    [Theory]
    [InlineData(80, 90, "3xtf32")]
    [InlineData(70, 75, "fp32")]
    [InlineData(80, 70, "fp32")]
    [InlineData(70, 80, "fp32")]
    public void Gpus_that_differ_compute_in_one_precision_that_all_of_them_have(int first, int second, string expected)
    {
        using EmulatedDriver driver = new(
            new EmulatedGpu { Name = "GPU A", ComputeCapability = first }, new EmulatedGpu { Name = "GPU B", ComputeCapability = second });
        using IDisposable installation = driver.Install();
        IReadOnlyList<IEmbeddingEngine> engines = DeviceSelector.CreateEngines(RandomModels.Create(Small, 1), "cuda:all");
        try
        {
            Assert.Equal([$"cuda (GPU A, {expected})", $"cuda (GPU B, {expected})"], engines.Select(engine => engine.Description));
        }
        finally
        {
            foreach (IEmbeddingEngine engine in engines)
                engine.Dispose();
        }
    }

    [Fact]
    public void A_precision_that_one_of_several_gpus_lacks_is_an_error_that_names_it_and_leaves_no_memory_taken()
    {
        using EmulatedDriver driver = new(new EmulatedGpu { Name = "GPU A" }, new EmulatedGpu { Name = "GPU B", ComputeCapability = 70 });
        using IDisposable installation = driver.Install();
        InputException error = Assert.Throws<InputException>(
            () => DeviceSelector.CreateEngines(RandomModels.Create(Small, 1), "cuda:all", precision: Precision.Tf32x3));
        Assert.Equal("--precision 3xtf32: cannot be computed by cuda:1 (GPU B); it can do fp32, bf16, fp16.", error.Message);
        Assert.Equal(0, driver.Allocations);
    }

    [Fact]
    public void All_of_no_devices_is_an_error_that_says_so()
    {
        using EmulatedDriver driver = new() { HasNoDevice = true };
        using IDisposable installation = driver.Install();
        EcapaWeights weights = RandomModels.Create(new EcapaConfig { Channels = 16, EmbeddingSize = 8 }, 1);
        Assert.Contains("no such device was found", Assert.Throws<InputException>(() => DeviceSelector.CreateEngines(weights, "cuda:all")).Message, StringComparison.Ordinal);
    }

    private static Utterance UtteranceOf(PackedBatch batch, int u) => new(batch.Offsets[u + 1] - batch.Offsets[u], TimeSpan.FromSeconds(1), [])
    {
        Features = batch.Frames[(batch.Offsets[u] * batch.FeatureDim)..(batch.Offsets[u + 1] * batch.FeatureDim)],
    };

    /// <summary>An engine without its filterbank: an emulated GPU would take its time for that.</summary>
    private sealed class FromRows(IEmbeddingEngine engine) : IEmbeddingEngine
    {
        public string Description => engine.Description;

        public EcapaConfig Config => engine.Config;

        public void Embed(PackedBatch batch, Span<float> embeddings, CancellationToken cancellation = default) => engine.Embed(batch, embeddings, cancellation);

        public void Dispose()
        {
        }
    }
}
