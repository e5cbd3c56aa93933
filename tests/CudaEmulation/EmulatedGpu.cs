namespace CudaEmulation;

/// <summary>What a GPU of <see cref="EmulatedDriver"/> says of itself.</summary>
public sealed record EmulatedGpu
{
    /// <summary>Its name.</summary>
    public string Name { get; init; } = "Emulated GPU";

    /// <summary>80 for 8.0.</summary>
    public int ComputeCapability { get; init; } = 80;

    /// <summary>Its memory in bytes; allocations beyond it fail.</summary>
    public long MemoryBytes { get; init; } = 4L << 30;

    /// <summary>The shared memory a group may have by opting in.</summary>
    public int MaxSharedBytesOptIn { get; init; } = 163 * 1024;

    /// <summary>Its multiprocessors.</summary>
    public int Multiprocessors { get; init; } = 4;
}
