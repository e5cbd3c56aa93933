using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Cpu;

/// <summary>Runs one group.</summary>
/// <param name="arguments">The kernel's parameters, 8 bytes each, then what <see cref="GroupCode"/> says.</param>
/// <param name="frame">
/// Memory of the worker, aligned to 64 bytes; begins with the address at which the code keeps a vector on the stack.
/// </param>
/// <param name="shared">The group's shared memory.</param>
/// <param name="x">The group's position along x.</param>
/// <param name="y">The group's position along y.</param>
/// <param name="z">The group's position along z.</param>
internal delegate void RunGroup(nint arguments, nint frame, nint shared, int x, int y, int z);

/// <summary>A kernel as .NET code for groups of given dimensions.</summary>
/// <param name="Run">The code.</param>
/// <param name="FrameBytes">Memory that a worker needs for values that live across barriers.</param>
/// <param name="Kernel">The kernel.</param>
/// <param name="GroupDim">The dimensions.</param>
/// <param name="Lanes">Lanes that run together.</param>
internal sealed record GroupCode(RunGroup Run, int FrameBytes, IrKernel Kernel, Index3D GroupDim, int Lanes)
{
    // Behind the parameters: the number of groups along each axis, the bytes of dynamic shared memory, and the positions of threads.
    public const int GridDimX = 0;
    public const int DynamicShared = 3;
    public const int PositionTable = 4;
    public const int Count = 5;

    /// <summary>
    /// The position of each thread, padded to whole vectors: all along x, then y, then z. For groups whose rows are no whole vectors.
    /// </summary>
    public int[] Positions()
    {
        int threads = GroupDim.Size;
        int padded = (threads + Lanes - 1) / Lanes * Lanes;
        int[] positions = new int[3 * padded];
        for (int i = 0; i < threads; i++)
        {
            positions[i] = i % GroupDim.X;
            positions[padded + i] = i / GroupDim.X % GroupDim.Y;
            positions[2 * padded + i] = i / GroupDim.X / GroupDim.Y;
        }
        return positions;
    }
}
