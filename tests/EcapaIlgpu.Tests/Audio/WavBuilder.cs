using System.Buffers.Binary;
using System.Text;
using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Tests.Audio;

/// <summary>Writes every variant of WAV that a reader may meet, and the damaged ones too: nothing here is checked.</summary>
internal sealed record WavBuilder
{
    public static readonly Guid PcmGuid = new("00000001-0000-0010-8000-00aa00389b71");
    public static readonly Guid FloatGuid = new("00000003-0000-0010-8000-00aa00389b71");

    public string Id { get; init; } = "RIFF";

    public ushort Tag { get; init; } = 1;

    public int Channels { get; init; } = 1;

    public uint SampleRate { get; init; } = 16000;

    public int Bits { get; init; } = 16;

    public int? BlockAlign { get; init; }

    /// <summary>Set for WAVE_FORMAT_EXTENSIBLE.</summary>
    public Guid? SubFormat { get; init; }

    /// <summary>Interleaved, full scale ±1.</summary>
    public double[] Samples { get; init; } = [];

    /// <summary>The samples as bytes, where they are not <see cref="Samples"/>.</summary>
    public byte[]? RawSamples { get; init; }

    public uint? RiffSize { get; init; }

    public uint? DataSize { get; init; }

    public ulong? Ds64DataSize { get; init; }

    /// <summary>Chunks before the fmt chunk, between it and the samples, and after them.</summary>
    public (string Id, byte[] Bytes)[] Before { get; init; } = [];

    public (string Id, byte[] Bytes)[] Between { get; init; } = [];

    public (string Id, byte[] Bytes)[] After { get; init; } = [];

    public bool DataFirst { get; init; }

    public bool Padded { get; init; } = true;

    public static WavBuilder Int16(params short[] samples) => new() { Samples = [.. samples.Select(s => s / 32768.0)] };

    public byte[] Build()
    {
        MemoryStream file = new();
        file.Write("RIFF????WAVE"u8);
        if (Id is "RF64" or "BW64")
            WriteChunk(file, "ds64", Ds64());
        foreach ((string id, byte[] bytes) in Before)
            WriteChunk(file, id, bytes);
        byte[] samples = RawSamples ?? Encoded();
        if (DataFirst)
            WriteChunk(file, "data", samples, DataSize);
        WriteChunk(file, "fmt ", Fmt());
        foreach ((string id, byte[] bytes) in Between)
            WriteChunk(file, id, bytes);
        if (!DataFirst)
            WriteChunk(file, "data", samples, DataSize);
        foreach ((string id, byte[] bytes) in After)
            WriteChunk(file, id, bytes);
        byte[] all = file.ToArray();
        Encoding.ASCII.GetBytes(Id).CopyTo(all, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(all.AsSpan(4), RiffSize ?? (uint)(all.Length - 8));
        return all;
    }

    private byte[] Fmt()
    {
        byte[] fmt = new byte[SubFormat is null ? 16 : 40];
        int blockAlign = BlockAlign ?? Channels * ((Bits + 7) / 8);
        BinaryPrimitives.WriteUInt16LittleEndian(fmt, SubFormat is null ? Tag : (ushort)0xFFFE);
        BinaryPrimitives.WriteUInt16LittleEndian(fmt.AsSpan(2), (ushort)Channels);
        BinaryPrimitives.WriteUInt32LittleEndian(fmt.AsSpan(4), SampleRate);
        BinaryPrimitives.WriteUInt32LittleEndian(fmt.AsSpan(8), (uint)(SampleRate * blockAlign));
        BinaryPrimitives.WriteUInt16LittleEndian(fmt.AsSpan(12), (ushort)blockAlign);
        BinaryPrimitives.WriteUInt16LittleEndian(fmt.AsSpan(14), (ushort)Bits);
        if (SubFormat is { } guid)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(fmt.AsSpan(16), 22);
            BinaryPrimitives.WriteUInt16LittleEndian(fmt.AsSpan(18), (ushort)Bits);
            guid.TryWriteBytes(fmt.AsSpan(24));
        }
        return fmt;
    }

    private byte[] Ds64()
    {
        byte[] ds64 = new byte[28];
        BinaryPrimitives.WriteUInt64LittleEndian(ds64.AsSpan(8), Ds64DataSize ?? (ulong)(RawSamples ?? Encoded()).Length);
        return ds64;
    }

    private byte[] Encoded()
    {
        bool isFloat = Tag == 3 || SubFormat == FloatGuid;
        int bytes = (Bits + 7) / 8;
        byte[] encoded = new byte[Samples.Length * bytes];
        for (int i = 0; i < Samples.Length; i++)
        {
            Span<byte> at = encoded.AsSpan(i * bytes, bytes);
            switch (bytes, isFloat)
            {
                case (1, false): at[0] = (byte)(Samples[i] * 128 + 128); break;
                case (4, true): BinaryPrimitives.WriteSingleLittleEndian(at, (float)Samples[i]); break;
                case (8, true): BinaryPrimitives.WriteDoubleLittleEndian(at, Samples[i]); break;
                default:
                    int left = (int)(Samples[i] * 2147483648.0);
                    for (int b = 0; b < bytes; b++)
                        at[b] = (byte)(left >> (8 * (4 - bytes + b)));
                    break;
            }
        }
        return encoded;
    }

    private void WriteChunk(MemoryStream file, string id, byte[] bytes, uint? claimed = null)
    {
        Span<byte> size = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(
            size, claimed ?? (id == "data" && Id is "RF64" or "BW64" ? 0xFFFF_FFFF : (uint)bytes.Length));
        file.Write(Encoding.ASCII.GetBytes(id));
        file.Write(size);
        file.Write(bytes);
        if (Padded && bytes.Length % 2 == 1)
            file.WriteByte(0);
    }
}

/// <summary>A pipe: it cannot seek, does not know its length, and gives out less than was asked for.</summary>
internal sealed class PipeStream(byte[] bytes, int mostPerRead = 7) : ForwardStream
{
    private int _position;

    public override int Read(Span<byte> buffer)
    {
        int got = Math.Min(Math.Min(buffer.Length, mostPerRead), bytes.Length - _position);
        bytes.AsSpan(_position, got).CopyTo(buffer);
        _position += got;
        return got;
    }
}
