using ILGPU.Compiler.IR;
using ILGPU.Compiler.OpenCl;

namespace ILGPU.Runtime.OpenCL;

/// <summary>
/// A kernel that an OpenCL driver has compiled, once for groups of any shape, and once more for a shape that the driver
/// refuses unless it knows it beforehand. Thread-safe but for the streams.
/// </summary>
internal sealed class CLKernelModule : KernelModule
{
    private readonly CLAccelerator _accelerator;
    private readonly OpenClSource _source;
    private readonly Lock _lock = new();
    private readonly Variant _any;
    private readonly Dictionary<Index3D, Variant> _forShape = [];
    private bool _disposed;

    public CLKernelModule(CLAccelerator accelerator, IrKernel kernel, OpenClSource source)
        : base(kernel)
    {
        _accelerator = accelerator;
        _source = source;
        _any = Build("");
    }

    private CLLibrary Library => _accelerator.Library;

    /// <inheritdoc/>
    public override unsafe void Launch(AcceleratorStream stream, in KernelConfig config, ReadOnlySpan<KernelArgument> arguments)
    {
        var queue = (CLStream)stream;
        int shared = config.SharedMemoryConfig.ArraySize;
        int threads = config.GroupDim.Size;
        int exchange = _source.Arguments.Contains(ExtraArgument.Exchange) ? OpenClEmitter.ExchangeBytes(threads, Kernel.WarpSize) : 0;
        // The launcher knows what the kernel asks for, but not what warps and reductions take besides.
        long total = (long)_source.StaticSharedBytes + shared + exchange;
        if (total > _accelerator.MaxSharedMemoryPerGroup)
            throw new ArgumentOutOfRangeException(
                nameof(config),
                $"{Kernel.MethodName} in groups of {threads} threads with {shared} bytes of dynamic shared memory needs {total} bytes; " +
                $"{_accelerator.Name} has {_accelerator.MaxSharedMemoryPerGroup}.");

        // A kernel object's arguments are its state: they must not change between being set and being queued.
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Variant variant = ForShape(config.GroupDim);
            int index = 0;
            foreach (Parameter parameter in Kernel.Parameters)
            {
                KernelArgument argument = arguments[parameter.ArgumentIndex];
                long bits = argument.Bits;
                if (parameter.Type.IsPointer)
                {
                    nint memory = argument.Buffer?.NativePtr ?? 0;
                    Library.SetKernelArg(variant.Kernel, index++, sizeof(nint), &memory);
                }
                // Little endian: the low bytes are the number.
                Library.SetKernelArg(variant.Kernel, index++, parameter.Type.SizeInBytes, &bits);
            }
            foreach (ExtraArgument extra in _source.Arguments)
            {
                long size = shared;
                if (extra == ExtraArgument.DynamicSharedSize)
                    Library.SetKernelArg(variant.Kernel, index++, sizeof(long), &size);
                else
                    // Drivers refuse local memory of no size.
                    Library.SetKernelArg(variant.Kernel, index++, Math.Max(16, extra == ExtraArgument.Exchange ? exchange : shared), null);
            }
            Library.EnqueueNDRangeKernel(queue.Queue, variant.Kernel, config.GridDim, config.GroupDim);
        }
        queue.Flush();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            foreach (Variant variant in _forShape.Values.Append(_any).Distinct())
                variant.Release(Library);
        }
    }

    private Variant ForShape(Index3D group)
    {
        if (group.Size <= _any.MaxThreads)
            return _any;
        if (!_forShape.TryGetValue(group, out Variant? variant))
            _forShape.Add(group, variant = Build(OpenClSource.RequiredGroupSize(group)));
        return variant;
    }

    private Variant Build(string options)
    {
        CLDevice device = _accelerator.CLDevice;
        string allOptions = $"{device.BuildOptions} {options}".TrimEnd();
        nint program;
        try
        {
            program = CLProgram.Build(Library, _accelerator.ContextHandle, device, _source.Text, allOptions);
        }
        catch (CLException exception) when (!exception.IsOutOfMemory)
        {
            device.MarkUnusable($"its driver cannot compile {Kernel.MethodName}: {exception.Message}");
            throw;
        }
        try
        {
            nint kernel = Library.CreateKernel(program, _source.Name);
            return new Variant(program, kernel, Library.GetKernelWorkGroupSize(kernel, device.Handle));
        }
        catch
        {
            Library.ReleaseProgram(program);
            throw;
        }
    }

    /// <summary>A program and its kernel object.</summary>
    private sealed record Variant(nint Program, nint Kernel, long MaxThreads)
    {
        public void Release(CLLibrary library)
        {
            library.ReleaseKernel(Kernel);
            library.ReleaseProgram(Program);
        }
    }
}
