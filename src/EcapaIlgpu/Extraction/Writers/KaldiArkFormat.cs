using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace EcapaIlgpu.Extraction.Writers;

/// <summary>
/// Kaldi's binary archive of float vectors with its index: in the <c>.ark</c>, per utterance, <c>name</c>, a space, <c>\0B</c>, <c>FV </c>,
/// the byte 4, the length as int32, then the float32 numbers; in the <c>.scp</c>, lines <c>name ark:offset</c> where the offset is that of
/// <c>\0B</c>.
/// </summary>
internal sealed class KaldiArkFormat : RowFormat
{
    private readonly byte[] _arkInLine;

    /// <summary>
    /// An archive and its index, which names the archive as it is named here; its readers look for it from their own folder.
    /// </summary>
    public KaldiArkFormat(string arkPath, string scpPath)
        : base($"{arkPath} and {scpPath}", arkPath, scpPath) => _arkInLine = Encoding.UTF8.GetBytes($" {arkPath}:");

    /// <summary>An archive alone, in a stream in which no index could point.</summary>
    public KaldiArkFormat(string description)
        : base(description) => _arkInLine = [];

    public override void CheckName(string name) => KaldiName.Check(name);

    public override void EncodeRow(ExtractionResult result, IBufferWriter<byte> row)
    {
        KaldiName.Check(result.Name);
        Encoding.UTF8.GetBytes(result.Name, row);
        row.Write(" \0BFV \u0004"u8);
        BinaryPrimitives.WriteInt32LittleEndian(row.GetSpan(sizeof(int)), result.Embedding.Length);
        row.Advance(sizeof(int));
        row.Write(LittleEndian.Bytes(result.Embedding.Span));
    }

    public override void EncodeLine(ReadOnlySpan<byte> name, long position, IBufferWriter<byte> line)
    {
        line.Write(name);
        line.Write(_arkInLine);
        // After the name and its space.
        Encoding.UTF8.GetBytes((position + name.Length + 1).ToString(CultureInfo.InvariantCulture), line);
        line.Write("\n"u8);
    }

    public override ReadOnlySpan<byte> NameIn(ReadOnlySpan<byte> line) => line[..Math.Max(0, line.IndexOf((byte)' '))];
}
