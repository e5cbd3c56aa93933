using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using ILGPU.Compiler.Cpu;
using ILGPU.Compiler.IR;

namespace ILGPU.Runtime.CPU;

/// <summary>A kernel on the processor. Thread-safe.</summary>
internal sealed unsafe class CPUKernelModule(IrKernel kernel, CPUAccelerator accelerator) : KernelModule(kernel)
{
    private const int Alignment = 64;

    private readonly ConcurrentDictionary<Index3D, Lazy<GroupCode>> _codes = [];
    private readonly int _staticShared = kernel.LayOutSharedMemory().StaticBytes;

    /// <inheritdoc/>
    public override void Launch(AcceleratorStream stream, in KernelConfig config, ReadOnlySpan<KernelArgument> arguments)
    {
        Index3D groupDim = config.GroupDim;
        GroupCode code = _codes.GetOrAdd(
            groupDim, size => new Lazy<GroupCode>(() => GroupCodeGenerator.Generate(Kernel, size, accelerator.Vectors))).Value;
        int shared = checked(_staticShared + config.SharedMemoryConfig.ArraySize);
        if (shared > accelerator.MaxSharedMemoryPerGroup)
            throw new ArgumentOutOfRangeException(
                nameof(config),
                $"{Kernel.MethodName} with {shared} bytes of shared memory; "
                + $"{accelerator.Name} allows {accelerator.MaxSharedMemoryPerGroup}.");
        fixed (int* positions = code.Positions())
        fixed (long* values = Values(config, arguments, positions))
            Run(code, config.GridDim, (nint)values, shared);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
    }

    private long[] Values(in KernelConfig config, ReadOnlySpan<KernelArgument> arguments, int* positions)
    {
        int count = Kernel.Parameters.Count;
        long[] values = new long[count + GroupCode.Count];
        for (int i = 0; i < count; i++)
        {
            KernelArgument argument = arguments[Kernel.Parameters[i].ArgumentIndex];
            values[i] = argument.Bits + (argument.Buffer?.NativePtr ?? 0);
        }
        values[count + GroupCode.GridDimX] = config.GridDim.X;
        values[count + GroupCode.GridDimX + 1] = config.GridDim.Y;
        values[count + GroupCode.GridDimX + 2] = config.GridDim.Z;
        values[count + GroupCode.DynamicShared] = config.SharedMemoryConfig.ArraySize;
        values[count + GroupCode.PositionTable] = (long)positions;
        return values;
    }

    /// <summary>Groups go to whichever worker is free, a few at a time; which one runs a group makes no difference to it.</summary>
    private static void Run(GroupCode code, Index3D grid, nint values, int sharedBytes)
    {
        long groups = (long)grid.X * grid.Y * grid.Z;
        int workers = (int)Math.Min(groups, Environment.ProcessorCount);
        long batch = Math.Clamp(groups / (workers * 8L), 1, 64);
        long next = 0;
        ExceptionDispatchInfo? fault = null;
        if (workers == 1)
            Work(0);
        else
            Parallel.For(0, workers, Work);
        fault?.Throw();

        void RunGroup(long group, byte* memory, int frameBytes, int shift)
        {
            // The JIT compiler aligns the stack to 16 bytes, and code that keeps many vectors there would spend half of its time on
            // accesses across cache lines. It has said where they lay the last time: so much further down they lie right.
            byte* padding = stackalloc byte[shift];
            *(nint*)memory = (nint)padding;
            code.Run(
                values, (nint)memory, (nint)(memory + frameBytes),
                (int)(group % grid.X), (int)(group / grid.X % grid.Y), (int)(group / grid.X / grid.Y));
        }

        void Work(int worker)
        {
            int frameBytes = (code.FrameBytes + Alignment - 1) / Alignment * Alignment;
            byte* memory = (byte*)NativeMemory.AlignedAlloc((nuint)(frameBytes + sharedBytes + Alignment), Alignment);
            try
            {
                int shift = 0;
                while (Volatile.Read(ref fault) is null)
                {
                    long first = Interlocked.Add(ref next, batch) - batch;
                    if (first >= groups)
                        break;
                    for (long group = first; group < Math.Min(first + batch, groups); group++)
                    {
                        RunGroup(group, memory, frameBytes, shift);
                        shift = (int)((shift + *(nint*)memory) % Alignment);
                    }
                }
            }
            catch (Exception exception)
            {
                // The launch throws it; other workers end.
                Interlocked.CompareExchange(ref fault, ExceptionDispatchInfo.Capture(exception), null);
            }
            finally
            {
                NativeMemory.AlignedFree(memory);
            }
        }
    }
}
