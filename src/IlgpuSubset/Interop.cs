using System.Runtime.CompilerServices;

namespace ILGPU;

/// <summary>Sizes of types as kernels see them, and numbers as their bits.</summary>
public static class Interop
{
    /// <summary>The size in bytes of a value in memory.</summary>
    public static int SizeOf<T>()
        where T : unmanaged =>
        Unsafe.SizeOf<T>();

    /// <inheritdoc cref="SizeOf{T}()"/>
#pragma warning disable IDE0060 // ILGPU's signature; the argument only gives the type.
    public static int SizeOf<T>(T structure)
#pragma warning restore IDE0060
        where T : unmanaged =>
        Unsafe.SizeOf<T>();

    /// <summary>The bits of a number.</summary>
    public static ushort FloatAsInt(Half value) => value.RawValue;

    /// <inheritdoc cref="FloatAsInt(Half)"/>
    public static uint FloatAsInt(float value) => BitConverter.SingleToUInt32Bits(value);

    /// <inheritdoc cref="FloatAsInt(Half)"/>
    public static ulong FloatAsInt(double value) => BitConverter.DoubleToUInt64Bits(value);

    /// <summary>The number of these bits.</summary>
    public static Half IntAsFloat(ushort value) => new(value);

    /// <inheritdoc cref="IntAsFloat(ushort)"/>
    public static float IntAsFloat(uint value) => BitConverter.UInt32BitsToSingle(value);

    /// <inheritdoc cref="IntAsFloat(ushort)"/>
    public static double IntAsFloat(ulong value) => BitConverter.UInt64BitsToDouble(value);
}
