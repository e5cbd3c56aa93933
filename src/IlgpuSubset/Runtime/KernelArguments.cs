using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using ILGPU.Compiler;

namespace ILGPU.Runtime;

/// <summary>A type that knows how to become leaves of a kernel's arguments.</summary>
internal interface IKernelArgument
{
    /// <summary>Appends the leaves, in the order of <see cref="TypeLayout.Leaves"/>.</summary>
    void AppendTo(KernelArguments arguments);
}

/// <summary>
/// The arguments of one launch, flattened: structures into their fields, views into pointer and length, in declaration order.
/// Specialised values are kept apart, since they select the kernel instead of being passed to it.
/// </summary>
internal sealed class KernelArguments
{
    private readonly List<KernelArgument> _leaves = new(32);
    private readonly List<long> _specialized = [];
    private bool _specializing;

    /// <summary>The leaves to pass.</summary>
    public ReadOnlySpan<KernelArgument> Leaves => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_leaves);

    /// <summary>The values of the specialised parameters.</summary>
    public SpecializationKey Specialization => new([.. _specialized]);

    /// <summary>Appends a number.</summary>
    public void AddBits(long bits)
    {
        if (_specializing)
            _specialized.Add(bits);
        else
            _leaves.Add(new KernelArgument(null, bits));
    }

    /// <summary>Appends a view's pointer.</summary>
    public void AddPointer(MemoryBuffer? buffer, long offsetInBytes)
    {
        ObjectDisposedException.ThrowIf(buffer is { IsDisposed: true }, typeof(MemoryBuffer));
        _leaves.Add(new KernelArgument(buffer, offsetInBytes));
    }

    /// <summary>Appends a value that the kernel is specialised for.</summary>
    public void AddSpecialized<T>(T value)
    {
        _specializing = true;
        Add(value);
        _specializing = false;
    }

    /// <summary>Appends a value of any type a kernel takes.</summary>
    public KernelArguments Add<T>(T value)
    {
        if (typeof(T) == typeof(int))
            AddBits(Unsafe.As<T, int>(ref value));
        else if (typeof(T) == typeof(float))
            AddBits(BitConverter.SingleToInt32Bits(Unsafe.As<T, float>(ref value)));
        else if (value is IKernelArgument argument)
            argument.AppendTo(this);
        else
            AddBoxed(value!, typeof(T));
        return this;
    }

    [SuppressMessage("Trimming", "IL2070", Justification = "Kernels are compiled by reflection; the assembly is not trimmed.")]
    private void AddBoxed(object value, Type type)
    {
        if (value is IKernelArgument argument)
            argument.AppendTo(this);
        else if (ConstantBits.TryGet(value, out long bits))
            AddBits(bits);
        else
        {
            foreach (FieldInfo field in TypeLayout.InstanceFields(type))
                AddBoxed(field.GetValue(value)!, field.FieldType);
        }
    }
}

/// <summary>The values of a kernel's specialised parameters, leaf by leaf: what distinguishes its compiled variants.</summary>
internal readonly struct SpecializationKey(long[] bits) : IEquatable<SpecializationKey>
{
    /// <summary>The leaves' bits.</summary>
    public ReadOnlySpan<long> Bits => bits;

    /// <inheritdoc/>
    public bool Equals(SpecializationKey other) => Bits.SequenceEqual(other.Bits);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SpecializationKey other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (long value in Bits)
            hash.Add(value);
        return hash.ToHashCode();
    }
}
