using System.Diagnostics;
using System.Runtime.CompilerServices;
using EcapaIlgpu.Audio;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// Embeds many files: reads them and computes features on several threads, packs what is ready into batches for the engine, and hands
/// results on in the order of the files. Memory does not depend on how many files there are.
/// </summary>
/// <remarks>Several extractions may run at once; they share the engine, which computes one batch at a time.</remarks>
public sealed partial class Extractor
{
    private readonly IEmbeddingEngine _engine;
    private readonly UtteranceReader _reader;
    private readonly ExtractionOptions _options;
    private readonly ILogger _logger;

    /// <summary>Embeds with an engine, which stays the caller's to dispose of.</summary>
    /// <param name="engine">Computes the embeddings.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="logger">Receives failures and warnings about files as they happen; the results carry them too.</param>
    public Extractor(IEmbeddingEngine engine, ExtractionOptions? options = null, ILogger<Extractor>? logger = null)
        : this(engine, AudioUtteranceReader(options ?? new ExtractionOptions()), options, logger)
    {
    }

    internal Extractor(IEmbeddingEngine engine, UtteranceReader reader, ExtractionOptions? options = null, ILogger? logger = null)
    {
        _engine = engine;
        _reader = reader;
        _options = options ?? new ExtractionOptions();
        _logger = logger ?? NullLogger.Instance;
        ArgumentOutOfRangeException.ThrowIfNegative(_options.Readers);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_options.BatchRows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_options.LookAheadBytes);
    }

    /// <summary>Embeds files.</summary>
    /// <param name="inputs">The files; drawn as they are needed, on another thread.</param>
    /// <param name="progress">Told after every result, on the thread that enumerates.</param>
    /// <param name="cancellation">Stops reading and computing promptly; results already handed out stay valid.</param>
    /// <returns>One result per file, in the order of the files; a file that cannot be used has an error there and stops nothing.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was triggered.</exception>
    public async IAsyncEnumerable<ExtractionResult> ExtractAsync(
        IEnumerable<AudioInput> inputs,
        IProgress<ExtractionProgress>? progress = null,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        int? total = inputs.TryGetNonEnumeratedCount(out int count) ? count : null;
        int done = 0, failed = 0;
        TimeSpan audio = TimeSpan.Zero;
        Stopwatch elapsed = Stopwatch.StartNew();

        await using ExtractionRun run = new(_engine, _reader, _options, inputs, cancellation);
        await foreach (ExtractionResult result in run.Results.WithCancellation(cancellation).ConfigureAwait(false))
        {
            foreach (string warning in result.Warnings)
                LogWarning(result.Name, warning);
            if (result.Error is { } error)
                LogFailure(error, result.Name, error.Problem);
            done++;
            failed += result.Error is null ? 0 : 1;
            audio += result.Error is null ? result.Duration : TimeSpan.Zero;
            yield return result;
            // After the caller has dealt with it: "done" then means written.
            progress?.Report(new ExtractionProgress(done, failed, total, audio, elapsed.Elapsed));
        }
    }

    private static UtteranceReader AudioUtteranceReader(ExtractionOptions options)
    {
        FeatureExtractor features = new();
        return (input, cancellation) =>
        {
            Waveform waveform = AudioFile.Read(input.Path, options.Audio, cancellation);
            return new Utterance(features.Compute(waveform, input.Name), waveform.Duration, waveform.Warnings);
        };
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Name}: {Warning}")]
    private partial void LogWarning(string name, string warning);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Name} has no embedding: {Problem}")]
    private partial void LogFailure(Exception error, string name, string problem);
}
