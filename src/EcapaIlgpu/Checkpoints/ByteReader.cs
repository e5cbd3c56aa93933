using System.Buffers.Binary;

namespace EcapaIlgpu.Checkpoints;

/// <summary>A position in a file's bytes. Every read is checked against what is left, before anybody takes memory for it.</summary>
internal sealed class ByteReader(ReadOnlyMemory<byte> bytes, string source)
{
    public string Source { get; } = source;

    public int Position { get; private set; }

    public int Remaining => bytes.Length - Position;

    public byte ReadByte() => Read(1)[0];

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Read(2));

    public int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(Read(4));

    public long ReadInt64() => BinaryPrimitives.ReadInt64LittleEndian(Read(8));

    public double ReadDoubleBigEndian() => BinaryPrimitives.ReadDoubleBigEndian(Read(8));

    public ReadOnlySpan<byte> Read(long count) => ReadMemory(count).Span;

    public ReadOnlyMemory<byte> ReadMemory(long count)
    {
        if (count < 0)
            throw Error($"a length of {count} at byte {Position}; the file is corrupt.");
        if (count > Remaining)
            throw Error($"truncated or corrupt: {count} bytes are needed at byte {Position}, {Remaining} are left.");
        ReadOnlyMemory<byte> read = bytes.Slice(Position, (int)count);
        Position += (int)count;
        return read;
    }

    /// <summary>The bytes up to the next line feed, which is consumed and not returned.</summary>
    public ReadOnlySpan<byte> ReadLine()
    {
        int length = bytes.Span[Position..].IndexOf((byte)'\n');
        if (length < 0)
            throw Error($"truncated or corrupt: the line at byte {Position} has no end.");
        ReadOnlySpan<byte> line = Read(length);
        Position++;
        return line;
    }

    public InputException Error(string problem) => new(Source, problem);
}
