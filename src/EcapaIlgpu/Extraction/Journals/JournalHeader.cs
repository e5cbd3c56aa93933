using System.Buffers;
using System.Text.Json;
using EcapaIlgpu.Extraction.Shards;
using EcapaIlgpu.Extraction.Writers;

namespace EcapaIlgpu.Extraction.Journals;

/// <summary>The first line of a journal, a JSON object: whose rows they are.</summary>
/// <param name="Run">The run.</param>
/// <param name="ShardInputs">The inputs of its shard; null for a run of the whole list.</param>
internal sealed record JournalHeader(RunIdentity Run, OrdinalSet? ShardInputs)
{
    private const int Version = 1;

    /// <summary>Far beyond any model's; a header of a table is as long as this says.</summary>
    private const int MaxEmbeddingSize = 1 << 20;

    /// <summary>The inputs that the run embeds.</summary>
    public OrdinalSet Inputs => ShardInputs ?? OrdinalSet.All(Run.Inputs);

    /// <summary>Writes the line and its end.</summary>
    public void WriteTo(IBufferWriter<byte> line)
    {
        using (Utf8JsonWriter json = new(line))
        {
            json.WriteStartObject();
            json.WriteNumber("ecapa_journal", Version);
            json.WriteString("format", RunIdentity.NameOf(Run.Format));
            json.WriteNumber("embedding_size", Run.EmbeddingSize);
            json.WriteString("model", Run.Model);
            json.WriteStartObject("options");
            foreach ((string option, string value) in Run.Options)
                json.WriteString(option, value);
            json.WriteEndObject();
            json.WriteNumber("inputs", Run.Inputs);
            json.WriteString("list", Run.List);
            if (Run.Shard is { } shard)
            {
                json.WriteString("shard", shard.ToString());
                json.WriteString("shard_inputs", ShardInputs!.ToBase64());
            }
            json.WriteEndObject();
        }
        line.Write("\n"u8);
    }

    /// <summary>Reads what <see cref="WriteTo"/> wrote, without the line's end; null where it is something else.</summary>
    public static JournalHeader? TryRead(ReadOnlyMemory<byte> line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement json = document.RootElement;
            if (json.GetProperty("ecapa_journal").GetInt32() != Version
                || !EmbeddingWriter.Names.TryGetValue(Text(json, "format"), out EmbeddingFormat format))
            {
                return null;
            }
            int inputs = json.GetProperty("inputs").GetInt32();
            Shard? shard = null;
            OrdinalSet? shardInputs = null;
            if (json.TryGetProperty("shard", out JsonElement part))
            {
                if (!Shard.TryParse(part.GetString(), out Shard parsed))
                    return null;
                shard = parsed;
                if ((shardInputs = OrdinalSet.FromBase64(Text(json, "shard_inputs"), inputs)) is null)
                    return null;
            }
            KeyValuePair<string, string>[] options =
                [.. json.GetProperty("options").EnumerateObject().Select(o => KeyValuePair.Create(o.Name, o.Value.GetString() ?? ""))];
            RunIdentity run = new(
                format, json.GetProperty("embedding_size").GetInt32(), Text(json, "model"), options, inputs, Text(json, "list"), shard);
            JournalHeader header = new(run, shardInputs);
            return inputs >= 0 && run.EmbeddingSize is > 0 and <= MaxEmbeddingSize && header.IsWrittenAs(line.Span) ? header : null;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Whether a line is what <see cref="WriteTo"/> writes: what reads alike but is written otherwise is damage.</summary>
    private bool IsWrittenAs(ReadOnlySpan<byte> line)
    {
        ArrayBufferWriter<byte> written = new();
        WriteTo(written);
        return written.WrittenSpan[..^1].SequenceEqual(line);
    }

    private static string Text(JsonElement json, string property) => json.GetProperty(property).GetString() ?? "";
}
