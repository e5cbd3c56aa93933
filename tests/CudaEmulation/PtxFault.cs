namespace CudaEmulation;

/// <summary>A fault of a running kernel; the message says where and what.</summary>
public sealed class PtxFault : Exception
{
    /// <summary>A fault.</summary>
    public PtxFault(string message, bool isAddress = false)
        : base(message) =>
        IsAddress = isAddress;

    /// <summary>Whether an access went where it must not.</summary>
    public bool IsAddress { get; }
}
