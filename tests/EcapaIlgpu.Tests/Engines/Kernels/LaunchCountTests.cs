using CudaEmulation;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Engines.Kernels.Profiling;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Engines.Kernels;

/// <summary>How many kernels a forward from samples takes, filterbank included.</summary>
[Collection(EmulatedDriverCollection.Name)]
public class LaunchCountTests
{
    private const int MostLaunches = 30;

    [Theory]
    [InlineData(512, true)]
    [InlineData(1024, true)]
    [InlineData(1024, false)]
    public void A_forward_takes_at_most_30_launches_on_a_data_centre_GPU(int channels, bool globalContext)
    {
        // As large as an H200, whose sizes decide how kernels are cut.
        using EmulatedDriver driver = new(new EmulatedGpu { ComputeCapability = 90, Multiprocessors = 132, MaxSharedBytesOptIn = 227 * 1024 }) { SkipsKernels = true };
        using OpenKernelDevice open = OpenKernelDevice.Emulated(driver);
        EcapaConfig config = new() { Channels = channels, GlobalContext = globalContext };
        using KernelEngine engine = new(RandomModels.Create(config, 1), open.Accelerator);
        foreach ((int utterances, int frames) in ((int, int)[])[(1, 298), (64, 300)])
        {
            LaunchList launches = new();
            engine.Observer = launches;
            int before = driver.Launches;
            SampleBatch batch = SampleBatch.Noise(utterances, frames);
            engine.EmbedSamples(batch.Samples, batch.Offsets, new float[utterances * config.EmbeddingSize]);
            Assert.Equal(driver.Launches - before, launches.Count);
            Assert.True(launches.Count <= MostLaunches, $"{launches.Count} launches: {string.Join(", ", launches.Select(launch => launch.Kernel))}");
            Assert.DoesNotContain(launches, launch => launch.Kernel == "TimeMoments.Chunks" && launch.Stage.StartsWith("layer", StringComparison.Ordinal));
        }
    }

    /// <summary>Remembers launches.</summary>
    private sealed class LaunchList : List<LaunchCost>, ILaunchObserver
    {
        public void Before(in LaunchCost cost)
        {
        }

        public void After(in LaunchCost cost) => Add(cost);
    }
}
