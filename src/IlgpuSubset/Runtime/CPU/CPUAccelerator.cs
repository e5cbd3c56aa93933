using System.Diagnostics;
using System.Runtime.InteropServices;
using ILGPU.Compiler;
using ILGPU.Compiler.Cpu;
using ILGPU.Compiler.IR;

namespace ILGPU.Runtime.CPU;

/// <summary>The opened processor. Copies and launches are done when the call returns, so streams have nothing to wait for.</summary>
/// <remarks>Thread-safe: launches from several threads share the cores.</remarks>
public sealed class CPUAccelerator : Accelerator
{
    internal CPUAccelerator(Context context, CPUDevice device)
        : base(context, device) =>
        CompilerOptions = new CompilerOptions { WarpSize = device.WarpSize, BoundsChecks = context.BoundsChecked };

    internal override CompilerOptions CompilerOptions { get; }

    /// <inheritdoc/>
    public override void Synchronize()
    {
    }

    internal override KernelModule LoadModule(IrKernel kernel) => new Module(kernel);

    private protected override MemoryBuffer AllocateCore(long length, int elementSize) => new CPUMemoryBuffer(this, length, elementSize);

    private protected override AcceleratorStream CreateStreamCore() => new Stream(this);

    private protected override void Release()
    {
    }

    private sealed class Module(IrKernel kernel) : KernelModule(kernel)
    {
        private readonly LaneProgram _program = LaneCompiler.Compile(kernel);

        /// <exception cref="IndexOutOfRangeException">A view was left, in a context with bounds checks: names kernel, view, index and line.</exception>
        public override void Launch(AcceleratorStream stream, in KernelConfig config, ReadOnlySpan<KernelArgument> arguments)
        {
            Index3D grid = config.GridDim;
            KernelConfig launch = config;
            KernelArgument[] leaves = arguments.ToArray();
            try
            {
                // Each worker keeps one state for all its groups; which worker runs a group changes nothing in it.
                Parallel.For(
                    0L, (long)grid.X * grid.Y * grid.Z, () => _program.Prepare(launch, leaves), (number, _, state) =>
                    {
                        _program.Run(state, new Index3D((int)(number % grid.X), (int)(number / grid.X % grid.Y), (int)(number / grid.X / grid.Y)));
                        return state;
                    },
                    state => state.Dispose());
            }
            catch (AggregateException failures)
            {
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
            }
        }

        public override void Dispose()
        {
        }
    }

    private sealed class Stream(Accelerator accelerator) : AcceleratorStream(accelerator)
    {
        public override void Synchronize() => ObjectDisposedException.ThrowIf(IsDisposed, this);

        private protected override ProfilingMarker CreateProfilingMarker() => new Marker(Accelerator);

        private protected override void Release()
        {
        }
    }

    private sealed class Marker(Accelerator accelerator) : ProfilingMarker(accelerator)
    {
        private readonly long _time = Stopwatch.GetTimestamp();

        public override void Synchronize()
        {
        }

        public override TimeSpan MeasureFrom(ProfilingMarker marker) => marker is Marker earlier && earlier.Accelerator == Accelerator
            ? Stopwatch.GetElapsedTime(earlier._time, _time)
            : throw new ArgumentException("The marker belongs to another accelerator.", nameof(marker));

        private protected override void Release()
        {
        }
    }
}

/// <summary>Memory of the host, aligned as device memory is.</summary>
internal sealed unsafe class CPUMemoryBuffer : MemoryBuffer
{
    private const int Alignment = 256;

    /// <exception cref="OutOfMemoryException">The system has not that much memory.</exception>
    public CPUMemoryBuffer(Accelerator accelerator, long length, int elementSize)
        : base(accelerator, length, elementSize) =>
        NativePtr = (nint)NativeMemory.AlignedAlloc((nuint)Math.Max(1, LengthInBytes), Alignment);

    /// <inheritdoc/>
    public override void MemSet(AcceleratorStream stream, byte value, long targetOffsetInBytes, long length) =>
        NativeMemory.Fill(At(targetOffsetInBytes, length), (nuint)length, value);

    /// <inheritdoc/>
    public override void CopyTo(AcceleratorStream stream, long sourceOffsetInBytes, in ArrayView<byte> targetView)
    {
        if (targetView.Source is not CPUMemoryBuffer target)
            throw new ArgumentException("The view belongs to another accelerator.", nameof(targetView));
        NativeMemory.Copy(At(sourceOffsetInBytes, targetView.Length), target.At(targetView.OffsetInBytes, targetView.Length), (nuint)targetView.Length);
    }

    internal override void CopyFromHost(AcceleratorStream stream, nint source, long targetOffsetInBytes, long lengthInBytes, bool pageLocked) =>
        NativeMemory.Copy((void*)source, At(targetOffsetInBytes, lengthInBytes), (nuint)lengthInBytes);

    internal override void CopyToHost(AcceleratorStream stream, nint target, long sourceOffsetInBytes, long lengthInBytes, bool pageLocked) =>
        NativeMemory.Copy(At(sourceOffsetInBytes, lengthInBytes), (void*)target, (nuint)lengthInBytes);

    private protected override void Release()
    {
        NativeMemory.AlignedFree((void*)NativePtr);
        NativePtr = 0;
    }

    private void* At(long offset, long length)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + length, LengthInBytes);
        return (byte*)NativePtr + offset;
    }
}
