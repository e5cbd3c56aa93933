using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using EcapaIlgpu.Cli;

namespace EcapaIlgpu.Tests.Cli;

/// <summary>What a command line left behind.</summary>
internal sealed record CliResult(int Code, string Output, string Error);

/// <summary>Runs <c>ecapa</c>: within this process as a rule, as a process of its own where signals and pipes matter.</summary>
internal static partial class Ecapa
{
    public const int Interrupt = 2;

    /// <summary>Nothing here takes a minute; a run that does hangs.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static async Task<CliResult> RunAsync(
        string[] args, byte[]? input = null, bool terminal = false, CancellationToken interrupt = default)
    {
        using MemoryStream output = new();
        using StringWriter error = new();
        using CliConsole console = new(new MemoryStream(input ?? []), output, error, errorIsTerminal: terminal);
        int code = await CliProgram.RunAsync(args, console, interrupt);
        return new CliResult(code, Encoding.UTF8.GetString(output.ToArray()), error.ToString());
    }

    public static Task<CliResult> RunAsync(params string[] args) => RunAsync(args, null);

    /// <summary>The command line of the built program, for a process or a shell.</summary>
    public static string[] Command { get; } = ["dotnet", "exec", Path.Combine(AppContext.BaseDirectory, "ecapa.dll")];

    public static Process Start(params string[] args) => StartProcess([.. Command, .. args]);

    /// <summary>Starts the program with some variables of its environment set.</summary>
    public static Process Start(IEnumerable<(string Name, string Value)> environment, params string[] args) =>
        StartProcess([.. Command, .. args], environment);

    public static Process StartProcess(params string[] command) => StartProcess(command, []);

    private static Process StartProcess(string[] command, IEnumerable<(string Name, string Value)> environment)
    {
        ProcessStartInfo start = new(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Waits for a process to end, and reads what it said.</summary>
    public static async Task<CliResult> EndAsync(Process process)
    {
        using CancellationTokenSource limit = new(Patience);
        Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token);
        Task<string> error = process.StandardError.ReadToEndAsync(limit.Token);
        try
        {
            await process.WaitForExitAsync(limit.Token);
            return new CliResult(process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int SendSignal(int process, int signal);
}
