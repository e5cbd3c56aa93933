using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Model;
using ILGPU.Runtime.Cuda;
using static EcapaIlgpu.Tests.Engines.Kernels.Beyond.EngineSlotTests;

namespace EcapaIlgpu.Tests.Engines.Kernels.Beyond;

/// <summary>
/// Single utterances by captured graphs: the same bits as by launches, and one call to the driver for all of an utterance's kernels.
/// </summary>
public sealed class SlotGraphTests : IDisposable
{
    private static readonly EcapaConfig Small = new() { Channels = 8, EmbeddingSize = 12, Pooling = Pooling.Tstp };

    /// <summary>One for all tests but that of a fault: its kernels are compiled once.</summary>
    private static readonly EmulatedCuda Cuda = new();

    private readonly KernelEngine _engine = new(RandomModels.Create(Small, 1), Cuda.Accelerator);
    private readonly int _graphsBefore = Cuda.Driver.GraphLaunches;

    /// <summary>Graphs that this test has queued.</summary>
    private int GraphLaunches => Cuda.Driver.GraphLaunches - _graphsBefore;

    public void Dispose() => _engine.Dispose();

    [Fact]
    public void The_second_utterance_of_a_bucket_is_one_call_and_has_the_bits_that_it_has_in_a_batch()
    {
        // Frames, and whether they are the first of their bucket: up to 64 frames are one chunk, up to 128 two.
        (int Frames, bool First)[] utterances = [(64, true), (1, false), (33, false), (65, true), (64, false), (128, false)];
        // Some samples are left over after the last frame.
        (short[] samples, int[] offsets) = Speech(1, [.. utterances.Select((utterance, u) => Samples(utterance.Frames) + (29 * u))]);
        float[][] together = [.. Embed(_engine, (samples, offsets)).Chunk(Small.EmbeddingSize)];
        // The batch took more memory than any of them needs: nothing moves from here on.
        for (int u = 0; u < utterances.Length; u++)
        {
            (int calls, int graphs) = (Cuda.Driver.LaunchCalls, GraphLaunches);
            float[] alone = Embed(_engine, (samples[offsets[u]..offsets[u + 1]], [0, offsets[u + 1] - offsets[u]]));
            Assert.Equal(Bits(together[u]), Bits(alone));
            Assert.Equal(utterances[u].First, Cuda.Driver.LaunchCalls > calls);
            Assert.Equal(utterances[u].First ? 0 : 1, GraphLaunches - graphs);
        }
    }

    [Fact]
    public void Features_and_floats_have_graphs_of_their_own()
    {
        PackedBatch batch = RandomModels.Batch([20, 31, 40], Small.FeatureDim, 3);
        float[] together = new float[3 * Small.EmbeddingSize], alone = new float[Small.EmbeddingSize];
        _engine.Embed(batch, together);
        for (int u = 0; u < 3; u++)
        {
            (int first, int end) = (batch.Offsets[u], batch.Offsets[u + 1]);
            ReadOnlyMemory<float> frames = batch.Frames[(first * Small.FeatureDim)..(end * Small.FeatureDim)];
            _engine.Embed(new PackedBatch(frames, Small.FeatureDim, [0, end - first]), alone);
            Assert.Equal(Bits(together[(u * alone.Length)..((u + 1) * alone.Length)]), Bits(alone));
        }
        Assert.Equal(2, GraphLaunches);
        (short[] samples, int[] offsets) = Speech(4, Samples(30));
        float[] integers = Embed(_engine, (samples, offsets));
        for (int i = 0; i < 2; i++)
            _engine.EmbedSamples(Array.ConvertAll(samples, sample => (float)sample), offsets, alone);
        Assert.Equal(Bits(integers), Bits(alone));
        Assert.Equal(3, GraphLaunches);
    }

    [Fact]
    public void Memory_that_moves_takes_its_graphs_with_it()
    {
        (short[], int[]) small = Speech(5, Samples(10)), large = Speech(6, Samples(150), Samples(90));
        float[] before = Embed(_engine, small);
        Embed(_engine, small);
        Assert.Equal(1, GraphLaunches);
        Embed(_engine, large);
        // Captured anew where the memory now is.
        Assert.Equal(Bits(before), Bits(Embed(_engine, small)));
        Assert.Equal(1, GraphLaunches);
        Assert.Equal(Bits(before), Bits(Embed(_engine, small)));
        Assert.Equal(2, GraphLaunches);
    }

    [Fact]
    public void A_fault_in_a_replayed_graph_comes_out()
    {
        using EmulatedCuda cuda = new();
        using KernelEngine engine = new(RandomModels.Create(Small, 1), cuda.Accelerator);
        (short[], int[]) utterance = Speech(7, Samples(5));
        Embed(engine, utterance);
        cuda.Driver.FailAtLaunch = cuda.Driver.Launches + 4;
        DeviceException error = Assert.Throws<DeviceException>(() => Embed(engine, utterance));
        Assert.Equal(1, cuda.Driver.GraphLaunches);
        Assert.Equal("CUDA_ERROR_LAUNCH_FAILED", Assert.IsType<CudaException>(error.InnerException).ErrorName);
    }

    [Fact]
    public void Nothing_is_left_of_an_engines_graphs_and_memory()
    {
        _engine.Dispose();
        int[] left = [.. Enumerable.Range(0, 2).Select(_ =>
        {
            using (KernelEngine engine = new(RandomModels.Create(Small, 1), Cuda.Accelerator))
                Assert.Equal(Bits(Embed(engine, Speech(8, Samples(3)))), Bits(Embed(engine, Speech(8, Samples(3)))));
            return Cuda.Driver.LiveObjects;
        })];
        // Compiled kernels stay, the accelerator's.
        Assert.Equal(left[0], left[1]);
        Assert.Equal(2, GraphLaunches);
    }

    private static int Samples(int frames) => 400 + ((frames - 1) * 160);
}
