using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EcapaIlgpu.Checkpoints;

/// <summary>Writes tensors as safetensors, which every library of the field opens without executing anything.</summary>
public static class SafetensorsWriter
{
    // As the reference implementation does, so that the tensors of a mapped file are aligned.
    private const int HeaderAlignment = 8;

    /// <summary>Writes a file, beside its place first and then moved there: an interrupted run leaves no half file under the name.</summary>
    /// <param name="path">The file, replaced if it exists.</param>
    /// <param name="tensors">Written in this order.</param>
    /// <param name="type">Float32, Float16 or BFloat16; the narrower two round to nearest.</param>
    /// <param name="metadata">Goes under <c>__metadata__</c>, in order of its keys.</param>
    /// <exception cref="InputException">The file cannot be written, or a number is beyond the range of <paramref name="type"/>.</exception>
    public static void Write(
        string path, IReadOnlyList<NamedTensor> tensors, TensorType type = TensorType.Float32, IReadOnlyDictionary<string, string>? metadata = null)
    {
        string? beside = null;
        try
        {
            string full = Path.GetFullPath(path);
            beside = Path.Combine(Path.GetDirectoryName(full)!, $".{Path.GetFileName(full)}.{Path.GetRandomFileName()}");
            using (FileStream file = new(beside, FileMode.CreateNew, FileAccess.Write))
                Write(file, path, tensors, type, metadata);
            File.Move(beside, full, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new InputException(path, $"cannot be written: {e.Message}", e);
        }
        finally
        {
            // Gone already where all went well.
            if (beside is not null && File.Exists(beside))
                File.Delete(beside);
        }
    }

    /// <summary>Writes to a stream.</summary>
    /// <param name="stream">Left open.</param>
    /// <param name="name">Names the stream in messages.</param>
    /// <param name="tensors">Written in this order.</param>
    /// <param name="type">Float32, Float16 or BFloat16.</param>
    /// <param name="metadata">Goes under <c>__metadata__</c>, in order of its keys.</param>
    /// <exception cref="InputException">A number is beyond the range of <paramref name="type"/>.</exception>
    public static void Write(
        Stream stream, string name, IReadOnlyList<NamedTensor> tensors, TensorType type = TensorType.Float32,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        if (type is not (TensorType.Float32 or TensorType.Float16 or TensorType.BFloat16))
            throw new ArgumentOutOfRangeException(nameof(type), type, "float32, float16 and bfloat16 are written.");
        ReadOnlySpan<byte> header = Header(tensors, type, metadata);
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (NamedTensor tensor in tensors)
        {
            byte[] raw = new byte[tensor.Values.Length * TensorEncoding.ElementSize(type)];
            TensorEncoding.Encode(tensor.Values.Span, type, raw);
            if (!HoldsFinite(raw, type))
                throw new InputException(name, $"tensor {tensor.Name} holds numbers beyond the range of {SafetensorsReader.NameOf(type)}; write a wider type.");
            stream.Write(raw);
        }
    }

    private static ReadOnlySpan<byte> Header(IReadOnlyList<NamedTensor> tensors, TensorType type, IReadOnlyDictionary<string, string>? metadata)
    {
        ArrayBufferWriter<byte> buffer = new();
        // Names are for people too: no \u0027 where a quote will do.
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(SafetensorsReader.MetadataKey);
                foreach ((string key, string value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
                    json.WriteString(key, value);
                json.WriteEndObject();
            }
            long offset = 0;
            foreach (NamedTensor tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", SafetensorsReader.NameOf(type));
                WriteNumbers(json, "shape", tensor.Shape.Select(e => (long)e));
                long end = offset + ((long)tensor.Values.Length * TensorEncoding.ElementSize(type));
                WriteNumbers(json, "data_offsets", [offset, end]);
                offset = end;
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        int padding = (HeaderAlignment - (buffer.WrittenCount % HeaderAlignment)) % HeaderAlignment;
        buffer.GetSpan(padding)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        return buffer.WrittenSpan;
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    private static bool HoldsFinite(ReadOnlySpan<byte> raw, TensorType type)
    {
        float[] written = new float[raw.Length / TensorEncoding.ElementSize(type)];
        TensorEncoding.Decode(raw, type, written);
        return TensorEncoding.IsFinite(written);
    }
}
