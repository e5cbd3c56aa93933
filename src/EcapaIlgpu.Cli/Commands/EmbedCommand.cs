using System.CommandLine;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Extraction.Writers;

namespace EcapaIlgpu.Cli.Commands;

/// <summary><c>ecapa embed</c>: many files to embeddings.</summary>
internal sealed class EmbedCommand : CliCommand
{
    private static readonly Dictionary<string, EmbeddingFormat> Formats = new(StringComparer.OrdinalIgnoreCase)
    {
        ["jsonl"] = EmbeddingFormat.JsonLines,
        ["csv"] = EmbeddingFormat.Csv,
        ["npy"] = EmbeddingFormat.Npy,
        ["ark"] = EmbeddingFormat.KaldiArk,
        ["txt"] = EmbeddingFormat.KaldiText,
    };

    private readonly Argument<string[]> _inputs = new("inputs")
    {
        Arity = ArgumentArity.ZeroOrMore,
        Description = "Audio files, folders (searched recursively for audio), patterns such as 'corpus/**/*.flac', or - for standard input. "
            + "Embeddings are named by these paths.",
    };

    private readonly Option<string?> _scp = new("--scp")
    {
        HelpName = "LIST",
        Description = "A Kaldi list of recordings, 'name path' per line; - for standard input. Paths may contain spaces.",
    };

    private readonly Option<string?> _output = new("--output", "-o")
    {
        HelpName = "FILE",
        Description = "Where to write. .npy (names in a .txt beside it), .jsonl, .csv, .ark (with a .scp beside it) or .txt (Kaldi text) says the "
            + "format. Without it: JSON lines on standard output.",
    };

    private readonly Option<EmbeddingFormat?> _format = new("--format", "-f")
    {
        HelpName = string.Join('|', Formats.Keys),
        Description = "The format, whatever the file is called.",
        CustomParser = result =>
        {
            if (Formats.TryGetValue(result.Tokens[0].Value, out EmbeddingFormat format))
                return format;
            result.AddError($"'{result.Tokens[0].Value}' is no format; there are {string.Join(", ", Formats.Keys)}.");
            return null;
        },
    };

    private readonly Option<bool> _normalize = new("--normalize")
    {
        Description = "Scale embeddings to unit length, so that a dot product is a cosine. wespeaker does not.",
    };

    private readonly ModelOptionSet _model = new();

    public EmbedCommand(CliConsole console)
        : base(console, "embed", "Write a speaker embedding for every audio file.")
    {
        Arguments.Add(_inputs);
        Options.Add(_scp);
        Options.Add(_output);
        Options.Add(_format);
        Options.Add(_normalize);
        _model.AddAllTo(this);
    }

    public override IReadOnlyList<(string Line, string Meaning)> Examples =>
    [
        ("ecapa embed speech.wav", "one JSON line on standard output"),
        ("ecapa embed corpus/ -o corpus.npy", "all audio below a folder as a NumPy matrix, names in corpus.txt"),
        ("ecapa embed --scp wav.scp -o xvector.ark --model voxceleb_ecapa1024/",
            "a Kaldi list to xvector.ark and xvector.scp, with wespeaker's weights"),
        ("sox call.wav -t wav - trim 5 10 | ecapa embed -", "audio from another program"),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt)
    {
        (EmbeddingFormat format, string? output) = Destination(arguments);
        IReadOnlyList<AudioInput> inputs = ListInputs(arguments);
        RefuseToOverwriteInputs(format, output, inputs, arguments.GetValue(_scp));

        using SpeakerEmbedder embedder = _model.Load(arguments, Console, arguments.GetValue(_normalize));
        // Everything that can be known to go wrong goes wrong here, not after hours of work.
        using IEmbeddingWriter writer = output is null
            ? EmbeddingWriter.Create(format, Console.Output, "standard output", embedder.EmbeddingSize)
            : EmbeddingWriter.Create(format, output, embedder.EmbeddingSize);
        foreach (AudioInput input in inputs)
            writer.CheckName(input.Name);

        bool quiet = _model.Quiet(arguments);
        ExtractionProgress last = default;
        Exception? stopped = null;
        bool interrupted = false;
        // Rows on the terminal and a bar on the same terminal would tear each other up.
        bool showBar = !quiet && Console.ErrorIsTerminal && !(output is null && Console.OutputIsTerminal);
        await ProgressBar.RunAsync(showBar ? Console.People : null, inputs.Count, async report =>
        {
            try
            {
                ImmediateProgress progress = new(p => report(last = p));
                await foreach (ExtractionResult result in embedder.EmbedAsync(inputs, progress, interrupt).ConfigureAwait(false))
                {
                    Report.Problems(Console, result, quiet);
                    if (result.Error is null)
                        writer.Write(result);
                }
            }
            catch (OperationCanceledException) when (interrupt.IsCancellationRequested)
            {
                interrupted = true;
            }
            catch (Exception e) when (e is InputException or DeviceException)
            {
                stopped = e;
            }
        }).ConfigureAwait(false);

        return Finish(writer, inputs.Count, last, stopped, interrupted, quiet);
    }

    private (EmbeddingFormat Format, string? Output) Destination(ParseResult arguments)
    {
        string? output = arguments.GetValue(_output);
        EmbeddingFormat? format = arguments.GetValue(_format);
        if (output is null or "-")
        {
            return format == EmbeddingFormat.Npy
                ? throw new UsageException(".npy begins with the number of its rows, which is known at the end: give it a file with --output.")
                : (format ?? EmbeddingFormat.JsonLines, null);
        }
        format ??= EmbeddingWriter.FormatOf(output);
        return format is { } known
            ? (known, output)
            : throw new UsageException($"'{output}' does not say its format by its ending; give --format {string.Join('|', Formats.Keys)}.");
    }

    private IReadOnlyList<AudioInput> ListInputs(ParseResult arguments)
    {
        string[] paths = arguments.GetValue(_inputs) ?? [];
        string? scp = arguments.GetValue(_scp);
        if (scp is null && paths.Length == 0)
            throw new UsageException("Nothing to embed: name files, folders or patterns, or give a list with --scp.");
        if (scp is null)
            return AudioListing.Expand(paths);
        if (paths.Length > 0)
            throw new UsageException($"Either --scp or files, not both: '{paths[0]}' is given beside --scp {scp}.");
        return scp == "-" ? WavScp.Read(Console.Input, "standard input") : WavScp.Read(scp);
    }

    /// <summary>A slip such as <c>--scp wav.scp -o wav.ark</c>, whose index is called wav.scp, must not cost the list.</summary>
    private static void RefuseToOverwriteInputs(EmbeddingFormat format, string? output, IReadOnlyList<AudioInput> inputs, string? scp)
    {
        if (output is null)
            return;
        HashSet<string> written = new(EmbeddingWriter.FilesOf(format, output).Select(Path.GetFullPath), StringComparer.Ordinal);
        string? read = inputs.Select(i => i.Path).Append(scp)
            .FirstOrDefault(path => path is not null and not "-" && written.Contains(Path.GetFullPath(path)));
        if (read is not null)
            throw new UsageException($"--output {output} would overwrite '{read}', which is read; choose another name.");
    }

    private int Finish(IEmbeddingWriter writer, int total, ExtractionProgress last, Exception? stopped, bool interrupted, bool quiet)
    {
        try
        {
            // A run cut short before its first row has nothing to put in the place of what an earlier run may have left.
            if (writer.Rows > 0 || (stopped is null && !interrupted))
                writer.Complete();
        }
        catch (InputException e)
        {
            stopped ??= e;
        }
        string files = $"{writer.Rows} of {total} {(total == 1 ? "file" : "files")}";
        string where = writer.Rows > 0 ? $"{files} written to {writer.Description}" : $"{files}, nothing is written";
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
            string failed = last.Failed > 0 ? $", {last.Failed} failed" : "";
            string speed = writer.Rows == 0 ? "" : FormattableString.Invariant(
                $": {last.Audio.TotalSeconds:0.0} s of audio in {last.Elapsed.TotalSeconds:0.0} s ({last.Speed:0} times real time), written to {writer.Description}");
            Console.Say($"embedded {files}{failed}{speed}");
        }
        return last.Failed > 0 ? ExitCode.Failed : ExitCode.Done;
    }

    /// <summary>Reports where they happen; <see cref="Progress{T}"/> would hand them to the thread pool, out of order.</summary>
    private sealed class ImmediateProgress(Action<ExtractionProgress> report) : IProgress<ExtractionProgress>
    {
        public void Report(ExtractionProgress value) => report(value);
    }
}
