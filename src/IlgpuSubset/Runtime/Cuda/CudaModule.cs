using ILGPU.Compiler;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.Ptx;

namespace ILGPU.Runtime.Cuda;

/// <summary>A kernel loaded by the driver.</summary>
internal sealed unsafe class CudaModule : KernelModule
{
    private readonly CudaAccelerator _accelerator;
    private readonly PtxModule _ptx;
    private readonly nint _module;
    private readonly nint _function;
    private readonly Lock _lock = new();
    private int _allowedDynamicBytes;
    private bool _disposed;

    public CudaModule(CudaAccelerator accelerator, IrKernel kernel, PtxTarget target)
        : base(kernel)
    {
        _accelerator = accelerator;
        _ptx = PtxEmitter.Emit(kernel, target);
        KernelDump.Write(kernel.Name, "ptx", () => _ptx.Text);
        try
        {
            _module = accelerator.Driver.LoadModule(_ptx.Text);
            _function = accelerator.Driver.GetFunction(_module, _ptx.EntryName);
        }
        catch (CudaException exception) when (exception.IsOfCompiler)
        {
            accelerator.Device.MarkUnusable($"its driver cannot compile {kernel.MethodName}: {exception.Message}");
            throw;
        }
        // Without opting in a group may have 48 KB, static memory included.
        _allowedDynamicBytes = 48 * 1024 - _ptx.StaticSharedBytes;
    }

    /// <inheritdoc/>
    public override void Launch(AcceleratorStream stream, in KernelConfig config, ReadOnlySpan<KernelArgument> arguments)
    {
        nint handle = CudaStream.HandleOf(stream, _accelerator);
        int dynamicBytes = checked(config.SharedMemoryConfig.ArraySize + _ptx.AddedSharedBytes);
        ICudaDriver driver = _accelerator.Driver;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (dynamicBytes > _allowedDynamicBytes)
            {
                driver.AllowDynamicSharedBytes(_function, dynamicBytes);
                _allowedDynamicBytes = dynamicBytes;
            }
        }

        List<Parameter> parameters = Kernel.Parameters;
        long* values = stackalloc long[parameters.Count];
        void** pointers = stackalloc void*[parameters.Count];
        for (int i = 0; i < parameters.Count; i++)
        {
            KernelArgument argument = arguments[parameters[i].ArgumentIndex];
            // Little-endian: the first bytes of the number are the narrow number.
            values[i] = argument.Bits + (argument.Buffer?.NativePtr ?? 0);
            pointers[i] = values + i;
        }
        driver.Launch(_function, config.GridDim, config.GroupDim, dynamicBytes, handle, pointers);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
        }
        _accelerator.Free(driver => driver.UnloadModule(_module));
    }
}
