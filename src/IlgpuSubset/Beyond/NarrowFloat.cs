namespace ILGPU.Beyond;

/// <summary>Roundings of float32 to what tensor cores multiply. The same bits on the host and in kernels of every device.</summary>
public static class NarrowFloat
{
    private const int Infinity = 0x7F800000;

    /// <summary>Whether the device has instructions for these; a constant of the compiled kernel.</summary>
    internal static bool IsNative => false;

    /// <summary>To tf32, 8 bits of exponent and 10 of fraction: the nearest, ties away from zero. The result is a float32's bits with 13 zeros at the end.</summary>
    public static int RoundTf32(float value)
    {
        if (IsNative)
            return NativeTf32(value);
        int bits = BitConverter.SingleToInt32Bits(value);
        return (bits & int.MaxValue) > Infinity ? bits | 0x400000 : (bits + 0x1000) & ~0x1FFF;
    }

    /// <summary>Two numbers to bfloat16, 8 bits of exponent and 7 of fraction: the nearest, ties to even. The first is in the lower half.</summary>
    public static int PackBf16(float low, float high) => IsNative ? NativeBf16(low, high) : (Bf16(high) << 16) | Bf16(low);

    /// <summary>Two numbers to float16, 5 bits of exponent and 10 of fraction: the nearest, ties to even, beyond 65504 infinity. The first is in the lower half.</summary>
    public static int PackHalf(float low, float high) =>
        IsNative ? NativeHalf(low, high) : (((Half)high).RawValue << 16) | ((Half)low).RawValue;

    internal static int NativeTf32(float value) => throw DeviceOnly.Exception();

    internal static int NativeBf16(float low, float high) => throw DeviceOnly.Exception();

    internal static int NativeHalf(float low, float high) => throw DeviceOnly.Exception();

    private static int Bf16(float value)
    {
        int bits = BitConverter.SingleToInt32Bits(value);
        int rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
        return ((bits & int.MaxValue) > Infinity ? 0x7FFF : rounded) & 0xFFFF;
    }
}
