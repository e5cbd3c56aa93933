using ILGPU.Compiler.IR;
using ILGPU.Runtime;

namespace ILGPU.Compiler.Cpu;

/// <summary>A step of a compiled kernel, done for all lanes of a group before the next begins.</summary>
internal delegate void LaneStep(GroupState group);

/// <summary>
/// A kernel compiled for the CPU: its steps in the order of its structured control flow, each a loop of vector instructions over the lanes of
/// a group. All threads of a group are thus always at the same step, and a barrier between two steps has nothing left to do.
/// </summary>
internal sealed class LaneProgram(IrKernel kernel)
{
    /// <summary>Where the mask of active lanes lies.</summary>
    public const int MaskUnit = 0;

    /// <summary>The kernel.</summary>
    public IrKernel Kernel { get; } = kernel;

    /// <summary>Units of values, see <see cref="GroupState"/>.</summary>
    public required int Units { get; init; }

    public required int StaticSharedBytes { get; init; }

    public required int LocalBytesPerThread { get; init; }

    /// <summary>Constants: where they lie, whether in 8 bytes, their bits.</summary>
    public required IReadOnlyList<(int Unit, bool Wide, long Bits)> Constants { get; init; }

    /// <summary>Where the kernel's parameters lie.</summary>
    public required IReadOnlyList<(int Unit, Parameter Parameter)> Parameters { get; init; }

    /// <summary>All steps.</summary>
    public required LaneStep Body { get; init; }

    /// <summary>A group state with this launch's constants and arguments in place.</summary>
    public GroupState Prepare(in KernelConfig config, ReadOnlySpan<KernelArgument> arguments)
    {
        GroupState state = new(this, config.GroupDim, config.GridDim, config.SharedMemoryConfig.ArraySize);
        foreach ((int unit, bool wide, long bits) in Constants)
            state.Fill(unit, wide, bits);
        foreach ((int unit, Parameter parameter) in Parameters)
        {
            KernelArgument argument = arguments[parameter.ArgumentIndex];
            long bits = parameter.Type.IsPointer
                ? (argument.Buffer?.NativePtr ?? 0) + argument.Bits
                : parameter.Type.Scalar == ScalarType.I1 && argument.Bits != 0 ? -1 : argument.Bits;
            state.Fill(unit, GroupState.IsWide(parameter.Type), bits);
        }
        return state;
    }

    /// <summary>Runs one group.</summary>
    public void Run(GroupState state, Index3D group)
    {
        state.Group = group;
        state.ActivateAll();
        Body(state);
    }
}
