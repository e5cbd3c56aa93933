using ILGPU.Compiler.FrontEnd;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.Passes;
using ILGPU.Runtime;

namespace ILGPU.Compiler;

/// <summary>From a C# method to optimised, verified IR. Thread-safe: a compilation shares nothing with others.</summary>
internal static class KernelCompiler
{
    /// <summary>Compiles a kernel for one set of specialised values.</summary>
    /// <exception cref="NotSupportedException">The kernel uses something that cannot be compiled.</exception>
    public static IrKernel Compile(EntryPoint entry, SpecializationKey specialization, CompilerOptions options)
    {
        IrKernel kernel = Importer.Import(entry, specialization, options);
        SimplifyControlFlow.Run(kernel);
        do
        {
            // Twice: promotion makes constants, and constants let more be promoted.
            Clean(kernel);
            Clean(kernel);
        }
        while (UnrollLoops.Run(kernel, options));
        InferAddressSpaces.Run(kernel);
        Clean(kernel);
        HoistInvariants.Run(kernel);
        RemoveDeadCode.Run(kernel);
        Finish.Run(kernel);
        IrVerifier.Verify(kernel, finished: true);
        KernelDump.Write(kernel.Name, "ir", () => IrPrinter.Print(kernel));
        return kernel;
    }

    private static void Clean(IrKernel kernel)
    {
        SimplifyControlFlow.Run(kernel);
        PlaceAllocations.Run(kernel);
        NameBoundsChecks.Run(kernel, last: false);
        PromoteMemory.Run(kernel);
        Simplify.Run(kernel);
        SimplifyControlFlow.Run(kernel);
        RemoveDeadCode.Run(kernel);
        if (ConvertBranches.Run(kernel))
            Simplify.Run(kernel);
        ContractMultiplyAdd.Run(kernel);
        RemoveDeadCode.Run(kernel);
    }
}
