using EcapaIlgpu.Extraction.Journals;
using EcapaIlgpu.Extraction.Shards;
using EcapaIlgpu.Extraction.Writers;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// Where one run leaves its results: rows in a writer, failed inputs in a list, and, where rows go to files, a journal of both from which
/// another run goes on.
/// </summary>
/// <remarks>For one thread at a time.</remarks>
internal sealed class RunOutput : IDisposable
{
    private readonly IEmbeddingWriter _writer;
    private readonly JournaledOutput? _journaled;
    private readonly RowFormat? _files;
    private readonly FailedInputs? _failed;

    private RunOutput(IEmbeddingWriter writer, IReadOnlyCollection<AudioInput> remaining, string? failedPath, RowFormat? files = null)
    {
        _writer = writer;
        _journaled = writer as JournaledOutput;
        _files = files;
        _failed = failedPath is null ? null : new FailedInputs(failedPath);
        Remaining = remaining;
        InputCount = _journaled?.InputCount ?? remaining.Count;
        try
        {
            foreach (AudioInput input in remaining)
                writer.CheckName(input.Name);
        }
        catch
        {
            writer.Dispose();
            throw;
        }
    }

    /// <summary>The inputs to embed, in the list's order.</summary>
    public IReadOnlyCollection<AudioInput> Remaining { get; }

    /// <summary>Inputs of the list, or of the shard, those that are done included.</summary>
    public int InputCount { get; }

    /// <summary>Rows that earlier runs wrote.</summary>
    public int RowsBefore => _journaled?.RowsBefore ?? 0;

    /// <summary>Rows in all.</summary>
    public int Rows => _writer.Rows;

    /// <summary>What is written, for people.</summary>
    public string Description => _writer.Description;

    /// <summary>Whether another run can go on where this one ends.</summary>
    public bool CanBeResumed => _journaled is not null;

    /// <summary>Where failed inputs are listed; null for nowhere.</summary>
    public string? FailedPath => _failed?.Path;

    /// <summary>The list of failed inputs that goes with an output, where no other is named.</summary>
    /// <param name="rowsPath">The output's file of rows.</param>
    public static string FailedPathOf(string rowsPath) => $"{rowsPath}.failed.scp";

    /// <summary>The files that a run may write.</summary>
    public static IReadOnlyList<string> FilesOf(EmbeddingFormat format, string output) =>
        [.. EmbeddingWriter.FilesOf(format, output), JournaledOutput.JournalPathOf(EmbeddingWriter.FilesOf(format, output)[0])];

    /// <summary>An output in files.</summary>
    /// <param name="embedder">What embeds.</param>
    /// <param name="inputs">The whole list.</param>
    /// <param name="shard">Which part of it to embed; null for all.</param>
    /// <param name="format">How to write.</param>
    /// <param name="path">Where.</param>
    /// <param name="failedPath">Where to list failed inputs.</param>
    /// <param name="unfinished">What becomes of an unfinished run that is there.</param>
    /// <param name="cancellation">Stops finding out what is there.</param>
    /// <returns>Null if <see cref="UnfinishedRun.Resume"/> finds a run that finished without a failure.</returns>
    /// <exception cref="InputException">
    /// The output cannot be written, cannot hold an input's name, or an unfinished run is there that is not this one.
    /// </exception>
    public static RunOutput? InFiles(
        SpeakerEmbedder embedder, InputList inputs, Shard? shard, EmbeddingFormat format, string path, string failedPath,
        UnfinishedRun unfinished, CancellationToken cancellation)
    {
        RowFormat files = RowFormat.InFiles(format, path, embedder.EmbeddingSize);
        RunIdentity run = RunIdentity.Of(embedder, format, inputs, shard);
        JournaledOutput? journaled = JournaledOutput.Open(
            files, run, unfinished, () => ShardSplit.InputsOf(inputs, shard!.Value, cancellation), cancellation);
        return journaled is null
            ? null
            : new RunOutput(journaled, inputs.Of(journaled.Remaining), failedPath, files);
    }

    /// <summary>An output that is written as it comes and cannot be resumed: standard output, or a device.</summary>
    /// <param name="writer">Becomes the output's to dispose of.</param>
    /// <param name="inputs">The whole list.</param>
    /// <param name="shard">Which part of it to embed; null for all.</param>
    /// <param name="failedPath">Where to list failed inputs; null for nowhere.</param>
    /// <param name="cancellation">Stops splitting the list.</param>
    /// <exception cref="InputException">The output cannot hold an input's name.</exception>
    public static RunOutput InStream(
        IEmbeddingWriter writer, InputList inputs, Shard? shard, string? failedPath, CancellationToken cancellation) =>
        new(writer, shard is { } part ? inputs.Of(ShardSplit.InputsOf(inputs, part, cancellation)) : inputs, failedPath);

    /// <summary>Takes the result of the next input of <see cref="Remaining"/>.</summary>
    /// <exception cref="InputException">It cannot be written; results before it stay good.</exception>
    public void Write(ExtractionResult result)
    {
        if (result.Error is null)
            _writer.Write(result);
        else if (_journaled is not null)
            _journaled.WriteFailure(result);
        else
            _failed?.Add(new FailedInput(result.Input, result.Error.Problem));
    }

    /// <summary>Finishes the files and puts them in their places, also right after <see cref="Write"/> failed.</summary>
    /// <exception cref="InputException">They cannot be written.</exception>
    public void Complete()
    {
        _writer.Complete();
        _failed?.Complete(_files is null ? [] : JournaledOutput.FailuresIn(_files));
    }

    public void Dispose()
    {
        _writer.Dispose();
        _failed?.Dispose();
    }
}
