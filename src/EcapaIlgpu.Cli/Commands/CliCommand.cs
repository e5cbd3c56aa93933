using System.CommandLine;

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

    /// <returns>An <see cref="ExitCode"/>.</returns>
    protected abstract Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt);
}
