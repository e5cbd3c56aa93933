namespace ILGPU;

/// <summary>The grid of groups of a launch, seen from one thread. Kernels only.</summary>
public static class Grid
{
    /// <summary>The group's position in the grid along x.</summary>
    public static int IdxX => throw DeviceOnly.Exception();

    /// <summary>The group's position in the grid along y.</summary>
    public static int IdxY => throw DeviceOnly.Exception();

    /// <summary>The group's position in the grid along z.</summary>
    public static int IdxZ => throw DeviceOnly.Exception();

    /// <summary>The group's position in the grid.</summary>
    public static Index3D Index => new(IdxX, IdxY, IdxZ);

    /// <summary>The number of groups along x.</summary>
    public static int DimX => throw DeviceOnly.Exception();

    /// <summary>The number of groups along y.</summary>
    public static int DimY => throw DeviceOnly.Exception();

    /// <summary>The number of groups along z.</summary>
    public static int DimZ => throw DeviceOnly.Exception();

    /// <summary>The number of groups.</summary>
    public static Index3D Dimension => new(DimX, DimY, DimZ);

    /// <summary>The group's number in the grid, x fastest.</summary>
    public static int LinearIndex => ((IdxZ * DimY) + IdxY) * DimX + IdxX;

    /// <summary>The thread's position in the whole launch.</summary>
    public static Index3D GlobalIndex => ComputeGlobalIndex(Index, Group.Index);

    /// <summary>The thread's number in the whole launch, groups one after another.</summary>
    public static int GlobalLinearIndex => LinearIndex * (Group.DimX * Group.DimY * Group.DimZ) + Group.LinearIndex;

    /// <summary>The position in the whole launch of a thread of a group.</summary>
    public static Index1D ComputeGlobalIndex(Index1D gridIdx, Index1D groupIdx) => new(gridIdx.X * Group.DimX + groupIdx.X);

    /// <inheritdoc cref="ComputeGlobalIndex(Index1D, Index1D)"/>
    public static Index2D ComputeGlobalIndex(Index2D gridIdx, Index2D groupIdx) =>
        new(gridIdx.X * Group.DimX + groupIdx.X, gridIdx.Y * Group.DimY + groupIdx.Y);

    /// <inheritdoc cref="ComputeGlobalIndex(Index1D, Index1D)"/>
    public static Index3D ComputeGlobalIndex(Index3D gridIdx, Index3D groupIdx) =>
        new(gridIdx.X * Group.DimX + groupIdx.X, gridIdx.Y * Group.DimY + groupIdx.Y, gridIdx.Z * Group.DimZ + groupIdx.Z);
}
