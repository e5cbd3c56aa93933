namespace ILGPU.Compiler.IR;

/// <summary>Something that instructions use.</summary>
internal abstract class Value(IrType type)
{
    /// <summary>The type; changed only by address-space inference.</summary>
    public IrType Type { get; set; } = type;
}

/// <summary>
/// A number known at compile time. Integers are kept sign-extended from their width; floating point as its bits in the low end.
/// Two constants of one type and bits are equal.
/// </summary>
internal sealed class Constant : Value, IEquatable<Constant>
{
    public Constant(IrType type, long bits)
        : base(type) =>
        Bits = type.Scalar switch
        {
            ScalarType.I1 => bits & 1,
            ScalarType.I8 => (sbyte)bits,
            ScalarType.I16 => (short)bits,
            ScalarType.I32 => (int)bits,
            ScalarType.F16 => bits & 0xFFFF,
            ScalarType.F32 => bits & 0xFFFFFFFF,
            _ => bits,
        };

    public long Bits { get; }

    public bool IsZero => Bits == 0;

    /// <summary>The value of an f16, f32 or f64.</summary>
    public double Float => Type.Scalar switch
    {
        ScalarType.F16 => (double)BitConverter.UInt16BitsToHalf((ushort)Bits),
        ScalarType.F32 => BitConverter.Int32BitsToSingle((int)Bits),
        _ => BitConverter.Int64BitsToDouble(Bits),
    };

    /// <summary>The value of an integer, zero-extended from its width.</summary>
    public ulong Unsigned => Type.Bits == 64 ? (ulong)Bits : (ulong)Bits & ((1UL << Type.Bits) - 1);

    public static Constant Bool(bool value) => new(IrType.I1, value ? 1 : 0);

    public static Constant Int32(int value) => new(IrType.I32, value);

    public static Constant Int64(long value) => new(IrType.I64, value);

    public static Constant Single(float value) => new(IrType.F32, BitConverter.SingleToInt32Bits(value));

    public static Constant Double(double value) => new(IrType.F64, BitConverter.DoubleToInt64Bits(value));

    public static Constant FromDouble(IrType type, double value) => type.Scalar switch
    {
        ScalarType.F16 => new(type, BitConverter.HalfToUInt16Bits((System.Half)value)),
        ScalarType.F32 => Single((float)value),
        _ => Double(value),
    };

    public bool Equals(Constant? other) => other is not null && Type == other.Type && Bits == other.Bits;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Constant);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Type, Bits);

    /// <inheritdoc/>
    public override string ToString() => Type.IsFloat ? Float.ToString("R") : Bits.ToString();
}

/// <summary>What a kernel's parameter holds.</summary>
internal enum ParameterRole : byte
{
    /// <summary>A number passed as it is.</summary>
    Scalar,

    /// <summary>Where a view starts: global memory, aligned to the view's element.</summary>
    ViewPointer,

    /// <summary>How many elements a view has (i64).</summary>
    ViewLength,
}

/// <summary>A leaf of a kernel's arguments that the kernel uses.</summary>
internal sealed class Parameter(IrType type, string name, ParameterRole role, int argumentIndex) : Value(type)
{
    /// <summary>The C# parameter, with a suffix for the leaf.</summary>
    public string Name { get; } = name;

    public ParameterRole Role { get; } = role;

    /// <summary>Its place among all leaves of all arguments, as a launch passes them.</summary>
    public int ArgumentIndex { get; } = argumentIndex;
}

/// <summary>A value that a block receives from whichever edge control arrived by; all of a block are assigned at once.</summary>
internal sealed class BlockParameter(IrType type) : Value(type)
{
    /// <summary>The C# variable it carries, where known.</summary>
    public string? Name { get; init; }
}
