namespace ILGPU;

/// <summary>A 32-bit position or extent in a plane; x varies fastest.</summary>
/// <param name="x">The position along the fastest axis.</param>
/// <param name="y">The position along the slowest axis.</param>
public readonly struct Index2D(int x, int y) : IEquatable<Index2D>
{
    /// <summary>The same value along both axes.</summary>
    public Index2D(int value)
        : this(value, value)
    {
    }

    /// <summary>The position along the fastest axis.</summary>
    public int X { get; } = x;

    /// <summary>The position along the slowest axis.</summary>
    public int Y { get; } = y;

    /// <summary>An index from a pair.</summary>
    public static implicit operator Index2D((int X, int Y) values) => new(values.X, values.Y);

    /// <summary>Equality of positions.</summary>
    public static bool operator ==(Index2D first, Index2D second) => first.Equals(second);

    /// <summary>Inequality of positions.</summary>
    public static bool operator !=(Index2D first, Index2D second) => !first.Equals(second);

    /// <inheritdoc/>
    public bool Equals(Index2D other) => X == other.X && Y == other.Y;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Index2D other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(X, Y);

    /// <inheritdoc/>
    public override string ToString() => $"({X}, {Y})";
}
