using CudaEmulation;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Engines.Kernels.Beyond;

/// <summary>Several batches on a device at once: what crosses the bus, and whose memory is whose.</summary>
public class EngineSlotTests
{
    /// <summary>Few operations a frame: the emulated GPU is slow.</summary>
    private static readonly EcapaConfig Config = new() { Channels = 8, EmbeddingSize = 12, Pooling = Pooling.Tstp };

    private static readonly EcapaWeights Weights = RandomModels.Create(Config, 1);

    /// <summary>One for all tests that need no driver of their own: its kernels are compiled once.</summary>
    private static readonly EmulatedCuda Cuda = new();

    [Fact]
    public async Task Batches_of_several_threads_have_the_bits_that_they_have_one_by_one()
    {
        using KernelEngine engine = new(Weights, Cuda.Accelerator);
        Assert.Equal(2, engine.Concurrency);
        (short[] Samples, int[] Offsets)[] batches =
            [Speech(1, 700, 2100), Speech(2, 5000), Speech(3, 400, 401, 3000), Speech(4, 1600, 900)];
        float[][] oneByOne = [.. batches.Select(batch => Embed(engine, batch))];
        float[][] atOnce = await Task.WhenAll(
            Enumerable.Range(0, 2 * batches.Length).Select(i => Task.Run(() => Embed(engine, batches[i % batches.Length]))));
        for (int i = 0; i < atOnce.Length; i++)
            Assert.Equal(Bits(oneByOne[i % batches.Length]), Bits(atOnce[i]));
    }

    [Fact]
    public void Samples_of_16_bits_cross_the_bus_in_one_copy_that_no_thread_waits_for()
    {
        using KernelEngine engine = new(Weights, Cuda.Accelerator);
        (short[] Samples, int[] Offsets) batch = Speech(5, 1000, 2500, 700);
        Embed(engine, batch);
        (long to, long from, int pageable) = (Cuda.Driver.BytesToDevice, Cuda.Driver.BytesFromDevice, Cuda.Driver.PageableCopies);
        Embed(engine, batch);
        int rows = 1 + ((1000 - 400) / 160) + 1 + ((2500 - 400) / 160) + 1 + ((700 - 400) / 160);
        // The tables are a number a row and a few for each utterance; all is rounded up to 16 bytes twice.
        int sampleBytes = sizeof(short) * batch.Samples.Length;
        Assert.InRange(Cuda.Driver.BytesToDevice - to, sampleBytes, sampleBytes + (sizeof(int) * (rows + 26)) + 32);
        Assert.Equal(3 * sizeof(float) * Config.EmbeddingSize, Cuda.Driver.BytesFromDevice - from);
        Assert.Equal(pageable, Cuda.Driver.PageableCopies);
    }

    [Fact]
    public void Floats_and_16_bit_samples_of_the_same_numbers_have_the_same_bits()
    {
        using KernelEngine engine = new(Weights, Cuda.Accelerator);
        (short[] samples, int[] offsets) = Speech(6, 1000, 700);
        float[] found = new float[2 * Config.EmbeddingSize];
        engine.EmbedSamples(Array.ConvertAll(samples, sample => (float)sample), offsets, found);
        Assert.Equal(Bits(Embed(engine, (samples, offsets))), Bits(found));
    }

    [Fact]
    public void A_batch_that_does_not_fit_is_computed_in_halves_and_one_that_needs_the_other_slots_memory_gets_it()
    {
        const int Memory = 3 << 20;
        using EmulatedCuda cuda = new(new EmulatedGpu { MemoryBytes = Memory });
        using KernelEngine engine = new(Weights, cuda.Accelerator);
        using KernelEngine reference = new(Weights, Cuda.Accelerator);
        Assert.InRange(engine.RowsThatFit, 60, 240);
        (short[] Samples, int[] Offsets)[] batches = [Speech(7, 12000, 11000, 9000, 16000), Speech(8, 20000)];
        float[][] expected = [.. batches.Select(batch => Embed(reference, batch))];
        // One after the other, then both slots at once, and one utterance needs more than is left beside the other slot.
        for (int i = 0; i < 2; i++)
            Assert.Equal(Bits(expected[i]), Bits(Embed(engine, batches[i])));
        Parallel.For(0, 4, i => Assert.Equal(Bits(expected[i % 2]), Bits(Embed(engine, batches[i % 2]))));
        Assert.True(cuda.Driver.BytesInUse <= Memory);
    }

    [Fact]
    public void Rows_that_fit_follow_the_free_memory_up_to_what_does_a_device_good()
    {
        int[] rows = [.. ((long[])[64L << 20, 128L << 20, 1L << 40]).Select(bytes =>
        {
            using EmulatedCuda cuda = new(new EmulatedGpu { MemoryBytes = bytes });
            using KernelEngine engine = new(Weights, cuda.Accelerator);
            return engine.RowsThatFit;
        })];
        Assert.InRange((double)rows[1] / rows[0], 1.9, 2.1);
        Assert.Equal(262_144, rows[2]);
    }

    [Fact]
    public void A_cancelled_batch_leaves_the_slot_usable()
    {
        using KernelEngine engine = new(Weights, Cuda.Accelerator);
        (short[] samples, int[] offsets) = Speech(10, 900, 700);
        float[] before = Embed(engine, (samples, offsets));
        Assert.ThrowsAny<OperationCanceledException>(
            () => engine.EmbedSamples(samples, offsets, new float[2 * Config.EmbeddingSize], new CancellationToken(true)));
        Assert.Equal(Bits(before), Bits(Embed(engine, (samples, offsets))));
    }

    /// <summary>Noise of these numbers of samples.</summary>
    internal static (short[] Samples, int[] Offsets) Speech(int seed, params int[] counts) =>
        ([.. RandomModels.Normal(new Random(seed), counts.Sum(), 3000).Select(v => (short)v)], CaseDevice.Offsets(counts));

    internal static float[] Embed(KernelEngine engine, (short[] Samples, int[] Offsets) batch)
    {
        float[] embeddings = new float[(batch.Offsets.Length - 1) * engine.Config.EmbeddingSize];
        engine.EmbedSamples(batch.Samples, batch.Offsets, embeddings);
        return embeddings;
    }

    internal static int[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToInt32Bits)];
}
