using EcapaIlgpu.Engines.Kernels.Checking;
using EcapaIlgpu.Features;

namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <summary>
/// Utterances as samples, end to end: what
/// <see cref="KernelEngine.EmbedSamples(ReadOnlyMemory{float}, ReadOnlyMemory{int}, Span{float}, CancellationToken)"/> takes.
/// </summary>
internal sealed class SampleBatch
{
    /// <summary>Lays utterances end to end.</summary>
    /// <param name="utterances">16 kHz samples, full scale ±32768; each at least one frame long.</param>
    /// <exception cref="OverflowException">More than 2^31 samples.</exception>
    public SampleBatch(IReadOnlyList<ReadOnlyMemory<float>> utterances)
    {
        int[] offsets = new int[utterances.Count + 1];
        for (int u = 0; u < utterances.Count; u++)
            offsets[u + 1] = checked(offsets[u] + utterances[u].Length);
        float[] samples = new float[offsets[^1]];
        for (int u = 0; u < utterances.Count; u++)
            utterances[u].CopyTo(samples.AsMemory(offsets[u]));
        (Samples, Offsets, Frames) = (samples, offsets, utterances.Sum(samples => Fbank.FrameCount(samples.Length)));
    }

    /// <summary>All samples.</summary>
    public ReadOnlyMemory<float> Samples { get; }

    /// <summary>First sample of each utterance, then the number of samples.</summary>
    public ReadOnlyMemory<int> Offsets { get; }

    /// <summary>Number of utterances.</summary>
    public int Count => Offsets.Length - 1;

    /// <summary>Number of frames of all utterances together.</summary>
    public int Frames { get; }

    /// <summary>Noise: kernels take the same time whatever is said.</summary>
    /// <param name="utterances">How many utterances.</param>
    /// <param name="frames">Frames of each.</param>
    /// <exception cref="OverflowException">More than 2^31 samples.</exception>
    public static SampleBatch Noise(int utterances, int frames)
    {
        int length = checked(Fbank.FrameLength + ((frames - 1) * Fbank.FrameShift));
        ReadOnlyMemory<float> samples = RandomModels.Normal(new Random(1), length, 1000);
        return new SampleBatch([.. Enumerable.Repeat(samples, utterances)]);
    }
}
