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

    private static readonly EcapaConfig Config = new() { Channels = 32, EmbeddingSize = 24, GlobalContext = true };

    [Fact]
    public void Every_operation_equals_the_reference()
    {
        using EmulatedCuda cuda = new();
        KernelCaseTests.Check(cuda.Accelerator, MostWork, MostWork / 4);
    }

    [Fact]
    public void Probes_compute_what_they_say()
    {
        using EmulatedCuda cuda = new();
        ProfilingTests.CheckProbes(cuda.Accelerator);
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
}
