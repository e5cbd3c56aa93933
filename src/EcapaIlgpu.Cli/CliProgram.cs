using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using EcapaIlgpu.Cli.Commands;

namespace EcapaIlgpu.Cli;

/// <summary>The <c>ecapa</c> command, from arguments to exit code; what a process does and what a test calls.</summary>
internal static class CliProgram
{
    /// <summary>Runs a command line.</summary>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, CliConsole console, CancellationToken interrupt = default)
    {
        try
        {
            try
            {
                return await ParseAndRunAsync(args, console, interrupt).ConfigureAwait(false);
            }
            finally
            {
                await console.Text.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (BrokenPipeException)
        {
            // The reader has what it wanted.
            return ExitCode.Done;
        }
        catch (UsageException e)
        {
            console.Complain("error", e.Message);
            return ExitCode.Usage;
        }
        catch (Exception e) when (e is InputException or DeviceException)
        {
            console.Complain("error", e.Message);
            return ExitCode.Failed;
        }
        catch (IOException e)
        {
            // Text that standard output did not take; files have errors that name them.
            console.Complain("error", $"standard output: {e.Message}");
            return ExitCode.Failed;
        }
        catch (OperationCanceledException) when (interrupt.IsCancellationRequested)
        {
            console.Say("interrupted");
            return ExitCode.Interrupted;
        }
    }

    private static async Task<int> ParseAndRunAsync(IReadOnlyList<string> args, CliConsole console, CancellationToken interrupt)
    {
        RootCommand root = new("Speaker embeddings from speech, with wespeaker's ECAPA-TDNN.")
        {
            new EmbedCommand(console),
            new MergeCommand(console),
            new SimilarityCommand(console),
            new ClassifyCommand(console),
            new InfoCommand(console),
            new ConvertCommand(console),
            new DevicesCommand(console),
            new CheckCommand(console),
            new ProfileCommand(console),
        };
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        InvocationConfiguration invocation = new()
        {
            Output = console.Text,
            Error = console.Error,
            EnableDefaultExceptionHandler = false,
            // Signals are the process's matter: a test has none.
            ProcessTerminationTimeout = null,
        };

        // A file may be called @something: no response files.
        ParseResult parsed = root.Parse(args.Count == 0 ? ["--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        string[] errors = [.. parsed.Action is ParseErrorAction ? ParseErrors(parsed) : UnknownOptions(parsed).Concat(EmptyValues(parsed))];
        if (errors.Length > 0)
        {
            foreach (string message in errors)
                console.Complain("error", message);
            string command = parsed.CommandResult.Command is RootCommand ? "ecapa" : $"ecapa {parsed.CommandResult.Command.Name}";
            console.Say($"'{command} --help' shows what it takes.");
            return ExitCode.Usage;
        }
        int code = await parsed.InvokeAsync(invocation, interrupt).ConfigureAwait(false);
        return args.Count == 0 ? ExitCode.Usage : code;
    }

    /// <summary>The parser's errors; of a command that does not exist it would also say that a command is missing.</summary>
    private static IEnumerable<string> ParseErrors(ParseResult parsed) =>
        parsed.CommandResult.Command is RootCommand && parsed.UnmatchedTokens.Count > 0
            ? [$"There is no command '{parsed.UnmatchedTokens[0]}'."]
            : parsed.Errors.Select(e => e.Message).Distinct();

    /// <summary>Options without a value in quotes: no file, device or number is called that.</summary>
    private static IEnumerable<string> EmptyValues(ParseResult parsed) => parsed.CommandResult.Children.OfType<OptionResult>()
        .Where(option => option.Tokens.Any(token => token.Value.Length == 0))
        .Select(option => $"{option.Option.Name} '' is empty; in a script, the variable that it comes from may not be set.");

    /// <summary>What looks like an option and was taken for a file: almost always a slip.</summary>
    private static IEnumerable<string> UnknownOptions(ParseResult parsed) => parsed.Tokens.Any(t => t.Type == TokenType.DoubleDash)
        ? []
        : parsed.CommandResult.Tokens.Select(t => t.Value).Where(v => v.Length > 1 && v[0] == '-')
            .Select(v => $"There is no option '{v}' (a file of that name is given as './{v}').");

    /// <summary>Help as the parser writes it, then the command's examples: most people read those first.</summary>
    private sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => help.ClearsParseErrors;

        public override int Invoke(ParseResult parseResult)
        {
            int code = help.Invoke(parseResult);
            if (parseResult.CommandResult.Command is CliCommand { Examples.Count: > 0 } command)
            {
                TextWriter output = parseResult.InvocationConfiguration.Output;
                output.WriteLine("Examples:");
                foreach ((string line, string meaning) in command.Examples)
                    output.WriteLine($"  {line}\n      {meaning}");
                output.WriteLine();
            }
            return code;
        }
    }
}
