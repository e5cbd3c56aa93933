using System.CommandLine;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Scoring;

namespace EcapaIlgpu.Cli.Commands;

/// <summary><c>ecapa similarity</c>: how alike the voices of two or more files are.</summary>
internal sealed class SimilarityCommand : CliCommand
{
    /// <summary>Embeddings of shorter speech vary more with what is said than with who says it.</summary>
    private static readonly TimeSpan Reliable = TimeSpan.FromSeconds(2);

    private readonly Argument<string[]> _inputs = new("inputs")
    {
        Description =
            "Two audio files, - for standard input. More, or folders and patterns: the cosines of all with all are printed as a table.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object instead of a table." };
    private readonly ModelOptionSet _model = new();

    public SimilarityCommand(CliConsole console)
        : base(console, "similarity", "Compare the voices of two files, or of many with each other.")
    {
        Arguments.Add(_inputs);
        Options.Add(_json);
        _model.AddAllTo(this);
    }

    public override IReadOnlyList<(string Line, string Meaning)> Examples =>
    [
        ("ecapa similarity alice1.wav alice2.wav", "the cosine of the two embeddings, and wespeaker's score from 0 to 1"),
        ("ecapa similarity a.wav b.wav --json", "the same for a program"),
        ("ecapa similarity 'alice*.wav' 'bob*.wav'", "the cosine of every file with every other"),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt)
    {
        // Each argument is listed by itself: a file given twice is compared with itself.
        AudioInput[] inputs = [.. arguments.GetRequiredValue(_inputs).SelectMany(given => AudioListing.Expand([given]))];
        if (inputs.Length < 2)
            throw new UsageException("one recording is given; two are needed to compare");
        using SpeakerEmbedder embedder = _model.Load(arguments, Console);
        List<ExtractionResult> results = [];
        await foreach (ExtractionResult result in embedder.EmbedAsync(inputs, null, interrupt).ConfigureAwait(false))
        {
            results.Add(result);
            Report.Problems(Console, result, _model.Quiet(arguments));
            if (result.Error is null && result.Duration < Reliable && !_model.Quiet(arguments))
            {
                string length = FormattableString.Invariant($"{result.Duration.TotalSeconds:0.0} s");
                Console.Complain(
                    "warning", $"{result.Name}: only {length}; scores of less than {Reliable.TotalSeconds:0} s of speech say little");
            }
        }
        if (results.Any(r => r.Error is not null))
            return ExitCode.Failed;

        if (results.Count > 2)
            CosineTable.Print(Console, results, arguments.GetValue(_json));
        else
            PrintPair(Cosine.Similarity(results[0].Embedding.Span, results[1].Embedding.Span), arguments.GetValue(_json));
        return ExitCode.Done;
    }

    private void PrintPair(float cosine, bool json) => Facts.Print(Console,
    [
        new Fact("cosine (-1 to 1)", "cosine", cosine),
        new Fact("wespeaker (cosine+1)/2", "wespeaker", Cosine.WespeakerScore(cosine)),
    ], json);
}
