using CudaEmulation;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Engines.Kernels.Profiling;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Engines.Kernels.Beyond;

/// <summary>How many kernels a forward from samples takes, filterbank included.</summary>
public class LaunchCountTests
{
    private const int MostLaunches = 30;

    public static TheoryData<Precision> Precisions => [.. Enum.GetValues<Precision>()];

    [Theory]
    [MemberData(nameof(Precisions))]
    public void A_forward_takes_at_most_30_launches_on_a_data_centre_GPU(Precision precision)
    {
        // As large as an H200, whose sizes decide how kernels are cut.
        using EmulatedCuda cuda = new(new EmulatedGpu { ComputeCapability = 90, Multiprocessors = 132, MaxSharedBytesOptIn = 227 * 1024 });
        cuda.Driver.SkipsKernels = true;
        foreach ((int channels, bool globalContext) in ((int, bool)[])[(512, true), (1024, true), (1024, false)])
        {
            EcapaConfig config = new() { Channels = channels, GlobalContext = globalContext };
            using KernelEngine engine = new(RandomModels.Create(config, 1), cuda.Accelerator, precision);
            CheckLaunches(cuda.Driver, engine);
        }
    }

    private static void CheckLaunches(EmulatedDriver driver, KernelEngine engine)
    {
        foreach ((int utterances, int frames) in ((int, int)[])[(1, 298), (64, 300)])
        {
            LaunchList launches = new();
            engine.Observer = launches;
            int before = driver.Launches;
            SampleBatch batch = SampleBatch.Noise(utterances, frames);
            engine.EmbedSamples(batch.Samples, batch.Offsets, new float[utterances * engine.Config.EmbeddingSize]);
            Assert.Equal(driver.Launches - before, launches.Count);
            string names = string.Join(", ", launches.Select(launch => launch.Kernel));
            Assert.True(launches.Count <= MostLaunches, $"{launches.Count} launches in {engine.Precision.Name()}: {names}");
            // One pass over the features, one over the aggregate; squeeze-excite has none.
            Assert.Equal(
                ["features", "pool"], launches.Where(launch => launch.Kernel == "TimeMoments.Chunks").Select(launch => launch.Stage));
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
