namespace ILGPU;

/// <summary>A 32-bit position or extent on a line.</summary>
/// <param name="x">The position.</param>
public readonly struct Index1D(int x) : IEquatable<Index1D>
{
    /// <summary>The position.</summary>
    public int X { get; } = x;

    /// <summary>The number of elements an extent of this size holds.</summary>
    public int Size => X;

    /// <summary>The plain integer.</summary>
    public static implicit operator int(Index1D idx) => idx.X;

    /// <summary>An index from a plain integer.</summary>
    public static implicit operator Index1D(int idx) => new(idx);

    /// <summary>The same position in 64 bits.</summary>
    public static implicit operator LongIndex1D(Index1D index) => new(index.X);

    /// <summary>Equality of positions.</summary>
    public static bool operator ==(Index1D first, Index1D second) => first.X == second.X;

    /// <summary>Inequality of positions.</summary>
    public static bool operator !=(Index1D first, Index1D second) => first.X != second.X;

    /// <inheritdoc/>
    public bool Equals(Index1D other) => X == other.X;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Index1D other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => X;

    /// <inheritdoc/>
    public override string ToString() => X.ToString();
}
