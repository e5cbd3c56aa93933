using System.Buffers;
using System.Globalization;
using System.Text;

namespace EcapaIlgpu.Extraction.Writers;

/// <summary>
/// Comma-separated values with a header, <c>name,e0,e1,...</c>; names quoted as RFC 4180 says, lines ended by a line feed alone, as
/// spreadsheets and shells both read. Numbers have the fewest digits that read back as the same float32.
/// </summary>
internal sealed class CsvFormat(string description, IReadOnlyList<string> paths, int embeddingSize) : RowFormat(description, paths)
{
    private static readonly SearchValues<char> NeedsQuotes = SearchValues.Create(",\"\r\n");
    private readonly StringBuilder _line = new();

    public override byte[] Header(int rows)
    {
        IEnumerable<string> columns = Enumerable.Range(0, embeddingSize).Select(i => string.Create(CultureInfo.InvariantCulture, $",e{i}"));
        return Encoding.UTF8.GetBytes($"name{string.Concat(columns)}\n");
    }

    public override void CheckName(string name)
    {
        // Quotes make room for every name.
    }

    public override void EncodeRow(ExtractionResult result, IBufferWriter<byte> row)
    {
        string name = result.Name;
        _line.Clear();
        _line.Append(name.AsSpan().ContainsAny(NeedsQuotes) ? $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : name);
        foreach (float value in result.Embedding.Span)
            _line.Append(CultureInfo.InvariantCulture, $",{value}");
        Encoding.UTF8.GetBytes(_line.Append('\n').ToString(), row);
    }
}
