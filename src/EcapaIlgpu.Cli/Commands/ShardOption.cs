using System.CommandLine;
using System.Globalization;
using EcapaIlgpu.Extraction.Shards;

namespace EcapaIlgpu.Cli.Commands;

/// <summary><c>--shard</c>: which part of the list to embed, from the command line or from a job scheduler's environment.</summary>
internal sealed class ShardOption : Option<string?>
{
    private const string None = "none";

    public ShardOption()
        : base("--shard")
    {
        HelpName = "i/n|/n|none";
        Description = "Embed the i-th of n parts of the list, of about the same length of audio each; 'ecapa merge' joins their outputs. "
            + "/n takes i from the environment. Without it, both come from a Slurm array (SLURM_ARRAY_TASK_ID) or an indexed "
            + "Kubernetes Job (JOB_COMPLETION_INDEX, JOB_COMPLETIONS) where this runs in one; none embeds the whole list there too.";
        Validators.Add(result =>
        {
            string text = result.Tokens[0].Value;
            if (text != None && !Shard.TryParse(text, out _) && CountOf(text) is null)
                result.AddError($"--shard takes i/n with i from 1 to n, /n or none, not '{text}'.");
        });
    }

    /// <summary>The shard to embed and, where it comes from the environment, the variable that says so; null for the whole list.</summary>
    public (Shard Shard, string? Source)? Choose(ParseResult arguments)
    {
        string? text = arguments.GetValue(this);
        if (text == None)
            return null;
        if (Shard.TryParse(text, out Shard given))
            return (given, null);
        int? count = text is null ? null : CountOf(text);
        if (ShardEnvironment.Find(Environment.GetEnvironmentVariable, count) is { } found)
            return found;
        return count is null
            ? null
            : throw new UsageException(
                $"--shard {text} takes its number from SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX, and neither is set; "
                + $"give --shard i{text}.");
    }

    private static int? CountOf(string text) => text.StartsWith('/')
        && int.TryParse(text.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out int count)
        && count is >= 1 and <= Shard.MaxCount ? count : null;
}
