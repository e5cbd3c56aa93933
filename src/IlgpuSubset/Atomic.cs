namespace ILGPU;

/// <summary>Updates of one memory cell that other threads see whole. Kernels only.</summary>
public static class Atomic
{
    /// <summary>Adds <paramref name="value"/> to the target and returns what it was.</summary>
    public static int Add(ref int target, int value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Add(ref int, int)"/>
    public static long Add(ref long target, long value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Add(ref int, int)"/>
    public static uint Add(ref uint target, uint value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Add(ref int, int)"/>
    public static ulong Add(ref ulong target, ulong value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Add(ref int, int)"/>
    public static float Add(ref float target, float value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Add(ref int, int)"/>
    public static double Add(ref double target, double value) => throw DeviceOnly.Exception();

    /// <summary>Raises the target to <paramref name="value"/> if that is larger and returns what it was.</summary>
    public static int Max(ref int target, int value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Max(ref int, int)"/>
    public static long Max(ref long target, long value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Max(ref int, int)"/>
    public static uint Max(ref uint target, uint value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Max(ref int, int)"/>
    public static ulong Max(ref ulong target, ulong value) => throw DeviceOnly.Exception();

    /// <summary>Lowers the target to <paramref name="value"/> if that is smaller and returns what it was.</summary>
    public static int Min(ref int target, int value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Min(ref int, int)"/>
    public static long Min(ref long target, long value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Min(ref int, int)"/>
    public static uint Min(ref uint target, uint value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Min(ref int, int)"/>
    public static ulong Min(ref ulong target, ulong value) => throw DeviceOnly.Exception();

    /// <summary>Replaces the target by <paramref name="value"/> and returns what it was.</summary>
    public static int Exchange(ref int target, int value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Exchange(ref int, int)"/>
    public static long Exchange(ref long target, long value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Exchange(ref int, int)"/>
    public static uint Exchange(ref uint target, uint value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Exchange(ref int, int)"/>
    public static ulong Exchange(ref ulong target, ulong value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Exchange(ref int, int)"/>
    public static float Exchange(ref float target, float value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="Exchange(ref int, int)"/>
    public static double Exchange(ref double target, double value) => throw DeviceOnly.Exception();

    /// <summary>Replaces the target by <paramref name="value"/> if it equals <paramref name="compare"/>; returns what it was.</summary>
    public static int CompareExchange(ref int target, int compare, int value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="CompareExchange(ref int, int, int)"/>
    public static long CompareExchange(ref long target, long compare, long value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="CompareExchange(ref int, int, int)"/>
    public static uint CompareExchange(ref uint target, uint compare, uint value) => throw DeviceOnly.Exception();

    /// <inheritdoc cref="CompareExchange(ref int, int, int)"/>
    public static ulong CompareExchange(ref ulong target, ulong compare, ulong value) => throw DeviceOnly.Exception();
}
