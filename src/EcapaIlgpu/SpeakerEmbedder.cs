using System.Collections.Concurrent;
using EcapaIlgpu.Audio;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Features;
using EcapaIlgpu.Model;
using Microsoft.Extensions.Logging;

namespace EcapaIlgpu;

/// <summary>How a <see cref="SpeakerEmbedder"/> works.</summary>
public sealed record EmbedderOptions
{
    /// <summary>
    /// Where to compute: <see cref="DeviceSelector.Syntax"/>. What is not there is an error, never replaced by something else.
    /// </summary>
    public string Device { get; init; } = DeviceSelector.Auto;

    /// <summary>
    /// With how many bits to compute; null for the fastest that is as exact as float32. What the device cannot do is an error that says
    /// what it can.
    /// </summary>
    public Precision? Precision { get; init; }

    /// <summary>The pooling, for checkpoints whose tensors fit more than one.</summary>
    public Pooling? Pooling { get; init; }

    /// <summary>Threads that compute, and as many that read files; 0 for one per processor.</summary>
    public int Threads { get; init; }

    /// <summary>Which channel and how to read audio.</summary>
    public AudioOptions Audio { get; init; } = new();

    /// <summary>Whether embeddings are scaled to unit length (wespeaker's are not; cosines are the same either way).</summary>
    public bool Normalize { get; init; }

    /// <summary>Seconds of audio that go to a device at once; 0 for what suits it. Embeddings do not depend on it.</summary>
    public int BatchSeconds { get; init; }

    /// <summary>Called, on a thread of the extraction, when a device fails.</summary>
    public Action<EngineLoss>? EngineLost { get; init; }

    /// <summary>Receives failures and warnings about files.</summary>
    public ILogger<Extractor>? Logger { get; init; }
}

/// <summary>From speech to speaker embeddings: a model, the engine that computes it, and everything before it.</summary>
/// <remarks>
/// Thread-safe: calls from several threads read audio at the same time and take turns on the engine. For many files
/// <see cref="EmbedAsync(IEnumerable{string}, CancellationToken)"/> is much faster than <see cref="Embed(string, CancellationToken)"/> in a
/// loop, since it reads ahead, computes in batches and on all devices chosen; both give the same bits. Dispose when no call is running: the
/// engines' threads and devices are given back then and not before.
/// </remarks>
public sealed class SpeakerEmbedder : IDisposable
{
    /// <summary>As many as the selector names devices; single files go to the first.</summary>
    private readonly IReadOnlyList<IEmbeddingEngine> _engines;
    private readonly ConcurrentDictionary<IEmbeddingEngine, EngineLoss> _lost = [];
    private readonly EmbedderOptions _options;
    private readonly FeatureExtractor _features = new();

    private SpeakerEmbedder(EcapaModel model, EmbedderOptions options)
    {
        model.RequireFilterbank();
        Model = model;
        _options = options;
        _engines = DeviceSelector.CreateEngines(model.Weights, options.Device, options.Threads, options.Precision);
    }

    /// <summary>The model in use.</summary>
    public EcapaModel Model { get; }

    /// <summary>What computes and with how many bits, for people: <c>cpu (AVX-512, 8 threads, fp32)</c>, say.</summary>
    public string Device => string.Join(" + ", _engines.Select(engine => engine.Description));

    /// <summary>Numbers per embedding.</summary>
    public int EmbeddingSize => _engines[0].Config.EmbeddingSize;

    /// <summary>
    /// What, besides the model's file, an embedding's numbers depend on, whatever the device: options as the command line calls them.
    /// </summary>
    internal IReadOnlyList<KeyValuePair<string, string>> OptionsOfValues =>
    [
        new("--pooling", Model.Config.Pooling.ToString().ToUpperInvariant()),
        new("--channel", _options.Audio.Channel.ToString()),
        // Of two modes within the same bounds each may continue what the other began: machines of one list may have different devices.
        new("--precision", (_engines[0].Precision is Precision.Tf32x3 ? Precision.Fp32 : _engines[0].Precision).Name()),
        new("--normalize", _options.Normalize ? "yes" : "no"),
    ];

    /// <summary>Loads a model and prepares to compute it.</summary>
    /// <param name="model">A wespeaker directory, a PyTorch checkpoint or a .safetensors file; null for the bundled model.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="InputException">The model cannot be used, or there is no such device.</exception>
    public static SpeakerEmbedder Load(string? model = null, EmbedderOptions? options = null)
    {
        options ??= new EmbedderOptions();
        return new SpeakerEmbedder(
            model is null ? EcapaModel.LoadBundled() : EcapaModel.Load(model, new ModelOptions { Pooling = options.Pooling }), options);
    }

    /// <summary>Embeds a file, <c>-</c> for standard input.</summary>
    /// <returns><see cref="EmbeddingSize"/> numbers.</returns>
    /// <exception cref="InputException">The file cannot be used.</exception>
    public float[] Embed(string path, CancellationToken cancellation = default)
    {
        float[] embedding = new float[EmbeddingSize];
        Embed(AudioFile.Read(path, _options.Audio, cancellation), path, embedding, cancellation);
        return embedding;
    }

    /// <summary>Embeds samples.</summary>
    /// <param name="pcm16k">
    /// One channel at 16 kHz and at 16-bit scale, as <see cref="Waveform"/> has it: full scale is ±32768. Multiply samples of ±1 by 32768
    /// first; embeddings of unscaled ones are off without looking so.
    /// </param>
    /// <param name="embedding">Receives <see cref="EmbeddingSize"/> numbers.</param>
    /// <param name="cancellation">Stops computing.</param>
    /// <exception cref="InputException">Fewer than 400 samples.</exception>
    /// <exception cref="ArgumentException"><paramref name="embedding"/> has another length.</exception>
    public void Embed(ReadOnlySpan<float> pcm16k, Span<float> embedding, CancellationToken cancellation = default) =>
        Embed(new Waveform(pcm16k.ToArray(), Fbank.SampleRate), "samples", embedding, cancellation);

    /// <summary>Embeds many files, several at a time.</summary>
    /// <param name="paths">The files; drawn as they are needed.</param>
    /// <param name="cancellation">Stops promptly; results already handed out stay valid.</param>
    /// <returns>One result per file, in order; a file that cannot be used has an error there and stops nothing.</returns>
    public IAsyncEnumerable<ExtractionResult> EmbedAsync(IEnumerable<string> paths, CancellationToken cancellation = default)
    {
        IEnumerable<AudioInput> inputs = paths is IReadOnlyCollection<string> known
            ? [.. known.Select(path => new AudioInput(path))]
            : paths.Select(path => new AudioInput(path));
        return EmbedAsync(inputs, null, cancellation);
    }

    /// <summary>Embeds many files that have names of their own, from a <see cref="WavScp"/> or an <see cref="AudioListing"/>.</summary>
    /// <inheritdoc cref="Extractor.ExtractAsync(IEnumerable{AudioInput}, IProgress{ExtractionProgress}?, CancellationToken)"/>
    public IAsyncEnumerable<ExtractionResult> EmbedAsync(
        IEnumerable<AudioInput> inputs, IProgress<ExtractionProgress>? progress = null, CancellationToken cancellation = default) =>
        EmbedAsync(inputs, progress, new ExtractionStatistics(), cancellation);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IEmbeddingEngine engine in _engines)
        {
            try
            {
                engine.Dispose();
            }
            catch (Exception) when (_lost.ContainsKey(engine))
            {
                // A device that is gone has nothing to give back; why it is gone has been said.
            }
        }
    }

    /// <inheritdoc cref="EmbedAsync(IEnumerable{AudioInput}, IProgress{ExtractionProgress}?, CancellationToken)"/>
    internal IAsyncEnumerable<ExtractionResult> EmbedAsync(
        IEnumerable<AudioInput> inputs, IProgress<ExtractionProgress>? progress, ExtractionStatistics statistics,
        CancellationToken cancellation)
    {
        ExtractionOptions extraction = new()
        {
            Audio = _options.Audio,
            Readers = _options.Threads,
            BatchRows = (int)Math.Min((long)_options.BatchSeconds * Fbank.SampleRate / Fbank.FrameShift, int.MaxValue),
            Normalize = _options.Normalize,
            EngineLost = loss =>
            {
                _lost.TryAdd(loss.Engine, loss);
                _options.EngineLost?.Invoke(loss);
            },
        };
        IEmbeddingEngine[] left = [.. _engines.Where(engine => !_lost.ContainsKey(engine))];
        // Of none left the failure is what a new attempt shows.
        return new Extractor(left.Length > 0 ? left : _engines, extraction, _options.Logger)
            .ExtractAsync(inputs, progress, statistics, cancellation);
    }

    private void Embed(Waveform waveform, string name, Span<float> embedding, CancellationToken cancellation)
    {
        if (embedding.Length != EmbeddingSize)
            throw new ArgumentException($"The embedding has {EmbeddingSize} numbers, the span {embedding.Length}.", nameof(embedding));
        if (_engines[0] is IWaveformEngine device)
        {
            // As in an extraction: the device's own filterbank rounds otherwise than the processor's.
            FeatureExtractor.RequireFrame(waveform, name);
            device.EmbedSamples(waveform.Samples, new[] { 0, waveform.Samples.Length }, embedding, cancellation);
        }
        else
        {
            float[] rows = _features.Compute(waveform, name);
            _engines[0].Embed(new PackedBatch(rows, Fbank.MelBins, [0, rows.Length / Fbank.MelBins]), embedding, cancellation);
        }
        RawEmbedding.Finish(embedding, name, _options.Normalize);
    }
}
