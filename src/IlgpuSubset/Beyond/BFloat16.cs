namespace ILGPU;

/// <summary>
/// The upper half of a <see cref="float"/>, rounded: 8 significant bits and float32's range, for storage; arithmetic is done in 32 bits.
/// ILGPU 1.5.3 has no such type.
/// </summary>
public readonly struct BFloat16 : IEquatable<BFloat16>
{
    private const uint Infinity = 0x7F80_0000;

    private readonly ushort _bits;

    private BFloat16(ushort bits) => _bits = bits;

    /// <summary>The number of these bits.</summary>
    public static BFloat16 FromBits(ushort bits) => new(bits);

    /// <summary>The bits of a number.</summary>
    public static ushort ToBits(BFloat16 value) => value._bits;

    /// <summary>The same number in 32 bits, exactly.</summary>
    public static implicit operator float(BFloat16 value) => Interop.IntAsFloat((uint)value._bits << 16);

    /// <summary>
    /// The nearest 16-bit number, ties to even; beyond the largest an infinity, and every NaN is 0x7FFF, as on NVIDIA's devices.
    /// </summary>
    public static explicit operator BFloat16(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        // Half of the last place that stays, less one where that place is even: a tie then carries into odd places only.
        uint rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
        return new((ushort)((bits & 0x7FFF_FFFF) > Infinity ? 0x7FFF : rounded));
    }

    /// <summary>Equality of numbers.</summary>
    public static bool operator ==(BFloat16 first, BFloat16 second) => (float)first == second;

    /// <summary>Inequality of numbers.</summary>
    public static bool operator !=(BFloat16 first, BFloat16 second) => (float)first != second;

    /// <inheritdoc/>
    public bool Equals(BFloat16 other) => this == other;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => ((float)this).GetHashCode();

    /// <inheritdoc/>
    public override string ToString() => ((float)this).ToString();
}
