using System.Diagnostics;
using EcapaIlgpu.Audio;
using EcapaIlgpu.Engines;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// One of the calls that an engine may have under way: lays utterances end to end in a buffer of its own and has them embedded. For one
/// thread.
/// </summary>
internal abstract class EngineLane(IEmbeddingEngine engine, ExtractionStatistics statistics)
{
    /// <summary>Numbers that a buffer keeps from one batch to the next; a giant's is not kept.</summary>
    private const int MostKept = 1 << 24;

    public IEmbeddingEngine Engine => engine;

    /// <summary>Embeds utterances.</summary>
    /// <param name="utterances">At least one.</param>
    /// <param name="embeddings">Receives <c>[utterances, Config.EmbeddingSize]</c>.</param>
    /// <param name="cancellation">Stops computing.</param>
    public void Embed(IReadOnlyList<Utterance> utterances, Span<float> embeddings, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan audio = new(utterances.Sum(u => u.Duration.Ticks));
        Pack(utterances);
        start = statistics.Spent(ExtractionStage.Pack, start, audio);
        Compute(embeddings, cancellation);
        statistics.Spent(ExtractionStage.Embed, start, audio);
    }

    /// <summary>The lanes of an engine, and how files are read for it.</summary>
    public static IEnumerable<EngineLane> Of(IEmbeddingEngine engine, bool fromSamples, ExtractionStatistics statistics) => fromSamples
        ? Enumerable.Range(0, ((IWaveformEngine)engine).Concurrency).Select(_ => new SampleLane((IWaveformEngine)engine, statistics))
        : [new FeatureLane(engine, statistics)];

    protected abstract void Pack(IReadOnlyList<Utterance> utterances);

    protected abstract void Compute(Span<float> embeddings, CancellationToken cancellation);

    /// <summary>Where each utterance begins when they lie end to end, then the length of all.</summary>
    private static int[] Offsets(IReadOnlyList<Utterance> utterances, Func<Utterance, int> length)
    {
        int[] offsets = new int[utterances.Count + 1];
        for (int u = 0; u < utterances.Count; u++)
            offsets[u + 1] = checked(offsets[u] + length(utterances[u]));
        return offsets;
    }

    /// <summary>Memory of a length, the same as before where that is enough.</summary>
    private static Memory<T> Room<T>(ref T[] buffer, int length)
    {
        if (buffer.Length >= length)
            return buffer.AsMemory(0, length);
        T[] larger = GC.AllocateUninitializedArray<T>(length);
        if (length <= MostKept)
            buffer = larger;
        return larger;
    }

    /// <summary>Feature rows.</summary>
    private sealed class FeatureLane(IEmbeddingEngine engine, ExtractionStatistics statistics) : EngineLane(engine, statistics)
    {
        private float[] _rows = [];
        private PackedBatch? _batch;

        protected override void Pack(IReadOnlyList<Utterance> utterances)
        {
            int[] offsets = Offsets(utterances, u => u.Rows);
            int dim = Engine.Config.FeatureDim;
            ReadOnlyMemory<float> rows = utterances[0].Features;
            if (utterances.Count > 1)
            {
                Memory<float> packed = Room(ref _rows, checked(offsets[^1] * dim));
                for (int u = 0; u < utterances.Count; u++)
                    utterances[u].Features.CopyTo(packed[(offsets[u] * dim)..]);
                rows = packed;
            }
            _batch = new PackedBatch(rows, dim, offsets);
        }

        protected override void Compute(Span<float> embeddings, CancellationToken cancellation) =>
            Engine.Embed(_batch!, embeddings, cancellation);
    }

    /// <summary>Samples: 16-bit ones where all utterances' are, else all as floats, which gives the same bits.</summary>
    private sealed class SampleLane(IWaveformEngine engine, ExtractionStatistics statistics) : EngineLane(engine, statistics)
    {
        private short[] _pcmBuffer = [];
        private float[] _floatBuffer = [];
        private ReadOnlyMemory<short> _pcm;
        private ReadOnlyMemory<float> _floats;
        private int[] _offsets = [];

        protected override void Pack(IReadOnlyList<Utterance> utterances)
        {
            _offsets = Offsets(utterances, u => u.Pcm.Length + u.Samples.Length);
            (_pcm, _floats) = (default, default);
            if (utterances.All(u => u.Samples.IsEmpty))
                _pcm = utterances.Count == 1 ? utterances[0].Pcm : PackPcm(utterances);
            else
                _floats = utterances.Count == 1 ? utterances[0].Samples : PackFloats(utterances);
        }

        protected override void Compute(Span<float> embeddings, CancellationToken cancellation)
        {
            if (_floats.IsEmpty)
                engine.EmbedSamples(_pcm, _offsets, embeddings, cancellation);
            else
                engine.EmbedSamples(_floats, _offsets, embeddings, cancellation);
        }

        private Memory<short> PackPcm(IReadOnlyList<Utterance> utterances)
        {
            Memory<short> packed = Room(ref _pcmBuffer, _offsets[^1]);
            for (int u = 0; u < utterances.Count; u++)
                utterances[u].Pcm.CopyTo(packed[_offsets[u]..]);
            return packed;
        }

        private Memory<float> PackFloats(IReadOnlyList<Utterance> utterances)
        {
            Memory<float> packed = Room(ref _floatBuffer, _offsets[^1]);
            for (int u = 0; u < utterances.Count; u++)
            {
                Span<float> room = packed.Span[_offsets[u].._offsets[u + 1]];
                if (utterances[u].Pcm.IsEmpty)
                    utterances[u].Samples.Span.CopyTo(room);
                else
                    Pcm16.ToSingle(utterances[u].Pcm.Span, room);
            }
            return packed;
        }
    }
}
