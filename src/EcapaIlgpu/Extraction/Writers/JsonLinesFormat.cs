using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EcapaIlgpu.Extraction.Writers;

/// <summary>
/// One JSON object per line: <c>{"name": ..., "path": ..., "seconds": ..., "embedding": [...]}</c>, UTF-8. Numbers have the fewest digits
/// that read back as the same float32.
/// </summary>
internal sealed class JsonLinesFormat(string description, IReadOnlyList<string> paths) : RowFormat(description, paths)
{
    public override void CheckName(string name)
    {
        // Every name can be a JSON string.
    }

    public override void EncodeRow(ExtractionResult result, IBufferWriter<byte> row)
    {
        // Names are read by people: only what JSON requires is escaped.
        using (Utf8JsonWriter json = new(row, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("name"u8, result.Name);
            json.WriteString("path"u8, result.Input.Path);
            json.WriteNumber("seconds"u8, Math.Round(result.Duration.TotalSeconds, 6));
            json.WriteStartArray("embedding"u8);
            foreach (float value in result.Embedding.Span)
                json.WriteNumberValue(value);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        row.Write("\n"u8);
    }
}
