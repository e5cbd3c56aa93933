namespace ILGPU.Runtime;

/// <summary>
/// A kernel argument that is a constant of the compiled kernel: each value passed compiles a kernel of its own, the first time.
/// </summary>
/// <typeparam name="T">The type of the value: a number, or a structure of numbers.</typeparam>
/// <param name="value">The value.</param>
public struct SpecializedValue<T>(T value) : IEquatable<SpecializedValue<T>>, IKernelArgument
    where T : unmanaged, IEquatable<T>
{
    /// <summary>The value.</summary>
    public T Value { readonly get; set; } = value;

    /// <summary>The value.</summary>
    public static implicit operator T(SpecializedValue<T> value) => value.Value;

    /// <summary>Equality of values.</summary>
    public static bool operator ==(SpecializedValue<T> first, SpecializedValue<T> second) => first.Equals(second);

    /// <summary>Inequality of values.</summary>
    public static bool operator !=(SpecializedValue<T> first, SpecializedValue<T> second) => !first.Equals(second);

    readonly void IKernelArgument.AppendTo(KernelArguments arguments) => arguments.AddSpecialized(Value);

    /// <inheritdoc/>
    public readonly bool Equals(SpecializedValue<T> other) => Value.Equals(other.Value);

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is SpecializedValue<T> other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode() => Value.GetHashCode();

    /// <inheritdoc/>
    public override readonly string ToString() => Value.ToString() ?? "";
}

/// <summary>Makes specialised values with an inferred type.</summary>
public static class SpecializedValue
{
    /// <summary>The value as a constant of the kernel.</summary>
    public static SpecializedValue<T> New<T>(T value)
        where T : unmanaged, IEquatable<T> =>
        new(value);
}
