namespace ILGPU;

/// <summary>A 32-bit position or extent in space; x varies fastest.</summary>
/// <param name="x">The position along the fastest axis.</param>
/// <param name="y">The position along the middle axis.</param>
/// <param name="z">The position along the slowest axis.</param>
public readonly struct Index3D(int x, int y, int z) : IEquatable<Index3D>
{
    /// <summary>The same value along all axes.</summary>
    public Index3D(int value)
        : this(value, value, value)
    {
    }

    /// <summary>The position along the fastest axis.</summary>
    public int X { get; } = x;

    /// <summary>The position along the middle axis.</summary>
    public int Y { get; } = y;

    /// <summary>The position along the slowest axis.</summary>
    public int Z { get; } = z;

    /// <summary>The number of elements an extent of this size holds.</summary>
    public int Size => X * Y * Z;

    /// <summary>An index from a triple.</summary>
    public static implicit operator Index3D((int X, int Y, int Z) values) => new(values.X, values.Y, values.Z);

    /// <summary>Equality of positions.</summary>
    public static bool operator ==(Index3D first, Index3D second) => first.Equals(second);

    /// <summary>Inequality of positions.</summary>
    public static bool operator !=(Index3D first, Index3D second) => !first.Equals(second);

    /// <inheritdoc/>
    public bool Equals(Index3D other) => X == other.X && Y == other.Y && Z == other.Z;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Index3D other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(X, Y, Z);

    /// <inheritdoc/>
    public override string ToString() => $"({X}, {Y}, {Z})";
}
