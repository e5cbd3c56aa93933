using System.Buffers.Binary;
using System.Text;

namespace EcapaIlgpu.Extraction.Writers;

/// <summary>
/// Kaldi's binary archive of float vectors with its index: in the <c>.ark</c>, per utterance, <c>name</c>, a space, <c>\0B</c>, <c>FV </c>, the byte 4, the
/// length as int32, then the float32 numbers; in the <c>.scp</c>, lines <c>name ark:offset</c> where the offset is that of <c>\0B</c>.
/// </summary>
internal sealed class KaldiArkWriter : IEmbeddingWriter
{
    private readonly OutputFile _ark;
    private readonly OutputFile? _scp;
    private readonly string _arkPath;

    /// <summary>Writes an archive and its index.</summary>
    /// <param name="arkPath">The archive; the index names it just so, and its readers look for it from their own folder.</param>
    public KaldiArkWriter(string arkPath)
    {
        string scpPath = Path.ChangeExtension(arkPath, ".scp");
        _arkPath = arkPath;
        Description = $"{arkPath} and {scpPath}";
        _ark = OutputFile.Create(arkPath);
        try
        {
            _scp = OutputFile.Create(scpPath);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Writes an archive alone, to a stream in which no index could point.</summary>
    public KaldiArkWriter(OutputFile ark, string description)
    {
        _ark = ark;
        _arkPath = Description = description;
    }

    public int Rows { get; private set; }

    public string Description { get; }

    public void CheckName(string name) => KaldiName.Check(name);

    public void Write(ExtractionResult result)
    {
        KaldiName.Check(result.Name);
        byte[] name = Encoding.UTF8.GetBytes(result.Name + " ");
        ReadOnlySpan<byte> values = LittleEndian.Bytes(result.Embedding.Span);
        ReadOnlySpan<byte> mark = "\0BFV \u0004"u8;
        byte[] entry = new byte[name.Length + mark.Length + sizeof(int) + values.Length];
        name.CopyTo(entry, 0);
        mark.CopyTo(entry.AsSpan(name.Length));
        BinaryPrimitives.WriteInt32LittleEndian(entry.AsSpan(name.Length + mark.Length), result.Embedding.Length);
        values.CopyTo(entry.AsSpan(name.Length + mark.Length + sizeof(int)));

        _scp?.Write(Encoding.UTF8.GetBytes($"{result.Name} {_arkPath}:{_ark.Position + name.Length}\n"));
        _ark.Write(entry);
        // Only now is the row whole in both.
        _scp?.MarkWhole();
        _ark.MarkWhole();
        Rows++;
    }

    public void Complete()
    {
        _ark.Commit();
        _scp?.Commit();
    }

    public void Dispose()
    {
        _ark.Dispose();
        _scp?.Dispose();
    }
}
