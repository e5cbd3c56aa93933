using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace EcapaIlgpu.Extraction.Journals;

/// <summary>An input without an embedding.</summary>
/// <param name="Input">Which.</param>
/// <param name="Problem">Why, in a sentence.</param>
internal sealed record FailedInput(AudioInput Input, string Problem);

/// <summary>
/// A line of a journal after the first: that an input's row is whole, <c>ordinal bytes bytes-of-the-line-beside crc</c>, or that the
/// input failed, <c>ordinal {"name": ..., "path": ..., "problem": ...}</c>.
/// </summary>
/// <param name="Ordinal">The input's place in the list, from 0.</param>
/// <param name="RowBytes">Bytes of its row.</param>
/// <param name="LineBytes">Bytes of its line in the second file; 0 where the format has none.</param>
/// <param name="Checksum">Of the ordinal and these bytes, see <see cref="ChecksumOf"/>.</param>
/// <param name="Failure">Why there is no row; null where there is one.</param>
internal readonly record struct JournalEntry(int Ordinal, int RowBytes, int LineBytes, uint Checksum, FailedInput? Failure = null)
{
    /// <summary>Of three int32 and eight digits, with spaces between.</summary>
    private const int MaxRowLength = 48;

    /// <summary>CRC-32C over the ordinal (little-endian int32), the row and the line.</summary>
    public static uint ChecksumOf(int ordinal, ReadOnlySpan<byte> row, ReadOnlySpan<byte> line) =>
        ~Add(Add(BitOperations.Crc32C(~0u, (uint)ordinal), row), line);

    /// <summary>Writes the line and its end.</summary>
    public void WriteTo(IBufferWriter<byte> line)
    {
        if (Failure is null)
        {
            line.Advance(Format(line.GetSpan(MaxRowLength)));
        }
        else
        {
            Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Ordinal} "), line);
            using Utf8JsonWriter json = new(line, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
            json.WriteStartObject();
            json.WriteString("name"u8, Failure.Input.Name);
            json.WriteString("path"u8, Failure.Input.Path);
            json.WriteString("problem"u8, Failure.Problem);
            json.WriteEndObject();
        }
        line.Write("\n"u8);
    }

    /// <summary>Reads what <see cref="WriteTo"/> wrote, without the line's end.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> line, out JournalEntry entry)
    {
        entry = default;
        ReadOnlySpan<byte> rest = line.Span;
        if (!TryReadCount(ref rest, out int ordinal))
            return false;
        if (rest.StartsWith("{"u8))
        {
            entry = new JournalEntry(ordinal, 0, 0, 0, ReadFailure(line[^rest.Length..]));
            return entry.Failure is not null;
        }
        if (!TryReadCount(ref rest, out int rowBytes) || !TryReadCount(ref rest, out int lineBytes)
            || !Utf8Parser.TryParse(rest, out uint checksum, out _, 'x'))
        {
            return false;
        }
        entry = new JournalEntry(ordinal, rowBytes, lineBytes, checksum);
        // There is one way to write an entry, so that what reads as one but is written otherwise is damage.
        Span<byte> written = stackalloc byte[MaxRowLength];
        return line.Span.SequenceEqual(written[..entry.Format(written)]);
    }

    private int Format(Span<byte> line)
    {
        Utf8.TryWrite(line, CultureInfo.InvariantCulture, $"{Ordinal} {RowBytes} {LineBytes} {Checksum:x8}", out int length);
        return length;
    }

    private static bool TryReadCount(ref ReadOnlySpan<byte> text, out int count)
    {
        if (!Utf8Parser.TryParse(text, out count, out int read) || count < 0 || read == text.Length || text[read] != (byte)' ')
            return false;
        text = text[(read + 1)..];
        return true;
    }

    private static FailedInput? ReadFailure(ReadOnlyMemory<byte> json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement failure = document.RootElement;
            return new FailedInput(new AudioInput(Text("name"), Text("path")), Text("problem"));

            string Text(string property) => failure.GetProperty(property).GetString() ?? "";
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }

    private static uint Add(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (byte value in bytes)
            crc = BitOperations.Crc32C(crc, value);
        return crc;
    }
}
