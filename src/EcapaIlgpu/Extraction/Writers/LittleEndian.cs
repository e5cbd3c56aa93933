using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace EcapaIlgpu.Extraction.Writers;

/// <summary>Numbers as the bytes that every format here wants, whatever the machine.</summary>
internal static class LittleEndian
{
    public static ReadOnlySpan<byte> Bytes(ReadOnlySpan<float> values)
    {
        if (BitConverter.IsLittleEndian)
            return MemoryMarshal.AsBytes(values);
        byte[] bytes = new byte[values.Length * sizeof(float)];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);
        return bytes;
    }
}
