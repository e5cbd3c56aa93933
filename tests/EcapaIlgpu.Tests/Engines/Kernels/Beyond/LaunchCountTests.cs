using CudaEmulation;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Engines.Kernels.Profiling;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Engines.Kernels.Beyond;

/// <summary>How many kernels a forward from samples takes, filterbank included.</summary>
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
        using EmulatedCuda cuda = new(new EmulatedGpu { ComputeCapability = 90, Multiprocessors = 132, MaxSharedBytesOptIn = 227 * 1024 });
        cuda.Driver.SkipsKernels = true;
        EcapaConfig config = new() { Channels = channels, GlobalContext = globalContext };
        using KernelEngine engine = new(RandomModels.Create(config, 1), cuda.Accelerator);
        foreach ((int utterances, int frames) in ((int, int)[])[(1, 298), (64, 300)])
        {
            LaunchList launches = new();
            engine.Observer = launches;
            int before = cuda.Driver.Launches;
            SampleBatch batch = SampleBatch.Noise(utterances, frames);
            engine.EmbedSamples(batch.Samples, batch.Offsets, new float[utterances * config.EmbeddingSize]);
            Assert.Equal(cuda.Driver.Launches - before, launches.Count);
            string names = string.Join(", ", launches.Select(launch => launch.Kernel));
            Assert.True(launches.Count <= MostLaunches, $"{launches.Count} launches: {names}");
            // One pass over the features, one over the aggregate; squeeze-excite has none.
            Assert.Equal(["features", "pool"], launches.Where(launch => launch.Kernel == "TimeMoments.Chunks").Select(launch => launch.Stage));
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
