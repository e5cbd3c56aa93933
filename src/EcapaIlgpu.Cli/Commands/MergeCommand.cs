using System.CommandLine;
using EcapaIlgpu.Extraction.Shards;

namespace EcapaIlgpu.Cli.Commands;

/// <summary><c>ecapa merge</c>: the outputs of shards to the output of one run.</summary>
internal sealed class MergeCommand : CliCommand
{
    private readonly Argument<string> _output = new("output") { Description = "The file to write, in the format of the shards." };

    private readonly Argument<string[]> _shards = new("shards")
    {
        Arity = ArgumentArity.OneOrMore,
        Description = "The outputs of 'ecapa embed --shard i/n', all n of them in any order, each with its .journal beside it.",
    };

    private readonly Option<string?> _failed = new("--failed")
    {
        HelpName = "LIST",
        Description = "Where to list the files that failed in any shard. Without it: the output's name and .failed.scp. "
            + "Only there if something failed.",
    };

    public MergeCommand(CliConsole console)
        : base(console, "merge", "Join the outputs of shards into the file that one run would have written.")
    {
        Arguments.Add(_output);
        Arguments.Add(_shards);
        Options.Add(_failed);
    }

    public override IReadOnlyList<(string Line, string Meaning)> Examples =>
    [
        ("ecapa merge corpus.npy part-*.npy", "all shards, checked: none missing, none twice, all of one model, list and options"),
        ("ecapa merge xvector.ark part-*.ark", "Kaldi archives; xvector.scp is written anew"),
    ];

    protected override Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt)
    {
        string output = arguments.GetRequiredValue(_output);
        string[] shards = arguments.GetRequiredValue(_shards);
        MergedShards merged = ShardMerge.Merge(output, shards, arguments.GetValue(_failed), interrupt);
        string failures = merged.Failed > 0 ? $", {merged.Failed} failed (listed in {merged.FailedPath})" : "";
        string count = $"{shards.Length} {(shards.Length == 1 ? "shard" : "shards")}";
        Console.Say($"merged {count}: {merged.Rows} of {merged.Inputs} files{failures}, written to {merged.Description}");
        return Task.FromResult(merged.Failed > 0 ? ExitCode.Failed : ExitCode.Done);
    }
}
