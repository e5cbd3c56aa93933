using System.Buffers;
using System.Diagnostics;
using EcapaIlgpu.Audio;
using EcapaIlgpu.Features;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// From files to what engines take. Memory comes from a pool: a long list would otherwise leave a megabyte of garbage for every file.
/// </summary>
internal static class UtteranceReaders
{
    /// <summary>Samples that a thread's buffer may keep from one file to the next: a minute at 48 kHz.</summary>
    private const int MostKept = 60 * 48_000;

    /// <summary>Where this thread decodes. A waveform there is good until the thread's next file.</summary>
    [ThreadStatic]
    private static ArrayBufferWriter<float>? _decoded;

    /// <summary>Feature rows, computed here.</summary>
    public static UtteranceReader Features(AudioOptions audio)
    {
        FeatureExtractor features = new();
        return (input, cancellation) =>
        {
            Waveform waveform = Decode(input, audio, cancellation);
            FeatureExtractor.RequireFrame(waveform, input.Name);
            long start = Stopwatch.GetTimestamp();
            int rows = Fbank.FrameCount(waveform.Samples.Length), length = checked(rows * Fbank.MelBins);
            IMemoryOwner<float> memory = MemoryPool<float>.Shared.Rent(length);
            features.Compute(waveform, memory.Memory.Span[..length]);
            return new Utterance(rows, waveform.Duration, waveform.Warnings)
            {
                Features = memory.Memory[..length],
                Memory = memory,
                FeatureTime = Stopwatch.GetElapsedTime(start),
            };
        };
    }

    /// <summary>Samples for an engine with a filterbank of its own: 16-bit integers where these are exact, else floats.</summary>
    public static UtteranceReader Samples(AudioOptions audio) => (input, cancellation) =>
    {
        Waveform waveform = Decode(input, audio, cancellation);
        FeatureExtractor.RequireFrame(waveform, input.Name);
        int length = waveform.Samples.Length;
        Utterance utterance = new(Fbank.FrameCount(length), waveform.Duration, waveform.Warnings);
        IMemoryOwner<short> memory = MemoryPool<short>.Shared.Rent(length);
        if (Pcm16.TryConvert(waveform.Samples.Span, memory.Memory.Span[..length]))
            return utterance with { Pcm = memory.Memory[..length], Memory = memory };
        memory.Dispose();
        return utterance with { Samples = waveform.Samples.ToArray() };
    };

    private static Waveform Decode(AudioInput input, AudioOptions audio, CancellationToken cancellation)
    {
        if (_decoded is null || _decoded.Capacity > MostKept)
            _decoded = new ArrayBufferWriter<float>();
        return AudioFile.Read(input.Path, audio with { Buffer = _decoded }, cancellation);
    }
}
