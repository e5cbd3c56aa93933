namespace CudaEmulation;

/// <summary>PTX that an assembler would refuse; the message names the line.</summary>
public sealed class PtxSyntaxException : Exception
{
    /// <summary>A complaint about a line.</summary>
    public PtxSyntaxException(int line, string message)
        : base($"line {line}; error : {message}") =>
        Line = line;

    /// <summary>The line, from 1.</summary>
    public int Line { get; }
}
