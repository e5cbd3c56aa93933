using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace EcapaIlgpu.Cli.Commands;

/// <summary>One command: its options in the constructor, its work in <see cref="RunAsync"/>, examples for its help.</summary>
internal abstract class CliCommand : Command
{
    protected CliCommand(CliConsole console, string name, string description)
        : base(name, description)
    {
        Console = console;
        SetAction(RunAsync);
    }

    /// <summary>Command lines and what they do.</summary>
    public abstract IReadOnlyList<(string Line, string Meaning)> Examples { get; }

    protected CliConsole Console { get; }

    /// <summary>Parses a number from 1 up; the parser's own message for what is none speaks of .NET's types.</summary>
    internal static int ParseCount(ArgumentResult result, string option, int most)
    {
        if (int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && count >= 1 && count <= most)
            return count;
        string expected = most == int.MaxValue ? "a number from 1" : $"a number from 1 to {most}";
        result.AddError($"{option} takes {expected}, not '{result.Tokens[0].Value}'.");
        return 0;
    }

    /// <returns>An <see cref="ExitCode"/>.</returns>
    protected abstract Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt);
}
