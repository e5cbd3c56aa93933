namespace EcapaIlgpu.Gpu;

/// <summary>The compiler's cases, where the compiler is this project's own: the package ILGPU has tests of its own.</summary>
internal static partial class CompilerCaseRun
{
    /// <summary>Runs the cases.</summary>
    /// <param name="args">The device.</param>
    /// <param name="output">Receives a line for each failure and the count.</param>
    /// <returns>The process's exit code.</returns>
    public static int Run(string[] args, TextWriter output)
    {
        int? code = null;
        RunOwn(args, output, ref code);
        if (code is null)
            output.WriteLine("no compiler cases: this was built against the package ILGPU, which has a compiler of its own");
        return code ?? 2;
    }

    static partial void RunOwn(string[] args, TextWriter output, ref int? code);
}
