using System.Collections.Frozen;
using System.Text.Json;

namespace EcapaIlgpu.Checkpoints;

/// <summary>
/// Reads safetensors: the length of a JSON header (uint64), the header, then the tensors end to end. As the format demands, the offsets
/// have to cover the rest of the file without a hole or an overlap.
/// </summary>
internal static class SafetensorsReader
{
    /// <summary>The one key of the header that is not a tensor.</summary>
    public const string MetadataKey = "__metadata__";

    private const int MaxRank = 64;

    private static readonly FrozenDictionary<string, TensorType> Types = new Dictionary<string, TensorType>
    {
        ["F32"] = TensorType.Float32,
        ["F16"] = TensorType.Float16,
        ["BF16"] = TensorType.BFloat16,
        ["F64"] = TensorType.Float64,
        ["I64"] = TensorType.Int64,
        ["I32"] = TensorType.Int32,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private sealed record Entry(string Name, string Type, int[] Shape, long Begin, long End);

    public static string NameOf(TensorType type) => Types.First(t => t.Value == type).Key;

    public static List<NamedTensor> Read(ReadOnlyMemory<byte> file, string source, Dictionary<string, string> metadata)
    {
        ByteReader reader = new(file, source);
        List<Entry> entries;
        try
        {
            entries = ReadHeader(reader.Read(reader.ReadInt64()), reader, metadata);
        }
        // GetString throws InvalidOperationException on text that is not UTF-8, and on a value of another kind.
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new InputException(source, $"the safetensors header is damaged: {e.Message}", e);
        }
        ReadOnlyMemory<byte> body = reader.ReadMemory(reader.Remaining);
        CheckLayout(entries, body.Length, reader);
        return entries.ConvertAll(entry => Decode(entry, body.Slice((int)entry.Begin, (int)(entry.End - entry.Begin)).Span, reader));
    }

    private static List<Entry> ReadHeader(ReadOnlySpan<byte> json, ByteReader reader, Dictionary<string, string> metadata)
    {
        Utf8JsonReader header = new(json);
        List<Entry> entries = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        Expect(ref header, JsonTokenType.StartObject);
        while (NextProperty(ref header) is { } name)
        {
            if (!names.Add(name))
                throw reader.Error($"the safetensors header names {Shown.Name(name)} twice.");
            Expect(ref header, JsonTokenType.StartObject);
            if (name == MetadataKey)
            {
                while (NextProperty(ref header) is { } key)
                {
                    Expect(ref header, JsonTokenType.String);
                    metadata[key] = header.GetString()!;
                }
            }
            else
            {
                entries.Add(ReadEntry(ref header, name, reader));
            }
        }
        if (header.Read())
            throw reader.Error("the safetensors header goes on behind its end.");
        return entries;
    }

    private static Entry ReadEntry(ref Utf8JsonReader header, string name, ByteReader reader)
    {
        string? type = null;
        List<long>? shape = null, offsets = null;
        while (NextProperty(ref header) is { } property)
        {
            switch (property)
            {
                case "dtype":
                    Expect(ref header, JsonTokenType.String);
                    type = header.GetString();
                    break;
                case "shape":
                    shape = ReadNumbers(ref header);
                    break;
                case "data_offsets":
                    offsets = ReadNumbers(ref header);
                    break;
                default:
                    header.Read();
                    header.Skip();
                    break;
            }
        }
        if (type is null || shape is null || shape.Count > MaxRank || shape.Exists(e => e is < 0 or > int.MaxValue) || offsets is not [var begin, var end])
            throw reader.Error($"the safetensors header of tensor {Shown.Name(name)} lacks a proper dtype, shape or data_offsets.");
        return new Entry(name, type, [.. shape.Select(e => (int)e)], begin, end);
    }

    private static string? NextProperty(ref Utf8JsonReader header) =>
        header.Read() && header.TokenType == JsonTokenType.PropertyName ? header.GetString()
        : header.TokenType == JsonTokenType.EndObject ? null
        : throw new JsonException($"a name or the end of an object was expected at byte {header.TokenStartIndex}.");

    private static List<long> ReadNumbers(ref Utf8JsonReader header)
    {
        List<long> numbers = [];
        Expect(ref header, JsonTokenType.StartArray);
        while (header.Read() && header.TokenType == JsonTokenType.Number)
            numbers.Add(header.GetInt64());
        return header.TokenType == JsonTokenType.EndArray
            ? numbers
            : throw new JsonException($"whole numbers were expected at byte {header.TokenStartIndex}.");
    }

    private static void Expect(ref Utf8JsonReader header, JsonTokenType token)
    {
        if (!header.Read() || header.TokenType != token)
            throw new JsonException($"{token} was expected at byte {header.TokenStartIndex}.");
    }

    private static void CheckLayout(List<Entry> entries, int bodyLength, ByteReader reader)
    {
        long covered = 0;
        string before = "the header";
        foreach (Entry entry in entries.OrderBy(e => e.Begin).ThenBy(e => e.End))
        {
            string name = Shown.Name(entry.Name);
            if (entry.Begin < 0 || entry.End < entry.Begin || entry.End > bodyLength)
            {
                throw reader.Error($"truncated or corrupt: tensor {name} lies at bytes {entry.Begin} to {entry.End} of the tensor data, "
                    + $"which has {bodyLength} bytes.");
            }
            if (entry.Begin < covered)
                throw reader.Error($"tensor {name} at byte {entry.Begin} overlaps {before}, which ends at byte {covered}.");
            if (entry.Begin > covered)
                throw reader.Error($"there is a hole of {entry.Begin - covered} bytes between {before} and tensor {name}.");
            covered = entry.End;
            before = "tensor " + name;
        }
        if (covered != bodyLength)
            throw reader.Error($"{bodyLength - covered} bytes behind {before} belong to no tensor; the file is corrupt.");
    }

    private static NamedTensor Decode(Entry entry, ReadOnlySpan<byte> raw, ByteReader reader)
    {
        if (!Types.TryGetValue(entry.Type, out TensorType type))
        {
            throw reader.Error($"tensor {Shown.Name(entry.Name)} is stored as {Shown.Name(entry.Type)}; "
                + $"{string.Join(", ", Types.Keys.Order(StringComparer.Ordinal))} can be read.");
        }
        Int128 bytes = TensorEncoding.ElementSize(type);
        foreach (int extent in entry.Shape)
        {
            bytes *= extent;
            if (bytes > raw.Length)
                break;
        }
        if (bytes != raw.Length)
        {
            throw reader.Error($"tensor {Shown.Name(entry.Name)} of shape {NamedTensor.FormatShape(entry.Shape)} and type {entry.Type} "
                + $"does not have the {raw.Length} bytes that its offsets give it.");
        }
        float[] values = new float[raw.Length / TensorEncoding.ElementSize(type)];
        TensorEncoding.Decode(raw, type, values);
        return new NamedTensor(entry.Name, entry.Shape, type, values);
    }
}
