using System.CommandLine;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Extraction.Journals;
using EcapaIlgpu.Extraction.Shards;
using EcapaIlgpu.Extraction.Writers;

namespace EcapaIlgpu.Cli.Commands;

/// <summary><c>ecapa embed</c>: many files to embeddings.</summary>
internal sealed class EmbedCommand : CliCommand
{
    private readonly Argument<string[]> _inputs = new("inputs")
    {
        Arity = ArgumentArity.ZeroOrMore,
        Description = "Audio files, folders (searched recursively for audio), patterns such as 'corpus/**/*.flac', or - for standard "
            + "input. Embeddings are named by these paths.",
    };

    private readonly Option<string?> _scp = new("--scp")
    {
        HelpName = "LIST",
        Description = "A Kaldi list of recordings, 'name path' per line; - for standard input. Paths may contain spaces.",
    };

    private readonly Option<string?> _output = new("--output", "-o")
    {
        HelpName = "FILE",
        Description = "Where to write. .npy (names in a .txt beside it), .jsonl, .csv, .ark (with a .scp beside it) or .txt (Kaldi text) "
            + "says the format. Without it: JSON lines on standard output.",
    };

    private readonly Option<EmbeddingFormat?> _format = new("--format", "-f")
    {
        HelpName = string.Join('|', EmbeddingWriter.Names.Keys),
        Description = "The format, whatever the file is called.",
        CustomParser = result =>
        {
            if (EmbeddingWriter.Names.TryGetValue(result.Tokens[0].Value, out EmbeddingFormat format))
                return format;
            result.AddError($"'{result.Tokens[0].Value}' is no format; there are {string.Join(", ", EmbeddingWriter.Names.Keys)}.");
            return null;
        },
    };

    private readonly Option<bool> _resume = new("--resume")
    {
        Description = "Continue a run that was stopped or killed, with the same inputs, model and options: finished files are not read "
            + "again, failed ones are tried again. Nothing to continue is no error, so a job's command can always say it.",
    };

    private readonly Option<bool> _restart = new("--restart")
    {
        Description = "Throw away the rows of a run that is there and was stopped or killed. Without this or --resume they make the run "
            + "an error.",
    };

    private readonly ShardOption _shard = new();

    private readonly Option<string?> _failed = new("--failed")
    {
        HelpName = "LIST",
        Description = "Where to list the files that failed, with their reasons, for --scp to read. Without it: the output's name and "
            + ".failed.scp, where there is an output. Only there if something failed.",
    };

    private readonly Option<bool> _normalize = new("--normalize")
    {
        Description = "Scale embeddings to unit length, so that a dot product is a cosine. wespeaker does not.",
    };

    private readonly Option<int> _batchSeconds = new("--batch-seconds")
    {
        HelpName = "S",
        Description = "Seconds of audio that go to a device at once. Without it: what suits the device and its memory. Embeddings do not "
            + "depend on it.",
        CustomParser = result => ParseCount(result, "--batch-seconds", 1_000_000),
    };

    private readonly Option<int> _decoderSeconds = new("--decoder-seconds")
    {
        HelpName = "S",
        Description = "Seconds that an ffmpeg may take for one file before it is killed and the file counts as failed. Without it: 600.",
        CustomParser = result => ParseCount(result, "--decoder-seconds", 1_000_000),
    };

    private readonly Option<bool> _stats = new("--stats")
    {
        Description = "At the end, on standard error: how busy each stage was, its speed, and which one holds the others back.",
    };

    private readonly Option<string?> _statsJson = new("--stats-json")
    {
        HelpName = "FILE",
        Description = "The same numbers as a file of JSON.",
    };

    private readonly ModelOptionSet _model = new();

    public EmbedCommand(CliConsole console)
        : base(console, "embed", "Write a speaker embedding for every audio file.")
    {
        Arguments.Add(_inputs);
        Options.Add(_scp);
        Options.Add(_output);
        Options.Add(_format);
        Options.Add(_resume);
        Options.Add(_restart);
        Options.Add(_shard);
        Options.Add(_failed);
        Options.Add(_normalize);
        Options.Add(_batchSeconds);
        Options.Add(_decoderSeconds);
        Options.Add(_stats);
        Options.Add(_statsJson);
        _model.AddAllTo(this);
    }

    public override IReadOnlyList<(string Line, string Meaning)> Examples =>
    [
        ("ecapa embed speech.wav", "one JSON line on standard output"),
        ("ecapa embed corpus/ -o corpus.npy", "all audio below a folder as a NumPy matrix, names in corpus.txt"),
        ("ecapa embed --scp wav.scp -o xvector.ark --model voxceleb_ecapa1024/",
            "a Kaldi list to xvector.ark and xvector.scp, with wespeaker's weights"),
        ("ecapa embed --scp wav.scp -o xvector.ark --device cuda:all --stats", "on every GPU of the machine, saying what limits the speed"),
        ("ecapa embed corpus/ -o corpus.npy --resume", "go on where an earlier run was killed"),
        ("ecapa embed corpus/ -o part-2.npy --shard 2/8", "the second of eight machines; then: ecapa merge corpus.npy part-*.npy"),
        ("ecapa embed --scp corpus.npy.failed.scp -o rest.npy", "what failed, once the reason is mended"),
        ("sox call.wav -t wav - trim 5 10 | ecapa embed -", "audio from another program"),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt)
    {
        (EmbeddingFormat format, string? output) = Destination(arguments);
        using InputList inputs = new(ListInputs(arguments));
        string? failed = arguments.GetValue(_failed)
            ?? (output is null || OutputFile.IsDevice(output) ? null : RunOutput.FailedPathOf(EmbeddingWriter.FilesOf(format, output)[0]));
        RefuseToOverwrite(format, output, failed, arguments.GetValue(_statsJson), inputs, arguments.GetValue(_scp));
        (Shard Shard, string? Source)? part = _shard.Choose(arguments);
        Shard? shard = part?.Shard;

        using SpeakerEmbedder embedder = _model.Load(arguments, Console, options => Further(options, arguments));
        // Everything that can be known to go wrong goes wrong here, not after hours of work.
        int size = embedder.EmbeddingSize;
        using RunOutput? run = output is null
            ? RunOutput.InStream(EmbeddingWriter.Create(format, Console.Output, "standard output", size), inputs, shard, failed, interrupt)
            : OutputFile.IsDevice(output)
                ? RunOutput.InStream(EmbeddingWriter.Create(format, output, size), inputs, shard, failed, interrupt)
                : RunOutput.InFiles(embedder, inputs, shard, format, output, failed!, Unfinished(arguments), interrupt);
        if (run is null)
        {
            Console.Say($"nothing to do: a finished run's {output} is there");
            return ExitCode.Done;
        }
        bool quiet = _model.Quiet(arguments);
        // What nobody typed is said, however quiet.
        if (part is var (_, source) && (!quiet || source is not null))
            Console.Say($"shard {shard}{(source is null ? "" : $" (from {source})")}: {run.InputCount} of {inputs.Count} files");
        if (!quiet && run.RowsBefore > 0)
            Console.Say($"resuming: {run.RowsBefore} of {run.InputCount} files are done");
        ExtractionProgress last = default;
        Exception? stopped = null;
        bool interrupted = false;
        // Rows on the terminal and a bar on the same terminal would tear each other up.
        bool showBar = !quiet && Console.ErrorIsTerminal && !(output is null && Console.OutputIsTerminal);
        ExtractionStatistics statistics = new();
        await ProgressBar.RunAsync(showBar ? Console.People : null, run.Remaining.Count, async report =>
        {
            try
            {
                ImmediateProgress progress = new(p => report(last = p));
                IAsyncEnumerable<ExtractionResult> results = embedder.EmbedAsync(run.Remaining, progress, statistics, interrupt);
                await foreach (ExtractionResult result in results.ConfigureAwait(false))
                {
                    Report.Problems(Console, result, quiet);
                    run.Write(result);
                }
            }
            catch (OperationCanceledException) when (interrupt.IsCancellationRequested)
            {
                interrupted = true;
            }
            catch (Exception e) when (e is InputException or EngineFailedException or DeviceException)
            {
                stopped = e;
            }
        }).ConfigureAwait(false);
        statistics.End();

        if (arguments.GetValue(_stats))
            Report.Stages(Console, statistics);
        int code = Finish(run, last, stopped, interrupted, quiet);
        // Last, so that the rows are in their place whatever becomes of it.
        if (arguments.GetValue(_statsJson) is { } json)
            Report.WriteStages(json, statistics, last);
        return code;
    }

    private EmbedderOptions Further(EmbedderOptions options, ParseResult arguments)
    {
        int decoderSeconds = arguments.GetValue(_decoderSeconds);
        return options with
        {
            Normalize = arguments.GetValue(_normalize),
            BatchSeconds = arguments.GetValue(_batchSeconds),
            Audio = decoderSeconds == 0 ? options.Audio : options.Audio with { DecoderTimeLimit = TimeSpan.FromSeconds(decoderSeconds) },
            EngineLost = loss => Report.Loss(Console, loss),
        };
    }

    private (EmbeddingFormat Format, string? Output) Destination(ParseResult arguments)
    {
        string? output = arguments.GetValue(_output);
        EmbeddingFormat? format = arguments.GetValue(_format);
        bool resume = arguments.GetValue(_resume);
        if (resume && arguments.GetValue(_restart))
            throw new UsageException("Either --resume, which keeps the rows of an unfinished run, or --restart, which throws them away.");
        if (resume && (output is null or "-" || OutputFile.IsDevice(output)))
            throw new UsageException("--resume needs a file to continue: give it with --output.");
        if (output is null or "-")
        {
            return format == EmbeddingFormat.Npy
                ? throw new UsageException(
                    ".npy begins with the number of its rows, which is known at the end: give it a file with --output.")
                : (format ?? EmbeddingFormat.JsonLines, null);
        }
        format ??= EmbeddingWriter.FormatOf(output);
        return format is { } known
            ? (known, output)
            : throw new UsageException(
                $"'{output}' does not say its format by its ending; give --format {string.Join('|', EmbeddingWriter.Names.Keys)}.");
    }

    private IEnumerable<AudioInput> ListInputs(ParseResult arguments)
    {
        string[] paths = arguments.GetValue(_inputs) ?? [];
        string? scp = arguments.GetValue(_scp);
        if (scp is null && paths.Length == 0)
            throw new UsageException("Nothing to embed: name files, folders or patterns, or give a list with --scp.");
        if (scp is null)
            return AudioListing.Enumerate(paths);
        if (paths.Length > 0)
            throw new UsageException($"Either --scp or files, not both: '{paths[0]}' is given beside --scp {scp}.");
        return scp == "-" ? WavScp.Enumerate(Console.Input, "standard input") : WavScp.Enumerate(scp);
    }

    private UnfinishedRun Unfinished(ParseResult arguments) => arguments.GetValue(_resume)
        ? UnfinishedRun.Resume
        : arguments.GetValue(_restart) ? UnfinishedRun.Discard : UnfinishedRun.Refuse;

    private static void RefuseToOverwrite(
        EmbeddingFormat format, string? output, string? failed, string? stats, InputList inputs, string? scp)
    {
        List<(string Path, string Source)> written = [];
        if (output is not null)
            written.AddRange(RunOutput.FilesOf(format, output).Select(path => (path, $"--output {output}")));
        if (failed is not null)
            written.Add((failed, $"the list of failed files {failed}"));
        if (stats is not null)
            written.Add((stats, $"--stats-json {stats}"));
        const string Stream = "-";
        IEnumerable<string> listed = inputs.Select(input => input.Path).Where(path => path != Stream);
        if (WrittenFiles.ClashOf(written, scp is null or Stream ? [] : [scp], listed) is { } clash)
            throw new UsageException(clash);
        WrittenFiles.RequirePlaces(new[] { failed, stats }.OfType<string>());
    }

    private int Finish(RunOutput run, ExtractionProgress last, Exception? stopped, bool interrupted, bool quiet)
    {
        try
        {
            // A run cut short before its first row has nothing to put in the place of what an earlier run may have left.
            if (run.Rows > 0 || (stopped is null && !interrupted))
                run.Complete();
        }
        catch (InputException e)
        {
            stopped ??= e;
        }
        string of = $"of {run.InputCount} {(run.InputCount == 1 ? "file" : "files")}";
        string continued = run.CanBeResumed && run.Rows > 0 ? "; --resume continues" : "";
        string where = run.Rows > 0 ? $"{run.Rows} {of} written to {run.Description}{continued}" : $"0 {of}, nothing is written";
        if (stopped is not null)
        {
            Console.Complain("error", stopped.Message);
            Console.Say($"stopped: {where}");
            return ExitCode.Failed;
        }
        if (interrupted)
        {
            Console.Say($"interrupted: {where}");
            return ExitCode.Interrupted;
        }
        if (!quiet || last.Failed > 0)
        {
            string skipped = run.RowsBefore > 0 ? $", {run.RowsBefore} done before" : "";
            string listed = run.FailedPath is null ? "" : $" (listed in {run.FailedPath})";
            string failed = last.Failed > 0 ? $", {last.Failed} failed{listed}" : "";
            int embedded = run.Rows - run.RowsBefore;
            string speed = embedded == 0 ? "" : FormattableString.Invariant(
                $": {last.Audio.TotalSeconds:0.0} s of audio in {last.Elapsed.TotalSeconds:0.0} s ({last.Speed:0} times real time)");
            string written = run.Rows == 0 ? "" : $", written to {run.Description}";
            Console.Say($"embedded {embedded} {of}{skipped}{failed}{speed}{written}");
        }
        return last.Failed > 0 ? ExitCode.Failed : ExitCode.Done;
    }

    /// <summary>Reports where they happen; <see cref="Progress{T}"/> would hand them to the thread pool, out of order.</summary>
    private sealed class ImmediateProgress(Action<ExtractionProgress> report) : IProgress<ExtractionProgress>
    {
        public void Report(ExtractionProgress value) => report(value);
    }
}
