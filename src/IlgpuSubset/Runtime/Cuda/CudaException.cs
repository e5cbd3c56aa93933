namespace ILGPU.Runtime.Cuda;

/// <summary>The CUDA driver refused a call, or a fault of earlier work came out in it.</summary>
public sealed class CudaException : AcceleratorException
{
    internal CudaException(string call, CudaResult result, string errorName, string description, string? log = null)
        : base($"{call} failed: {errorName} ({(int)result}), {description}.{(string.IsNullOrWhiteSpace(log) ? "" : "\n" + log.Trim())}")
    {
        Call = call;
        Result = result;
        ErrorName = errorName;
    }

    /// <inheritdoc/>
    public override AcceleratorType AcceleratorType => AcceleratorType.Cuda;

    /// <summary>The driver's function.</summary>
    public string Call { get; }

    /// <summary>CUDA's name of the error, as <c>CUDA_ERROR_OUT_OF_MEMORY</c>.</summary>
    public string ErrorName { get; }

    /// <summary>Whether memory ran out: a smaller piece of work may succeed.</summary>
    public bool IsOutOfMemory => Result == CudaResult.OutOfMemory;

    /// <summary>Whether the driver refused a kernel as such, and not for want of memory or because the device is lost.</summary>
    internal bool IsOfCompiler =>
        Result is CudaResult.InvalidPtx or CudaResult.UnsupportedPtxVersion or CudaResult.NotFound or CudaResult.NoBinaryForGpu;

    internal CudaResult Result { get; }
}
