namespace ILGPU.Compiler.Cpu;

/// <summary>How a value differs between the lanes of a vector.</summary>
internal enum LaneKind : byte
{
    /// <summary>All threads of the group have one value.</summary>
    Group,

    /// <summary>The lanes of a vector have one value, other vectors another.</summary>
    Vector,

    /// <summary>Each lane has a constant more than the one before.</summary>
    Affine,

    /// <summary>Anything.</summary>
    Varying,
}

/// <summary>How a value differs between the lanes of a vector, and what is known of its first lane.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Stride">Of an affine value, the difference between neighbours.</param>
/// <param name="Multiple">A divisor of the first lane's value, 0 where that is 0.</param>
internal readonly record struct LaneShape(LaneKind Kind, long Stride, long Multiple)
{
    public static readonly LaneShape Varying = new(LaneKind.Varying, 0, 1);

    /// <summary>Whether one number stands for all lanes.</summary>
    public bool IsScalar => Kind is LaneKind.Group or LaneKind.Vector;

    /// <summary>Whether the first lane's value gives those of the others.</summary>
    public bool HasBase => Kind != LaneKind.Varying;

    /// <summary>A value with a stride, which is a scalar if that is 0.</summary>
    public static LaneShape Of(bool group, long stride, long multiple) =>
        new(stride != 0 ? LaneKind.Affine : group ? LaneKind.Group : LaneKind.Vector, stride, multiple);

    /// <summary>What holds of a value that has one of two shapes.</summary>
    public static LaneShape Join(LaneShape a, LaneShape b) =>
        a.Kind == LaneKind.Varying || b.Kind == LaneKind.Varying || a.Stride != b.Stride
            ? Varying
            : new LaneShape(a.Kind > b.Kind ? a.Kind : b.Kind, a.Stride, Gcd(a.Multiple, b.Multiple));

    public static long Gcd(long a, long b)
    {
        while (b != 0)
            (a, b) = (b, a % b);
        return a == long.MinValue ? 1 : Math.Abs(a);
    }
}
