using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace EcapaIlgpu.Checkpoints;

/// <summary>Between the bytes of a checkpoint (little endian) and float32.</summary>
internal static class TensorEncoding
{
    public static int ElementSize(TensorType type) => type switch
    {
        TensorType.Float64 or TensorType.Int64 => 8,
        TensorType.Float32 or TensorType.Int32 => 4,
        TensorType.Float16 or TensorType.BFloat16 => 2,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    public static bool IsFinite(ReadOnlySpan<float> values) => values.IsEmpty || TensorPrimitives.IsFiniteAll(values);

    /// <summary>Exact for float32, float16 and bfloat16; float64 and integers beyond 2^24 are rounded to the nearest float32.</summary>
    public static void Decode(ReadOnlySpan<byte> raw, TensorType type, Span<float> values)
    {
        switch (type)
        {
            case TensorType.Float32:
                raw.CopyTo(MemoryMarshal.AsBytes(values));
                break;
            case TensorType.Float16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(raw), values);
                break;
            case TensorType.BFloat16:
                ReadOnlySpan<ushort> upperHalves = MemoryMarshal.Cast<byte, ushort>(raw);
                for (int i = 0; i < values.Length; i++)
                    values[i] = BitConverter.UInt32BitsToSingle((uint)upperHalves[i] << 16);
                break;
            case TensorType.Float64:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, double>(raw), values);
                break;
            case TensorType.Int64:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, long>(raw), values);
                break;
            case TensorType.Int32:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, int>(raw), values);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type));
        }
    }

    /// <summary>Rounds to the nearest number of the floating-point type, ties to even.</summary>
    public static void Encode(ReadOnlySpan<float> values, TensorType type, Span<byte> raw)
    {
        switch (type)
        {
            case TensorType.Float32:
                MemoryMarshal.AsBytes(values).CopyTo(raw);
                break;
            case TensorType.Float16:
                TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(raw));
                break;
            case TensorType.BFloat16:
                Span<ushort> upperHalves = MemoryMarshal.Cast<byte, ushort>(raw);
                for (int i = 0; i < values.Length; i++)
                {
                    uint bits = BitConverter.SingleToUInt32Bits(values[i]);
                    // A NaN whose payload sits in the lower half must not round to an infinity.
                    upperHalves[i] = float.IsNaN(values[i])
                        ? (ushort)((bits >> 16) | 0x40)
                        : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
                }
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Only floating-point types up to 32 bits are written.");
        }
    }
}
