using System.Text;
using EcapaIlgpu.Audio;
using Spectre.Console;

namespace EcapaIlgpu.Cli;

/// <summary>
/// Where the command reads and writes: data goes to <see cref="Output"/> and nothing else does; what people read goes to standard error.
/// </summary>
internal sealed class CliConsole : IDisposable
{
    private readonly Lazy<IAnsiConsole> _people;
    private readonly Lazy<IAnsiConsole> _readers;

    public CliConsole(Stream input, Stream output, TextWriter error, bool errorIsTerminal = false, bool outputIsTerminal = false)
    {
        Input = input;
        Output = output;
        OutputIsTerminal = outputIsTerminal;
        ErrorIsTerminal = errorIsTerminal;
        Error = error;
        Text = new StreamWriter(output, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
        _people = new Lazy<IAnsiConsole>(() => Ansi(error));
        _readers = new Lazy<IAnsiConsole>(() => Ansi(Text));
    }

    public Stream Input { get; }

    public Stream Output { get; }

    /// <summary>Text on <see cref="Output"/>, for commands whose data is text; flushed when the command ends.</summary>
    public StreamWriter Text { get; }

    public bool OutputIsTerminal { get; }

    public bool ErrorIsTerminal { get; }

    public TextWriter Error { get; }

    /// <summary>Standard error with colours and a progress bar. For terminals only, and it takes time to set up.</summary>
    public IAnsiConsole People => _people.Value;

    public static CliConsole OfProcess() =>
        new(StandardInput.Open(), StandardOutput.Open(), Console.Error, !Console.IsErrorRedirected, !Console.IsOutputRedirected);

    /// <summary>Prints a line for a person, above the progress bar where there is one.</summary>
    public void Say(string message)
    {
        if (ErrorIsTerminal)
            People.Write(new AboveBar(new Text(message)));
        else
            Error.WriteLine(message);
    }

    /// <summary>Prints a line about something that went wrong.</summary>
    public void Complain(string kind, string message)
    {
        if (ErrorIsTerminal)
            People.Write(new AboveBar(Markup.FromInterpolated($"[{(kind == "warning" ? "yellow" : "red")}]{kind}:[/] {message}")));
        else
            Error.WriteLine($"{kind}: {message}");
    }

    /// <summary>Prints a line on <see cref="Text"/>, its beginning set off on a terminal.</summary>
    public void WriteText(string beginning, string rest)
    {
        if (OutputIsTerminal)
            _readers.Value.MarkupLineInterpolated($"[bold]{beginning}[/]{rest}");
        else
            Text.WriteLine(beginning + rest);
    }

    public void Dispose()
    {
        Text.Dispose();
        Input.Dispose();
        Output.Dispose();
    }

    private static IAnsiConsole Ansi(TextWriter terminal) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        ColorSystem = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            ? ColorSystemSupport.Detect
            : ColorSystemSupport.NoColors,
        Interactive = InteractionSupport.Yes,
        Out = new AnsiConsoleOutput(terminal),
    });
}
