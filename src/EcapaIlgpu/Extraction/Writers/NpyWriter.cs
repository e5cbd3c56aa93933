using System.Buffers.Binary;
using System.Text;

namespace EcapaIlgpu.Extraction.Writers;

/// <summary>
/// NumPy's <c>.npy</c>, version 1.0: float32 little-endian <c>[rows, size]</c> in C order, with the names in a text file beside it, one per
/// line in the order of the rows. The header is written first with no rows and again at the end with their number.
/// </summary>
internal sealed class NpyWriter : IEmbeddingWriter
{
    /// <summary>Room for any row count; a multiple of 64, as NumPy aligns its data.</summary>
    private const int HeaderLength = 128;

    private readonly OutputFile _vectors;
    private readonly OutputFile _names;
    private readonly int _embeddingSize;

    public NpyWriter(string path, int embeddingSize)
    {
        string namesPath = Path.ChangeExtension(path, ".txt");
        if (namesPath == path)
            throw new InputException(path, "the names would go to this very file; call the vectors something else, ending in .npy");
        Description = $"{path} (names in {namesPath})";
        _embeddingSize = embeddingSize;
        _vectors = OutputFile.Create(path);
        try
        {
            _names = OutputFile.Create(namesPath);
            _vectors.Write(Header());
            _vectors.MarkWhole();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int Rows { get; private set; }

    public string Description { get; }

    public void CheckName(string name)
    {
        if (name.AsSpan().ContainsAny('\n', '\r'))
            throw new InputException(name, "the name has a line break, and .npy keeps names in a text file with one per line; use .jsonl or .csv");
    }

    public void Write(ExtractionResult result)
    {
        CheckName(result.Name);
        _names.Write(Encoding.UTF8.GetBytes(result.Name + "\n"));
        _vectors.Write(LittleEndian.Bytes(result.Embedding.Span));
        // Only now is the row whole in both.
        _names.MarkWhole();
        _vectors.MarkWhole();
        Rows++;
    }

    public void Complete()
    {
        _names.Commit();
        _vectors.Commit(Header());
    }

    public void Dispose()
    {
        _vectors.Dispose();
        _names?.Dispose();
    }

    private byte[] Header()
    {
        ReadOnlySpan<byte> magicAndVersion = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0];
        byte[] header = new byte[HeaderLength];
        header.AsSpan().Fill((byte)' ');
        magicAndVersion.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), HeaderLength - 10);
        Encoding.ASCII.GetBytes($"{{'descr': '<f4', 'fortran_order': False, 'shape': ({Rows}, {_embeddingSize}), }}", header.AsSpan(10));
        header[^1] = (byte)'\n';
        return header;
    }
}
