using System.Buffers.Binary;
using EcapaIlgpu.Audio;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Features;

namespace EcapaIlgpu.Bench;

/// <summary>One case, ready to be timed again and again: everything outside <see cref="Run"/> is prepared before.</summary>
internal abstract class CaseWorkload : IDisposable
{
    /// <summary>The network alone, from feature rows in memory.</summary>
    public const string Features = "features";

    /// <summary>Filterbank and network, from 16-bit samples in memory.</summary>
    public const string Pcm = "pcm";

    /// <summary>Reading, filterbank and network, from 16-bit WAV files that lie in the page cache.</summary>
    public const string Files = "files";

    /// <summary>Everything that <c>--inputs</c> takes.</summary>
    public static IReadOnlyList<string> Inputs { get; } = [Features, Pcm, Files];

    /// <param name="input">One of <see cref="Inputs"/>.</param>
    /// <param name="batchCase">The utterances.</param>
    /// <param name="engine">Computes them; not disposed of.</param>
    /// <param name="threads">Threads that read files and compute features where the engine does not.</param>
    /// <exception cref="FormatException">There is no such input.</exception>
    public static CaseWorkload Create(string input, BatchCase batchCase, IEmbeddingEngine engine, int threads) => input switch
    {
        Features => new FromFeatures(batchCase, engine),
        Pcm when engine is IWaveformEngine waveforms => new FromPcm(batchCase, waveforms),
        Pcm => new FromPcmOnProcessor(batchCase, engine, threads),
        Files => new FromFiles(batchCase, engine, threads),
        _ => throw new FormatException($"Inputs are {string.Join(", ", Inputs)}, not '{input}'."),
    };

    /// <summary>Embeds every utterance of the case once.</summary>
    public abstract void Run();

    public virtual void Dispose()
    {
    }

    /// <summary>Noise at a quarter of full scale: its value changes no time.</summary>
    private static short[] Noise(int samples)
    {
        Random random = new(samples);
        short[] noise = new short[samples];
        for (int i = 0; i < samples; i++)
            noise[i] = (short)random.Next(-8000, 8000);
        return noise;
    }

    private static float[] Room(BatchCase batchCase, IEmbeddingEngine engine) =>
        new float[batchCase.Lengths.Count * engine.Config.EmbeddingSize];

    private sealed class FromFeatures(BatchCase batchCase, IEmbeddingEngine engine) : CaseWorkload
    {
        private readonly PackedBatch _batch = batchCase.Pack(engine.Config);
        private readonly float[] _embeddings = Room(batchCase, engine);

        public override void Run() => engine.Embed(_batch, _embeddings);
    }

    private sealed class FromPcm : CaseWorkload
    {
        private readonly IWaveformEngine _engine;
        private readonly short[] _samples;
        private readonly int[] _offsets;
        private readonly float[] _embeddings;

        public FromPcm(BatchCase batchCase, IWaveformEngine engine)
        {
            (_engine, _embeddings) = (engine, Room(batchCase, engine));
            _samples = [.. batchCase.SampleCounts.SelectMany(Noise)];
            _offsets = [0, .. batchCase.SampleCounts];
            for (int u = 1; u < _offsets.Length; u++)
                _offsets[u] += _offsets[u - 1];
        }

        public override void Run() => _engine.EmbedSamples(_samples, _offsets, _embeddings);
    }

    /// <summary>As a program does with an engine that takes features: utterance by utterance on all threads, then one batch.</summary>
    private sealed class FromPcmOnProcessor(BatchCase batchCase, IEmbeddingEngine engine, int threads) : CaseWorkload
    {
        private readonly FeatureExtractor _features = new();
        private readonly short[][] _utterances = [.. batchCase.SampleCounts.Select(Noise)];
        private readonly ReadOnlyMemory<float>[] _rows = new ReadOnlyMemory<float>[batchCase.Lengths.Count];
        private readonly float[] _embeddings = Room(batchCase, engine);

        public override void Run()
        {
            Parallel.For(0, _utterances.Length, new ParallelOptions { MaxDegreeOfParallelism = threads }, u =>
            {
                float[] samples = Array.ConvertAll(_utterances[u], sample => (float)sample);
                _rows[u] = _features.Compute(new Waveform(samples, Fbank.SampleRate), "samples");
            });
            engine.Embed(PackedBatch.Pack(_rows, Fbank.MelBins), _embeddings);
        }
    }

    /// <summary>The whole pipeline, as <c>ecapa embed</c> runs it, but for starting the process and writing the rows.</summary>
    private sealed class FromFiles : CaseWorkload
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ecapa-bench");
        private readonly Extractor _extractor;
        private readonly AudioInput[] _inputs;

        public FromFiles(BatchCase batchCase, IEmbeddingEngine engine, int threads)
        {
            _extractor = new Extractor(engine, new ExtractionOptions { Readers = threads });
            _inputs = [.. batchCase.SampleCounts.Select((samples, u) =>
            {
                string path = Path.Combine(_folder.FullName, $"{u}.wav");
                File.WriteAllBytes(path, Wav(Noise(samples)));
                return new AudioInput(path);
            })];
        }

        public override void Run() => RunAsync().GetAwaiter().GetResult();

        public override void Dispose() => _folder.Delete(recursive: true);

        private async Task RunAsync()
        {
            await foreach (ExtractionResult result in _extractor.ExtractAsync(_inputs))
            {
                if (result.Error is { } error)
                    throw error;
            }
        }

        /// <summary>One channel of 16-bit PCM at 16 kHz, with the plainest header.</summary>
        private static byte[] Wav(short[] samples)
        {
            const int Header = 44, Bytes = sizeof(short);
            byte[] wav = new byte[Header + (samples.Length * Bytes)];
            "RIFF"u8.CopyTo(wav);
            BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(4), wav.Length - 8);
            "WAVEfmt "u8.CopyTo(wav.AsSpan(8));
            ReadOnlySpan<int> format = [16, 1 | (1 << 16), Fbank.SampleRate, Fbank.SampleRate * Bytes, Bytes | (8 * Bytes << 16)];
            for (int i = 0; i < format.Length; i++)
                BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(16 + (4 * i)), format[i]);
            "data"u8.CopyTo(wav.AsSpan(36));
            BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(40), samples.Length * Bytes);
            for (int i = 0; i < samples.Length; i++)
                BinaryPrimitives.WriteInt16LittleEndian(wav.AsSpan(Header + (i * Bytes)), samples[i]);
            return wav;
        }
    }
}
