namespace ILGPU;

/// <summary>A 64-bit position or extent on a line.</summary>
/// <param name="x">The position.</param>
public readonly struct LongIndex1D(long x) : IEquatable<LongIndex1D>
{
    /// <summary>The position.</summary>
    public long X { get; } = x;

    /// <summary>The number of elements an extent of this size holds.</summary>
    public long Size => X;

    /// <summary>The plain integer.</summary>
    public static implicit operator long(LongIndex1D idx) => idx.X;

    /// <summary>An index from a plain integer.</summary>
    public static implicit operator LongIndex1D(long idx) => new(idx);

    /// <summary>The low 32 bits of the position.</summary>
    public static explicit operator Index1D(LongIndex1D index) => new((int)index.X);

    /// <summary>Equality of positions.</summary>
    public static bool operator ==(LongIndex1D first, LongIndex1D second) => first.X == second.X;

    /// <summary>Inequality of positions.</summary>
    public static bool operator !=(LongIndex1D first, LongIndex1D second) => first.X != second.X;

    /// <inheritdoc/>
    public bool Equals(LongIndex1D other) => X == other.X;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is LongIndex1D other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => X.GetHashCode();

    /// <inheritdoc/>
    public override string ToString() => X.ToString();
}
