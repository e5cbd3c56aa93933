namespace EcapaIlgpu.Cli;

/// <summary>What the process tells its caller.</summary>
internal static class ExitCode
{
    /// <summary>Everything asked for was done.</summary>
    public const int Done = 0;

    /// <summary>Something given cannot be used: some files failed (each is named), or the model, a list or the output.</summary>
    public const int Failed = 1;

    /// <summary>The command line makes no sense.</summary>
    public const int Usage = 2;

    /// <summary>Stopped by Ctrl-C or a termination signal, as shells number it.</summary>
    public const int Interrupted = 130;
}

/// <summary>Options that each make sense but not together.</summary>
internal sealed class UsageException(string message) : Exception(message);
