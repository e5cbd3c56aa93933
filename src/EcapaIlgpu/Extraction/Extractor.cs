using System.Diagnostics;
using System.Runtime.CompilerServices;
using EcapaIlgpu.Engines;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// Embeds many files: reads them on several threads, packs what is ready into batches for one engine or several, and hands
/// results on in the order of the files. Memory does not depend on how many files there are.
/// </summary>
/// <remarks>
/// Engines that take samples (<see cref="IWaveformEngine"/>) are given samples, 16-bit integers where these are exact; features are
/// computed for others. Several extractions may run at once; they
/// share the engines. An engine that fails hands its batch back to the others; only when the last fails does the extraction.
/// </remarks>
public sealed partial class Extractor
{
    private readonly IReadOnlyList<IEmbeddingEngine> _engines;
    private readonly UtteranceReader _reader;
    private readonly bool _fromSamples;
    private readonly ExtractionOptions _options;
    private readonly ILogger _logger;

    /// <summary>Embeds with an engine, which stays the caller's to dispose of.</summary>
    /// <param name="engine">Computes the embeddings.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="logger">Receives failures and warnings about files as they happen; the results carry them too. And the loss of
    /// engines.</param>
    public Extractor(IEmbeddingEngine engine, ExtractionOptions? options = null, ILogger<Extractor>? logger = null)
        : this([engine], options, logger)
    {
    }

    /// <summary>Embeds with several engines of one network, which stay the caller's to dispose of.</summary>
    /// <param name="engines">At least one. Of the same kind where results are to have the same bits from run to run.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="logger">Receives failures and warnings about files as they happen; the results carry them too. And the loss of
    /// engines.</param>
    public Extractor(IReadOnlyList<IEmbeddingEngine> engines, ExtractionOptions? options = null, ILogger<Extractor>? logger = null)
        : this(engines, null, options, logger)
    {
    }

    /// <param name="engines">At least one.</param>
    /// <param name="reader">How files are read; null for how these engines want them.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="logger">Receives failures and warnings.</param>
    internal Extractor(
        IReadOnlyList<IEmbeddingEngine> engines, UtteranceReader? reader, ExtractionOptions? options = null, ILogger? logger = null)
    {
        if (engines.Count == 0)
            throw new ArgumentException("There is no engine.", nameof(engines));
        _engines = engines;
        _fromSamples = engines.All(engine => engine is IWaveformEngine);
        _options = options ?? new ExtractionOptions();
        _reader = reader ?? (_fromSamples ? UtteranceReaders.Samples(_options.Audio) : UtteranceReaders.Features(_options.Audio));
        _logger = logger ?? NullLogger.Instance;
        ArgumentOutOfRangeException.ThrowIfNegative(_options.Readers);
        ArgumentOutOfRangeException.ThrowIfNegative(_options.BatchRows);
        ArgumentOutOfRangeException.ThrowIfNegative(_options.LookAheadBytes);
    }

    /// <summary>Embeds files.</summary>
    /// <param name="inputs">The files; drawn as they are needed, on another thread.</param>
    /// <param name="progress">Told after every result, on the thread that enumerates.</param>
    /// <param name="cancellation">Stops reading and computing promptly; results already handed out stay valid.</param>
    /// <returns>One result per file, in the order of the files; a file that cannot be used has an error there and stops nothing.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was triggered.</exception>
    /// <exception cref="EngineFailedException">The last engine failed.</exception>
    public IAsyncEnumerable<ExtractionResult> ExtractAsync(
        IEnumerable<AudioInput> inputs, IProgress<ExtractionProgress>? progress = null, CancellationToken cancellation = default) =>
        ExtractAsync(inputs, progress, new ExtractionStatistics(), cancellation);

    /// <param name="inputs">The files; drawn as they are needed, on another thread.</param>
    /// <param name="progress">Told after every result, on the thread that enumerates.</param>
    /// <param name="statistics">Told where the time goes.</param>
    /// <param name="cancellation">Stops reading and computing promptly; results already handed out stay valid.</param>
    internal async IAsyncEnumerable<ExtractionResult> ExtractAsync(
        IEnumerable<AudioInput> inputs,
        IProgress<ExtractionProgress>? progress,
        ExtractionStatistics statistics,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        int? total = inputs is IReadOnlyCollection<AudioInput> known
            ? known.Count
            : inputs.TryGetNonEnumeratedCount(out int count) ? count : null;
        int done = 0, failed = 0;
        TimeSpan audio = TimeSpan.Zero;
        Stopwatch elapsed = Stopwatch.StartNew();

        ExtractionOptions options = _options with { EngineLost = OnEngineLost };
        await using ExtractionRun run = new(_engines, _reader, _fromSamples, options, inputs, statistics, cancellation);
        await foreach (ExtractionResult result in run.Results(cancellation).ConfigureAwait(false))
        {
            foreach (string warning in result.Warnings)
                LogWarning(result.Name, warning);
            if (result.Error is { } error)
                LogFailure(error, result.Name, error.Problem);
            done++;
            failed += result.Error is null ? 0 : 1;
            TimeSpan duration = result.Error is null ? result.Duration : TimeSpan.Zero;
            audio += duration;
            long start = Stopwatch.GetTimestamp();
            yield return result;
            statistics.Spent(ExtractionStage.Write, start, duration);
            // After the caller has dealt with it: "done" then means written.
            progress?.Report(new ExtractionProgress(done, failed, total, audio, elapsed.Elapsed));
        }
    }

    private void OnEngineLost(EngineLoss loss)
    {
        LogLoss(loss.Failure, loss.Engine.Description, loss.EnginesLeft);
        _options.EngineLost?.Invoke(loss);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Name}: {Warning}")]
    private partial void LogWarning(string name, string warning);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Name} has no embedding: {Problem}")]
    private partial void LogFailure(Exception error, string name, string problem);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Engine} failed; engines left: {EnginesLeft}")]
    private partial void LogLoss(Exception failure, string engine, int enginesLeft);
}
