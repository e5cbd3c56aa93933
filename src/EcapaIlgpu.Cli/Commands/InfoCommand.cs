using System.CommandLine;
using EcapaIlgpu.Features;
using EcapaIlgpu.Model;
using EcapaIlgpu.Model.Heads;

namespace EcapaIlgpu.Cli.Commands;

/// <summary><c>ecapa info</c>: what a checkpoint is.</summary>
internal sealed class InfoCommand : CliCommand
{
    private readonly Argument<string?> _path = new("model")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "A wespeaker directory, a .pt or a .safetensors file. Without it: the bundled model.",
    };

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object instead of a table." };
    private readonly ModelOptionSet _model = new();

    public InfoCommand(CliConsole console)
        : base(console, "info", "Say what a checkpoint is: architecture, size, operations, digest, head.")
    {
        Arguments.Add(_path);
        Options.Add(_json);
        _model.AddModelTo(this);
    }

    public override IReadOnlyList<(string Line, string Meaning)> Examples =>
    [
        ("ecapa info", "the bundled model"),
        ("ecapa info voxceleb_ecapa1024/ --json", "wespeaker's folder, for a program"),
    ];

    protected override Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt)
    {
        if (arguments.GetValue(_path) is not null && _model.ModelPath(arguments) is not null)
            throw new UsageException("Name the model once: as an argument or with --model.");
        EcapaModel model = _model.LoadModel(arguments.GetValue(_path) ?? _model.ModelPath(arguments), arguments, Console);
        EcapaConfig config = model.Config;
        ProjectionHead? head = model.ProjectionTensors.Count == 0
            ? null
            : ProjectionHead.FromTensors(model.ProjectionTensors, model.ProjectionOptions, config.EmbeddingSize, model.Source);
        // Multiply and add are two operations; frames are 10 ms apart.
        double operationsPerSecond = 2.0 * model.OperationsPerFrame * Fbank.SampleRate / Fbank.FrameShift;
        Facts.Print(Console,
        [
            new Fact("architecture", "architecture", config.Name),
            new Fact("channels", "channels", config.Channels),
            new Fact("embedding size", "embedding_size", config.EmbeddingSize),
            new Fact("features per frame", "feature_dim", config.FeatureDim),
            new Fact("pooling", "pooling", config.Pooling.ToString().ToUpperInvariant()),
            new Fact("global context", "global_context", config.GlobalContext),
            new Fact("batch norm on embedding", "emb_bn", config.EmbeddingBatchNorm),
            new Fact("parameters", "parameters", model.Weights.ParameterCount),
            new Fact("operations per second of audio", "operations_per_second", operationsPerSecond),
            new Fact("multiply-adds per frame", "multiply_adds_per_frame", model.OperationsPerFrame),
            new Fact("multiply-adds per utterance", "multiply_adds_per_utterance", model.OperationsPerUtterance),
            new Fact("head", "head", head?.Kind.ToString()),
            new Fact("classes", "classes", head?.ClassCount),
            new Fact("checkpoint", "source", model.Source),
            new Fact("format", "format", model.Format.ToString()),
            new Fact("SHA-256", "sha256", model.Digest),
        ], arguments.GetValue(_json));
        return Task.FromResult(ExitCode.Done);
    }
}
