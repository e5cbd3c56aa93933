namespace ILGPU.Compiler.IR;

/// <summary>What a value is made of.</summary>
internal enum ScalarType : byte
{
    Void,
    I1,
    I8,
    I16,
    I32,
    I64,
    F16,
    F32,
    F64,
    Pointer,
}

/// <summary>Which memory a pointer points into. Finished kernels have no <see cref="Generic"/> ones.</summary>
internal enum AddressSpace : byte
{
    Generic,
    Global,
    Shared,
    Local,
}

/// <summary>
/// The type of a value: a scalar, or a vector of 2 or 4 numbers for wide loads and stores. Integers have no sign; operations do.
/// </summary>
internal readonly record struct IrType(ScalarType Scalar, AddressSpace Space = AddressSpace.Generic, byte Lanes = 1)
{
    public static readonly IrType Void = new(ScalarType.Void);
    public static readonly IrType I1 = new(ScalarType.I1);
    public static readonly IrType I8 = new(ScalarType.I8);
    public static readonly IrType I16 = new(ScalarType.I16);
    public static readonly IrType I32 = new(ScalarType.I32);
    public static readonly IrType I64 = new(ScalarType.I64);
    public static readonly IrType F16 = new(ScalarType.F16);
    public static readonly IrType F32 = new(ScalarType.F32);
    public static readonly IrType F64 = new(ScalarType.F64);

    public bool IsPointer => Scalar == ScalarType.Pointer;

    public bool IsInteger => Scalar is >= ScalarType.I1 and <= ScalarType.I64;

    public bool IsFloat => Scalar is ScalarType.F16 or ScalarType.F32 or ScalarType.F64;

    public bool IsVector => Lanes > 1;

    /// <summary>The type of one lane.</summary>
    public IrType Element => this with { Lanes = 1 };

    /// <summary>Bits of one lane; a pointer has 64.</summary>
    public int Bits => Scalar switch
    {
        ScalarType.Void => 0,
        ScalarType.I1 => 1,
        ScalarType.I8 => 8,
        ScalarType.I16 or ScalarType.F16 => 16,
        ScalarType.I32 or ScalarType.F32 => 32,
        _ => 64,
    };

    /// <summary>Bytes in memory, all lanes.</summary>
    public int SizeInBytes => (Bits + 7) / 8 * Lanes;

    public static IrType PointerTo(AddressSpace space) => new(ScalarType.Pointer, space);

    public static IrType VectorOf(IrType element, int lanes) => element with { Lanes = (byte)lanes };

    /// <inheritdoc/>
    public override string ToString()
    {
        string scalar = IsPointer ? $"ptr.{Space.ToString().ToLowerInvariant()}" : Scalar.ToString().ToLowerInvariant();
        return IsVector ? $"{scalar}x{Lanes}" : scalar;
    }
}
