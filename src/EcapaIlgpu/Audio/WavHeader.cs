using System.Buffers.Binary;
using System.Globalization;

namespace EcapaIlgpu.Audio;

/// <summary>What the <c>fmt</c> chunk says.</summary>
/// <param name="Tag">The format tag, taken from the sub-format GUID where the file is WAVE_FORMAT_EXTENSIBLE.</param>
/// <param name="SubFormat">The sub-format GUID where it stands for no format tag.</param>
/// <param name="Channels">Samples per frame.</param>
/// <param name="SampleRate">Frames per second.</param>
/// <param name="BlockAlign">Bytes per frame.</param>
/// <param name="BitsPerSample">Bits of a sample, or of its container.</param>
internal readonly record struct WavFormat(ushort Tag, Guid? SubFormat, int Channels, uint SampleRate, int BlockAlign, int BitsPerSample)
{
    private const ushort Pcm = 1;
    private const ushort IeeeFloat = 3;

    /// <summary>Whether the samples are PCM or float, rather than the output of a codec.</summary>
    public bool IsLinear => SubFormat is null && Tag is Pcm or IeeeFloat;

    /// <summary>The format in words.</summary>
    public string Description => SubFormat is { } guid
        ? $"sub-format {guid}"
        : Tag switch
        {
            Pcm => "PCM",
            IeeeFloat => "IEEE float",
            2 => "Microsoft ADPCM",
            6 => "A-law",
            7 => "mu-law",
            0x11 => "IMA ADPCM",
            0x31 => "GSM 6.10",
            0x50 => "MPEG layer 1 or 2",
            0x55 => "MPEG layer 3",
            _ => "an unknown codec",
        } + string.Create(CultureInfo.InvariantCulture, $" (format tag 0x{Tag:X4})");

    /// <summary>How the samples of a linear format are written.</summary>
    /// <exception cref="InputException">No such width exists, or it contradicts the block size.</exception>
    public SampleEncoding Encoding(string source)
    {
        // A width that is no multiple of 8 is left-aligned in the next larger container, so that it reads as that container's width.
        int bytes = (BitsPerSample + 7) / 8;
        SampleEncoding encoding = (Tag, bytes) switch
        {
            (Pcm, 1) => SampleEncoding.Unsigned8,
            (Pcm, 2) => SampleEncoding.Signed16,
            (Pcm, 3) => SampleEncoding.Signed24,
            (Pcm, 4) => SampleEncoding.Signed32,
            (IeeeFloat, 4) when BitsPerSample == 32 => SampleEncoding.Float32,
            (IeeeFloat, 8) when BitsPerSample == 64 => SampleEncoding.Float64,
            _ => throw new InputException(source,
                $"is WAV {Description} with {BitsPerSample} bits per sample: expected PCM of 1 to 32 bits or float of 32 or 64."),
        };
        if (Channels > 0 && BlockAlign != bytes * Channels)
        {
            throw new InputException(source, $"has a WAV header that contradicts itself: {Channels} channel(s) of {BitsPerSample} bits "
                + $"make blocks of {bytes * Channels} bytes, but it says {BlockAlign}. The file is damaged.");
        }
        return encoding;
    }
}

/// <summary>
/// A WAV file up to its samples: RIFF, RF64 (EBU Tech 3306) or BW64 (ITU-R BS.2088), with its chunks in any order. The stream is left at
/// the first sample.
/// </summary>
/// <param name="Format">What the <c>fmt</c> chunk says; null where the stream cannot seek and has its samples before that chunk.</param>
/// <param name="ClaimedBytes">The size that the header gives the samples; null where a writer that could not seek left it open.</param>
internal sealed record WavHeader(WavFormat? Format, long? ClaimedBytes)
{
    private const int RiffBytes = 12;
    private const uint SizeInDs64 = 0xFFFF_FFFF;
    private const int FmtBytes = 16;
    private const int ExtensibleFmtBytes = 40;
    private const ushort Extensible = 0xFFFE;

    /// <summary>
    /// Bytes 4..15 of a sub-format GUID whose first two bytes are a format tag: KSDATAFORMAT_SUBTYPE_*, and its B-format (Ambisonic) kin.
    /// </summary>
    private static ReadOnlySpan<byte> TagGuidTail => [0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xAA, 0x00, 0x38, 0x9B, 0x71];

    private static ReadOnlySpan<byte> AmbisonicGuidTail => [0x21, 0x07, 0xD3, 0x11, 0x86, 0x44, 0xC8, 0xC1, 0xCA, 0x00, 0x00, 0x00];

    /// <summary>Reads to the first sample.</summary>
    /// <param name="stream">At the start of the file; may be one that cannot seek.</param>
    /// <param name="source">The file, for messages.</param>
    /// <returns>Null where it is not a little-endian WAV file at all.</returns>
    /// <exception cref="InputException">It is one, and damaged.</exception>
    public static WavHeader? TryRead(Stream stream, string source)
    {
        Span<byte> riff = stackalloc byte[RiffBytes];
        int got = stream.ReadAtLeast(riff, RiffBytes, throwOnEndOfStream: false);
        if (got == 0)
            throw new InputException(source, "is empty (0 bytes): expected audio.");
        bool is64 = got >= 4 && (riff[..4].SequenceEqual("RF64"u8) || riff[..4].SequenceEqual("BW64"u8));
        if (!is64 && !(got >= 4 && riff[..4].SequenceEqual("RIFF"u8)))
            return null;
        if (got < RiffBytes)
            throw Truncated(source, $"after {got} bytes");
        return riff[8..].SequenceEqual("WAVE"u8)
            ? new Parser(stream, source, is64, BinaryPrimitives.ReadUInt32LittleEndian(riff[4..])).Read()
            : null;
    }

    private static InputException Truncated(string source, string where) =>
        new(source, $"is a WAV file whose header is cut off {where}: there is no sound in it.");

    private sealed class Parser(Stream stream, string source, bool is64, uint riffSize)
    {
        private readonly long? _length = stream.CanSeek ? stream.Length - (stream.Position - RiffBytes) : null;
        private long _position = RiffBytes;
        private bool _oddBefore;
        private WavFormat? _format;
        private (long Start, long? Bytes)? _samples;
        private ulong _bytesInDs64;

        public WavHeader Read()
        {
            Span<byte> id = stackalloc byte[4];
            while (TryReadChunkHeader(id, out uint size))
            {
                if (id.SequenceEqual("data"u8) && _samples is null)
                {
                    _samples = (_position, ClaimedBytes(size));
                    if (_format is not null || _length is null)
                        break;
                    if (_samples is (_, null))
                    {
                        throw new InputException(source,
                            "has its samples before the fmt chunk and does not say how many: the fmt chunk cannot be found.");
                    }
                    Skip(_samples.Value.Bytes!.Value, "data");
                }
                else if (id.SequenceEqual("fmt "u8) && _format is null)
                {
                    _format = ReadFormat(size);
                    if (_samples is not null)
                        break;
                }
                else if (is64 && id.SequenceEqual("ds64"u8))
                {
                    ReadDs64(size);
                }
                else
                {
                    Skip(size, System.Text.Encoding.Latin1.GetString(id));
                }
            }
            if (_samples is not var (start, bytes))
            {
                throw new InputException(source,
                    $"is a WAV file without a data chunk (it ends after {_position} bytes): it is cut off or holds no sound.");
            }
            if (_format is null && _length is not null)
                throw new InputException(source, "is a WAV file without a fmt chunk: it is cut off or damaged.");
            if (_position != start)
                stream.Seek(start - _position, SeekOrigin.Current);
            return new(_format, bytes);
        }

        private bool TryReadChunkHeader(Span<byte> id, out uint size)
        {
            Span<byte> header = stackalloc byte[8];
            size = 0;
            int got = Fill(header);
            // A chunk of odd size is followed by a byte of padding, which some writers forget. No chunk's name begins with a zero byte.
            if (_oddBefore && got > 0 && header[0] == 0)
            {
                header[1..].CopyTo(header);
                got = got - 1 + Fill(header[7..]);
            }
            if (got < header.Length)
                return false;
            header[..4].CopyTo(id);
            size = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
            _oddBefore = (size & 1) != 0;
            return true;
        }

        private WavFormat ReadFormat(uint size)
        {
            if (size < FmtBytes)
                throw new InputException(source, $"has a fmt chunk of {size} bytes: expected at least {FmtBytes}. The file is damaged.");
            Span<byte> fmt = stackalloc byte[(int)Math.Min(size, ExtensibleFmtBytes)];
            if (Fill(fmt) < fmt.Length)
                throw Truncated(source, "inside its fmt chunk");
            Skip(size - fmt.Length, "fmt ");
            ushort tag = BinaryPrimitives.ReadUInt16LittleEndian(fmt);
            int channels = BinaryPrimitives.ReadUInt16LittleEndian(fmt[2..]);
            uint rate = BinaryPrimitives.ReadUInt32LittleEndian(fmt[4..]);
            int blockAlign = BinaryPrimitives.ReadUInt16LittleEndian(fmt[12..]);
            int bits = BinaryPrimitives.ReadUInt16LittleEndian(fmt[14..]);
            Guid? subFormat = null;
            if (tag == Extensible)
            {
                if (fmt.Length < ExtensibleFmtBytes)
                {
                    throw new InputException(source,
                        $"says WAVE_FORMAT_EXTENSIBLE in a fmt chunk of {size} bytes: expected {ExtensibleFmtBytes}. The file is damaged.");
                }
                ReadOnlySpan<byte> guid = fmt[24..];
                ReadOnlySpan<byte> tail = guid[4..];
                if (guid[2..4].SequenceEqual<byte>([0, 0]) && (tail.SequenceEqual(TagGuidTail) || tail.SequenceEqual(AmbisonicGuidTail)))
                    tag = BinaryPrimitives.ReadUInt16LittleEndian(guid);
                else
                    subFormat = new Guid(guid);
            }
            return new(tag, subFormat, channels, rate, blockAlign, bits);
        }

        private void ReadDs64(uint size)
        {
            // riffSize, dataSize, sampleCount, then a table for other chunks of more than 4 GB, which nothing here needs.
            Span<byte> ds64 = stackalloc byte[24];
            if (size < ds64.Length)
                throw new InputException(source, $"has a ds64 chunk of {size} bytes: expected {ds64.Length} or more. The file is damaged.");
            if (Fill(ds64) < ds64.Length)
                throw Truncated(source, "inside its ds64 chunk");
            _bytesInDs64 = BinaryPrimitives.ReadUInt64LittleEndian(ds64[8..]);
            Skip(size - ds64.Length, "ds64");
        }

        /// <summary>The size of the data chunk, or null where its writer could not go back to fill it in.</summary>
        private long? ClaimedBytes(uint size)
        {
            if (is64 && size == SizeInDs64)
                return _bytesInDs64 is > 0 and <= long.MaxValue ? (long)_bytesInDs64 : null;
            long? left = _length - _position;
            return size switch
            {
                0 => IsTrulyEmpty() ? 0 : null,
                >= 0xFFFF_FF00 => null,
                // sox writes the largest whole number of blocks below 0x7FFFF000, others 0x7FFFFFFF. A file that really is so long keeps
                // its size.
                >= 0x7FFE_0000 and <= 0x7FFF_FFFF when left is null || left < size => null,
                _ => size,
            };
        }

        /// <summary>Tells a data chunk without samples, followed by another chunk, from one whose size was left at 0.</summary>
        private bool IsTrulyEmpty()
        {
            if (_length is not { } length || length - _position < 8 || riffSize == 0 || riffSize + 8L != length)
                return false;
            Span<byte> next = stackalloc byte[8];
            int got = stream.ReadAtLeast(next, next.Length, throwOnEndOfStream: false);
            stream.Seek(-got, SeekOrigin.Current);
            return next[..4].IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0
                && BinaryPrimitives.ReadUInt32LittleEndian(next[4..]) <= length - _position - next.Length;
        }

        private int Fill(Span<byte> bytes)
        {
            int got = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            _position += got;
            return got;
        }

        private void Skip(long count, string chunk)
        {
            if (_length is { } length)
            {
                if (count > length - _position)
                    throw Truncated(source, $"inside its chunk '{chunk}', which claims {count} bytes where {length - _position} are left");
                stream.Seek(count, SeekOrigin.Current);
                _position += count;
                return;
            }
            Span<byte> passed = stackalloc byte[1024];
            while (count > 0)
            {
                int got = Fill(passed[..(int)Math.Min(count, passed.Length)]);
                if (got == 0)
                    throw Truncated(source, $"inside its chunk '{chunk}'");
                count -= got;
            }
        }
    }
}
