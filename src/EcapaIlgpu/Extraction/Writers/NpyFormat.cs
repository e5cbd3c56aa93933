using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace EcapaIlgpu.Extraction.Writers;

/// <summary>
/// NumPy's <c>.npy</c>, version 1.0: float32 little-endian <c>[rows, size]</c> in C order, with the names in a text file beside it, one per
/// line in the order of the rows. The header is written first with no rows and again at the end with their number.
/// </summary>
internal sealed class NpyFormat : RowFormat
{
    /// <summary>Room for any row count; a multiple of 64, as NumPy aligns its data.</summary>
    private const int HeaderLength = 128;

    private readonly int _embeddingSize;

    public NpyFormat(string path, string namesPath, int embeddingSize)
        : base($"{path} (names in {namesPath})", path, namesPath)
    {
        if (namesPath == path)
            throw new InputException(path, "the names would go to this very file; call the vectors something else, ending in .npy");
        _embeddingSize = embeddingSize;
    }

    public override bool HeaderCountsRows => true;

    public override void CheckName(string name)
    {
        if (name.AsSpan().ContainsAny('\n', '\r'))
        {
            throw new InputException(
                name, "the name has a line break, and .npy keeps names in a text file with one per line; use .jsonl or .csv");
        }
    }

    public override void EncodeRow(ExtractionResult result, IBufferWriter<byte> row)
    {
        CheckName(result.Name);
        row.Write(LittleEndian.Bytes(result.Embedding.Span));
    }

    public override void EncodeLine(ReadOnlySpan<byte> name, long position, IBufferWriter<byte> line)
    {
        line.Write(name);
        line.Write("\n"u8);
    }

    public override ReadOnlySpan<byte> NameIn(ReadOnlySpan<byte> line) => line.TrimEnd((byte)'\n');

    public override byte[] Header(int rows)
    {
        ReadOnlySpan<byte> magicAndVersion = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0];
        byte[] header = new byte[HeaderLength];
        header.AsSpan().Fill((byte)' ');
        magicAndVersion.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), HeaderLength - 10);
        Encoding.ASCII.GetBytes($"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {_embeddingSize}), }}", header.AsSpan(10));
        header[^1] = (byte)'\n';
        return header;
    }
}
