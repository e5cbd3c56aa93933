using ILGPU.Compiler.IR;

namespace ILGPU.Compiler;

/// <summary>A kernel uses something that cannot be compiled; the message names method, construct and source line.</summary>
internal sealed class KernelCompilerException(string construct, SourceLocation location)
    : NotSupportedException($"{construct} cannot be compiled in a kernel ({location}).")
{
    /// <summary>What cannot be compiled.</summary>
    public string Construct { get; } = construct;

    /// <summary>Where it stands.</summary>
    public SourceLocation Location { get; } = location;
}
