using System.CommandLine;
using EcapaIlgpu.Checkpoints;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Cli.Commands;

/// <summary><c>ecapa convert</c>: any checkpoint to safetensors.</summary>
internal sealed class ConvertCommand : CliCommand
{
    private static readonly Dictionary<string, TensorType> Types = new(StringComparer.OrdinalIgnoreCase)
    {
        ["float32"] = TensorType.Float32,
        ["float16"] = TensorType.Float16,
        ["bfloat16"] = TensorType.BFloat16,
    };

    private readonly Argument<string> _source = new("model") { Description = "A wespeaker directory, a .pt or a .safetensors file." };
    private readonly Argument<string> _output = new("output") { Description = "The .safetensors file to write." };

    private readonly Option<TensorType?> _type = new("--dtype")
    {
        HelpName = string.Join('|', Types.Keys),
        Description = "How to store numbers. Without it: float32, which keeps every bit; the others halve the file.",
        CustomParser = result =>
        {
            if (Types.TryGetValue(result.Tokens[0].Value, out TensorType type))
                return type;
            result.AddError($"'{result.Tokens[0].Value}' is no type to write; there are {string.Join(", ", Types.Keys)}.");
            return null;
        },
    };

    private readonly ModelOptionSet _model = new();

    public ConvertCommand(CliConsole console)
        : base(console, "convert", "Convert a checkpoint to safetensors, head and metadata included.")
    {
        Arguments.Add(_source);
        Arguments.Add(_output);
        Options.Add(_type);
        _model.AddPoolingTo(this);
    }

    public override IReadOnlyList<(string Line, string Meaning)> Examples =>
    [
        ("ecapa convert voxceleb_ecapa1024/ ecapa1024.safetensors", "wespeaker's folder to one file"),
        ("ecapa convert avg_model.pt small.safetensors --dtype float16", "half the size"),
    ];

    protected override Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt)
    {
        string output = arguments.GetRequiredValue(_output);
        if (!Path.GetExtension(output).Equals(".safetensors", StringComparison.OrdinalIgnoreCase))
            throw new UsageException($"'{output}' should end in .safetensors, which is what is written.");
        EcapaModel model = _model.LoadModel(arguments.GetRequiredValue(_source), arguments, Console);
        model.SaveSafetensors(output, arguments.GetValue(_type) ?? TensorType.Float32);
        Console.Say(FormattableString.Invariant($"{model.Config.Name} written to {output} ({new FileInfo(output).Length / 1e6:0.0} MB)"));
        return Task.FromResult(ExitCode.Done);
    }
}
