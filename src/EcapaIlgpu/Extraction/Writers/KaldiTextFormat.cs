using System.Buffers;
using System.Globalization;
using System.Text;

namespace EcapaIlgpu.Extraction.Writers;

/// <summary>
/// Kaldi's text archive, <c>name  [ 0.1 0.2 ... ]</c> per line: the text form that says which file a vector belongs to. (wespeaker's
/// <c>--task embedding</c> writes one number per line, which has room for one file only.) Numbers have the fewest digits that read back as
/// the same float32.
/// </summary>
internal sealed class KaldiTextFormat(string description, IReadOnlyList<string> paths) : RowFormat(description, paths)
{
    private readonly StringBuilder _line = new();

    public override void CheckName(string name) => KaldiName.Check(name);

    public override void EncodeRow(ExtractionResult result, IBufferWriter<byte> row)
    {
        KaldiName.Check(result.Name);
        _line.Clear().Append(result.Name).Append("  [");
        foreach (float value in result.Embedding.Span)
            _line.Append(CultureInfo.InvariantCulture, $" {value}");
        Encoding.UTF8.GetBytes(_line.Append(" ]\n").ToString(), row);
    }
}
