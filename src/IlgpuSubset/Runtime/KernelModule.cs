using ILGPU.Compiler.IR;

namespace ILGPU.Runtime;

/// <summary>A kernel that an accelerator has loaded: what a back end makes of compiled IR.</summary>
internal abstract class KernelModule(IrKernel kernel) : IDisposable
{
    /// <summary>What was compiled.</summary>
    public IrKernel Kernel { get; } = kernel;

    /// <summary>Bytes of shared memory of a group, without the dynamic ones.</summary>
    public int StaticSharedBytes { get; } = kernel.LayOutSharedMemory().StaticBytes;

    /// <summary>
    /// Queues a launch. <paramref name="arguments"/> holds all leaves of all arguments; the kernel's parameters say which of them
    /// they take (<see cref="Parameter.ArgumentIndex"/>). The launch's shape was checked against the device's limits.
    /// </summary>
    public abstract void Launch(AcceleratorStream stream, in KernelConfig config, ReadOnlySpan<KernelArgument> arguments);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>
/// One leaf of a kernel's arguments. For a pointer the memory and an offset in bytes into it (a null buffer is a null pointer);
/// for a number its bits, sign- or zero-extended as its type is.
/// </summary>
internal readonly record struct KernelArgument(MemoryBuffer? Buffer, long Bits);
