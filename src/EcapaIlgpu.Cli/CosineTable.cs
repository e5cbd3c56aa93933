using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Scoring;

namespace EcapaIlgpu.Cli;

/// <summary>The cosines of all files with all: numbered rows and columns for people, one JSON object for programs.</summary>
internal static class CosineTable
{
    public static void Print(CliConsole console, IReadOnlyList<ExtractionResult> results, bool json)
    {
        int count = results.Count, size = results[0].Embedding.Length;
        float[] embeddings = new float[count * size];
        for (int i = 0; i < count; i++)
            results[i].Embedding.CopyTo(embeddings.AsMemory(i * size));
        float[] cosines = CosineMatrix.Compute(embeddings, embeddings, size);
        if (json)
            PrintJson(console.Text, results, cosines);
        else
            PrintAligned(console, results, cosines);
    }

    private static void PrintJson(TextWriter writer, IReadOnlyList<ExtractionResult> results, float[] cosines)
    {
        ArrayBufferWriter<byte> line = new();
        using (Utf8JsonWriter json = new(line, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteStartArray("names");
            foreach (ExtractionResult result in results)
                json.WriteStringValue(result.Name);
            json.WriteEndArray();
            json.WriteStartArray("cosines");
            foreach (float[] row in cosines.Chunk(results.Count))
            {
                json.WriteStartArray();
                foreach (float cosine in row)
                    json.WriteNumberValue(cosine);
                json.WriteEndArray();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        writer.WriteLine(Encoding.UTF8.GetString(line.WrittenSpan));
    }

    private static void PrintAligned(CliConsole console, IReadOnlyList<ExtractionResult> results, float[] cosines)
    {
        int count = results.Count;
        int label = results.Max(r => r.Name.Length), number = count.ToString(CultureInfo.InvariantCulture).Length;
        string indent = new(' ', number + 2 + label);
        console.WriteText(
            indent, string.Concat(Enumerable.Range(1, count).Select(i => i.ToString(CultureInfo.InvariantCulture).PadLeft(7))));
        for (int i = 0; i < count; i++)
        {
            string row = string.Concat(
                cosines.AsSpan(i * count, count).ToArray().Select(c => c.ToString("0.00", CultureInfo.InvariantCulture).PadLeft(7)));
            console.WriteText($"{(i + 1).ToString(CultureInfo.InvariantCulture).PadLeft(number)}  {results[i].Name.PadRight(label)}", row);
        }
    }
}
