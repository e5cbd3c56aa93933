namespace ILGPU;

/// <summary>A 16-bit floating-point number for storage; arithmetic is done in <see cref="float"/>.</summary>
public readonly struct Half : IEquatable<Half>
{
    internal Half(ushort rawValue) => RawValue = rawValue;

    internal ushort RawValue { get; }

    /// <summary>The same number in 32 bits, exactly.</summary>
    public static implicit operator float(Half halfValue) => (float)BitConverter.UInt16BitsToHalf(halfValue.RawValue);

    /// <summary>The nearest 16-bit number, ties to even.</summary>
    public static explicit operator Half(float floatValue) => new(BitConverter.HalfToUInt16Bits((System.Half)floatValue));

    /// <summary>The negated number.</summary>
    public static Half operator -(Half halfValue) => (Half)(-(float)halfValue);

    /// <summary>The rounded sum.</summary>
    public static Half operator +(Half first, Half second) => (Half)((float)first + second);

    /// <summary>The rounded difference.</summary>
    public static Half operator -(Half first, Half second) => (Half)((float)first - second);

    /// <summary>The rounded product.</summary>
    public static Half operator *(Half first, Half second) => (Half)((float)first * second);

    /// <summary>The rounded quotient.</summary>
    public static Half operator /(Half first, Half second) => (Half)((float)first / second);

    /// <summary>Equality of numbers.</summary>
    public static bool operator ==(Half first, Half second) => (float)first == second;

    /// <summary>Inequality of numbers.</summary>
    public static bool operator !=(Half first, Half second) => (float)first != second;

    /// <summary>Order of numbers.</summary>
    public static bool operator <(Half first, Half second) => (float)first < second;

    /// <summary>Order of numbers.</summary>
    public static bool operator <=(Half first, Half second) => (float)first <= second;

    /// <summary>Order of numbers.</summary>
    public static bool operator >(Half first, Half second) => (float)first > second;

    /// <summary>Order of numbers.</summary>
    public static bool operator >=(Half first, Half second) => (float)first >= second;

    /// <inheritdoc/>
    public bool Equals(Half other) => this == other;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Half other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => ((float)this).GetHashCode();

    /// <inheritdoc/>
    public override string ToString() => ((float)this).ToString();
}
