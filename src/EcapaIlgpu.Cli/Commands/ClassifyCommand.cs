using System.CommandLine;
using System.Globalization;
using System.Text;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Model.Heads;

namespace EcapaIlgpu.Cli.Commands;

/// <summary><c>ecapa classify</c>: which of the training classes an utterance is.</summary>
internal sealed class ClassifyCommand : CliCommand
{
    private readonly Argument<string[]> _inputs = new("inputs")
    {
        Arity = ArgumentArity.OneOrMore,
        Description = "Audio files, folders, patterns, or - for standard input.",
    };

    private readonly Option<string?> _classes = new("--classes")
    {
        HelpName = "FILE",
        Description = "Names of the classes, one per line in the order of training. Without it: their numbers from 0.",
    };

    private readonly Option<int> _top = new("--top")
    {
        HelpName = "N",
        Description = "How many of the likeliest classes to print.",
        DefaultValueFactory = _ => 5,
        CustomParser = result => ParseCount(result, "--top", int.MaxValue),
    };

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object per file and class instead of a table." };
    private readonly ModelOptionSet _model = new();

    public ClassifyCommand(CliConsole console)
        : base(console, "classify", "Name the classes that a model with a projection head was trained on, with probabilities.")
    {
        Arguments.Add(_inputs);
        Options.Add(_classes);
        Options.Add(_top);
        Options.Add(_json);
        _model.AddAllTo(this);
    }

    public override IReadOnlyList<(string Line, string Meaning)> Examples =>
    [
        ("ecapa classify call.wav --model speakers.pt --classes names.txt", "the five likeliest speakers of a model with its head"),
        ("ecapa classify calls/ --model speakers.pt --top 1 --json", "the likeliest class of every file, for a program"),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt)
    {
        IReadOnlyList<AudioInput> inputs = AudioListing.Expand(arguments.GetValue(_inputs)!);
        using SpeakerEmbedder embedder = _model.Load(arguments, Console);
        ProjectionHead head = Head(embedder);
        string[]? names = arguments.GetValue(_classes) is { } path ? ReadNames(path, head.ClassCount) : null;
        bool json = arguments.GetValue(_json);

        int failed = 0;
        await foreach (ExtractionResult result in embedder.EmbedAsync(inputs, null, interrupt).ConfigureAwait(false))
        {
            Report.Problems(Console, result, _model.Quiet(arguments));
            if (result.Error is not null)
            {
                failed++;
                continue;
            }
            float[] probabilities = Probabilities.FromLogits(head.Logits(result.Embedding.Span));
            int[] best =
                [.. Enumerable.Range(0, probabilities.Length).OrderByDescending(c => probabilities[c]).Take(arguments.GetValue(_top))];
            Print(result.Name, best, c => names?[c] ?? c.ToString(CultureInfo.InvariantCulture), probabilities, json);
            await Console.Text.FlushAsync(interrupt).ConfigureAwait(false);
        }
        return failed > 0 ? ExitCode.Failed : ExitCode.Done;
    }

    private static ProjectionHead Head(SpeakerEmbedder embedder)
    {
        if (embedder.Model.ProjectionTensors.Count == 0)
        {
            throw new InputException(embedder.Model.Source,
                "has no projection head, so it knows no classes; give --model a checkpoint saved with its projection.* tensors");
        }
        return ProjectionHead.FromTensors(
            embedder.Model.ProjectionTensors, embedder.Model.ProjectionOptions, embedder.EmbeddingSize, embedder.Model.Source);
    }

    private static string[] ReadNames(string path, int classes)
    {
        string[] names;
        try
        {
            names = File.ReadAllLines(path, Encoding.UTF8);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, $"the class names cannot be read: {e.Message}", e);
        }
        return names.Length == classes
            ? names
            : throw new InputException(
                path, $"has {names.Length} lines, and the model has {classes} classes; there must be one name per line and class");
    }

    private void Print(string file, int[] best, Func<int, string> name, float[] probabilities, bool json)
    {
        if (json)
        {
            foreach (int c in best)
            {
                Facts.PrintJson(Console.Text,
                [
                    new Fact("file", "name", file),
                    new Fact("class", "class", name(c)),
                    new Fact("class number", "index", c),
                    new Fact("probability", "probability", probabilities[c]),
                ]);
            }
            return;
        }
        int width = best.Max(c => name(c).Length);
        foreach (int c in best)
            Console.WriteText($"{file}  {name(c).PadRight(width)}  ", probabilities[c].ToString("0.0000", CultureInfo.InvariantCulture));
    }
}
