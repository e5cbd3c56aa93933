namespace ILGPU.Runtime;

/// <summary>A driver refused a call, or a fault of earlier work came out in it.</summary>
public abstract class AcceleratorException : Exception
{
    private protected AcceleratorException(string message)
        : base(message)
    {
    }

    /// <summary>Whose driver.</summary>
    public abstract AcceleratorType AcceleratorType { get; }
}
