using System.Buffers;
using System.Globalization;
using System.Text;

namespace EcapaIlgpu.Extraction.Writers;

/// <summary>
/// Comma-separated values with a header, <c>name,e0,e1,...</c>; names quoted as RFC 4180 says, lines ended by a line feed alone, as spreadsheets
/// and shells both read. Numbers have the fewest digits that read back as the same float32.
/// </summary>
internal sealed class CsvWriter : IEmbeddingWriter
{
    private static readonly SearchValues<char> NeedsQuotes = SearchValues.Create(",\"\r\n");
    private readonly OutputFile _file;
    private readonly StringBuilder _line = new();

    public CsvWriter(OutputFile file, string description, int embeddingSize)
    {
        _file = file;
        Description = description;
        _line.Append("name");
        for (int i = 0; i < embeddingSize; i++)
            _line.Append(CultureInfo.InvariantCulture, $",e{i}");
        WriteLine();
    }

    public int Rows { get; private set; }

    public string Description { get; }

    public void CheckName(string name)
    {
        // Quotes make room for every name.
    }

    public void Write(ExtractionResult result)
    {
        string name = result.Name;
        _line.Append(name.AsSpan().ContainsAny(NeedsQuotes) ? $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : name);
        foreach (float value in result.Embedding.Span)
            _line.Append(CultureInfo.InvariantCulture, $",{value}");
        WriteLine();
        Rows++;
    }

    public void Complete() => _file.Commit();

    public void Dispose() => _file.Dispose();

    private void WriteLine()
    {
        byte[] bytes = Encoding.UTF8.GetBytes(_line.Append('\n').ToString());
        _line.Clear();
        _file.Write(bytes);
        _file.MarkWhole();
    }
}
