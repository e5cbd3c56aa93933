namespace ILGPU.Runtime.OpenCL;

/// <summary>An OpenCL driver refused a call, or a fault of earlier work came out in it.</summary>
public sealed class CLException : AcceleratorException
{
    internal CLException(string call, CLError error, string? explanation = null)
        : base($"{call} failed: {error} ({(int)error}){(string.IsNullOrWhiteSpace(explanation) ? "." : $": {explanation.Trim()}")}")
    {
        Call = call;
        Error = error;
    }

    /// <inheritdoc/>
    public override AcceleratorType AcceleratorType => AcceleratorType.OpenCL;

    /// <summary>The OpenCL function.</summary>
    public string Call { get; }

    /// <summary>What it returned.</summary>
    public CLError Error { get; }

    /// <summary>
    /// Whether memory ran out: a smaller piece of work may succeed. CL_OUT_OF_RESOURCES is among these, since some drivers report
    /// exhausted device memory so when it is first touched.
    /// </summary>
    public bool IsOutOfMemory => Error is CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE or CLError.CL_OUT_OF_RESOURCES
        or CLError.CL_OUT_OF_HOST_MEMORY or CLError.CL_INVALID_BUFFER_SIZE;
}
