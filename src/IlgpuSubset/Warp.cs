namespace ILGPU;

/// <summary>
/// The threads of a group that run in step and can exchange registers, seen from one of them. Kernels only.
/// </summary>
/// <remarks>A shuffle must be reached by all threads of the warp, and reads lanes of the same warp.</remarks>
public static class Warp
{
    /// <summary>The number of lanes of a warp: a constant of the device.</summary>
    public static int WarpSize => throw DeviceOnly.Exception();

    /// <summary>The thread's lane in its warp.</summary>
    public static int LaneIdx => throw DeviceOnly.Exception();

    /// <summary>Whether this is lane 0.</summary>
    public static bool IsFirstLane => LaneIdx == 0;

    /// <summary>Whether this is the last lane.</summary>
    public static bool IsLastLane => LaneIdx == WarpSize - 1;

    /// <summary>The warp's number in its group.</summary>
    public static int WarpIdx => Group.LinearIndex / WarpSize;

    /// <summary>The warp that a thread of a group is in.</summary>
    public static int ComputeWarpIdx(Index1D groupThreadIdx) => groupThreadIdx.X / WarpSize;

    /// <summary>The lane that a thread of a group is.</summary>
    public static int ComputeWarpThreadIdx(Index1D groupThreadIdx) => groupThreadIdx.X % WarpSize;

    /// <summary>Waits for the lanes of the warp and makes their memory accesses visible to each other.</summary>
    public static void Barrier() => throw DeviceOnly.Exception();

    /// <summary>The variable as lane <paramref name="sourceLane"/> holds it.</summary>
    public static T Shuffle<T>(T variable, int sourceLane)
        where T : unmanaged =>
        throw DeviceOnly.Exception();

    /// <summary>The variable as lane <paramref name="sourceLane"/> of each <paramref name="width"/> lanes holds it.</summary>
    public static T Shuffle<T>(T variable, int sourceLane, int width)
        where T : unmanaged =>
        throw DeviceOnly.Exception();

    /// <summary>The variable as the lane <paramref name="delta"/> further holds it; its own beyond the end.</summary>
    public static T ShuffleDown<T>(T variable, int delta)
        where T : unmanaged =>
        throw DeviceOnly.Exception();

    /// <inheritdoc cref="ShuffleDown{T}(T, int)"/>
    public static T ShuffleDown<T>(T variable, int delta, int width)
        where T : unmanaged =>
        throw DeviceOnly.Exception();

    /// <summary>The variable as the lane <paramref name="delta"/> before holds it; its own before the start.</summary>
    public static T ShuffleUp<T>(T variable, int delta)
        where T : unmanaged =>
        throw DeviceOnly.Exception();

    /// <inheritdoc cref="ShuffleUp{T}(T, int)"/>
    public static T ShuffleUp<T>(T variable, int delta, int width)
        where T : unmanaged =>
        throw DeviceOnly.Exception();

    /// <summary>The variable as the lane whose number differs by <paramref name="mask"/> (exclusive or) holds it.</summary>
    public static T ShuffleXor<T>(T variable, int mask)
        where T : unmanaged =>
        throw DeviceOnly.Exception();

    /// <inheritdoc cref="ShuffleXor{T}(T, int)"/>
    public static T ShuffleXor<T>(T variable, int mask, int width)
        where T : unmanaged =>
        throw DeviceOnly.Exception();

    /// <summary>The value that lane <paramref name="sourceLane"/> holds, in all lanes of the warp.</summary>
    public static T Broadcast<T>(T value, int sourceLane)
        where T : unmanaged =>
        Shuffle(value, sourceLane);
}
