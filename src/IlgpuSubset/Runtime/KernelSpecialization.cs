namespace ILGPU.Runtime;

/// <summary>What a kernel's launches promise, so that registers can be planned.</summary>
/// <param name="maxNumThreadsPerGroup">The most threads a group will have; null where unknown.</param>
/// <param name="minNumGroupsPerMultiprocessor">How many groups should fit on a multiprocessor at once; null for no wish.</param>
public readonly struct KernelSpecialization(int? maxNumThreadsPerGroup, int? minNumGroupsPerMultiprocessor)
    : IEquatable<KernelSpecialization>
{
    /// <summary>The most threads a group will have; null where unknown.</summary>
    public int? MaxNumThreadsPerGroup { get; } = maxNumThreadsPerGroup;

    /// <summary>How many groups should fit on a multiprocessor at once; null for no wish.</summary>
    public int? MinNumGroupsPerMultiprocessor { get; } = minNumGroupsPerMultiprocessor;

    /// <summary>Whether an accelerator can run such groups.</summary>
    public bool IsCompatibleWith(Accelerator accelerator) => (MaxNumThreadsPerGroup ?? 1) <= accelerator.MaxNumThreadsPerGroup;

    /// <summary>Equality of promises.</summary>
    public static bool operator ==(KernelSpecialization first, KernelSpecialization second) => first.Equals(second);

    /// <summary>Inequality of promises.</summary>
    public static bool operator !=(KernelSpecialization first, KernelSpecialization second) => !first.Equals(second);

    /// <inheritdoc/>
    public bool Equals(KernelSpecialization other) =>
        MaxNumThreadsPerGroup == other.MaxNumThreadsPerGroup && MinNumGroupsPerMultiprocessor == other.MinNumGroupsPerMultiprocessor;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is KernelSpecialization other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(MaxNumThreadsPerGroup, MinNumGroupsPerMultiprocessor);
}
