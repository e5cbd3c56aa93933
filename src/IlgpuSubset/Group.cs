namespace ILGPU;

/// <summary>The group of threads that share memory and barriers, seen from one of its threads. Kernels only.</summary>
public static class Group
{
    /// <summary>The thread's position in its group along x.</summary>
    public static int IdxX => throw DeviceOnly.Exception();

    /// <summary>The thread's position in its group along y.</summary>
    public static int IdxY => throw DeviceOnly.Exception();

    /// <summary>The thread's position in its group along z.</summary>
    public static int IdxZ => throw DeviceOnly.Exception();

    /// <summary>The thread's position in its group.</summary>
    public static Index3D Index => new(IdxX, IdxY, IdxZ);

    /// <summary>The number of threads of a group along x.</summary>
    public static int DimX => throw DeviceOnly.Exception();

    /// <summary>The number of threads of a group along y.</summary>
    public static int DimY => throw DeviceOnly.Exception();

    /// <summary>The number of threads of a group along z.</summary>
    public static int DimZ => throw DeviceOnly.Exception();

    /// <summary>The number of threads of a group.</summary>
    public static Index3D Dimension => new(DimX, DimY, DimZ);

    /// <summary>The thread's number in its group, x fastest.</summary>
    public static int LinearIndex => ((IdxZ * DimY) + IdxY) * DimX + IdxX;

    /// <summary>Whether this is the group's thread 0.</summary>
    public static bool IsFirstThread => LinearIndex == 0;

    /// <summary>Whether this is the group's last thread.</summary>
    public static bool IsLastThread => LinearIndex == DimX * DimY * DimZ - 1;

    /// <summary>
    /// Waits for all threads of the group; what they wrote to shared and global memory before it is visible after it. It must be
    /// reached by all threads of the group or by none: the compiler refuses one under a condition that differs between threads.
    /// </summary>
    public static void Barrier() => throw DeviceOnly.Exception();

    /// <summary>A barrier that counts the threads whose <paramref name="predicate"/> holds.</summary>
    public static int BarrierPopCount(bool predicate) => throw DeviceOnly.Exception();

    /// <summary>A barrier that tells whether <paramref name="predicate"/> holds in all threads.</summary>
    public static bool BarrierAnd(bool predicate) => throw DeviceOnly.Exception();

    /// <summary>A barrier that tells whether <paramref name="predicate"/> holds in any thread.</summary>
    public static bool BarrierOr(bool predicate) => throw DeviceOnly.Exception();

    /// <summary>The value that thread <paramref name="groupIndex"/> holds, in all threads; it is a barrier too.</summary>
    public static T Broadcast<T>(T value, int groupIndex)
        where T : unmanaged =>
        throw DeviceOnly.Exception();
}
