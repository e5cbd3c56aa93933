using ILGPU.Compiler.IR;
using ILGPU.Runtime;

namespace ILGPU.Compiler;

/// <summary>From a C# method to optimised, verified IR.</summary>
internal static class KernelCompiler
{
    /// <summary>Compiles a kernel for one set of specialised values.</summary>
    /// <exception cref="NotSupportedException">The kernel uses something that cannot be compiled.</exception>
    public static IrKernel Compile(EntryPoint entry, SpecializationKey specialization, CompilerOptions options) =>
        throw new NotSupportedException($"{entry.Name}: {specialization.Bits.Length} {options.WarpSize}");
}
