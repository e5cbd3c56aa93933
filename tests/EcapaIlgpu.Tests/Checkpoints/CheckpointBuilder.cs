using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using EcapaIlgpu.Checkpoints;

namespace EcapaIlgpu.Tests.Checkpoints;

/// <summary>Writes checkpoints in every form that torch.save and safetensors have, and in forms they never had.</summary>
internal sealed class CheckpointBuilder
{
    private sealed record Storage(string Class, long Count, byte[] Bytes);

    private sealed record View(string Name, string Key, long Offset, long[] Shape, long[] Strides);

    private readonly OrderedDictionary<string, Storage> _storages = [];
    private readonly List<View> _views = [];

    /// <summary>Of the pickle: 2 is torch.save's, 4 its <c>pickle_protocol</c> option.</summary>
    public int Protocol { get; init; } = 2;

    /// <summary>The key under which the state dict lies; null for a bare one.</summary>
    public string? Wrapper { get; init; }

    public string Location { get; init; } = "cpu";

    public string StorageModule { get; init; } = "torch";

    /// <summary>Whether the tensors are Parameters.</summary>
    public bool Parameters { get; init; }

    /// <summary>Legacy only: tensors see their storage through a view that starts behind this many elements.</summary>
    public int LegacyViewStart { get; init; }

    public static byte[] Encode(TensorType type, params ReadOnlySpan<float> values)
    {
        using MemoryStream bytes = new();
        using BinaryWriter writer = new(bytes);
        foreach (float value in values)
        {
            switch (type)
            {
                case TensorType.Float32: writer.Write(value); break;
                case TensorType.Float64: writer.Write((double)value); break;
                case TensorType.Float16: writer.Write((Half)value); break;
                case TensorType.BFloat16: writer.Write((ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)); break;
                case TensorType.Int64: writer.Write((long)value); break;
                default: writer.Write((int)value); break;
            }
        }
        return bytes.ToArray();
    }

    public CheckpointBuilder AddStorage(string key, string type, long count, byte[] bytes)
    {
        _storages[key] = new Storage(type, count, bytes);
        return this;
    }

    public CheckpointBuilder AddView(string name, string key, long offset, long[] shape, long[] strides)
    {
        _views.Add(new View(name, key, offset, shape, strides));
        return this;
    }

    public CheckpointBuilder Add(string name, TensorType type, int[] shape, params float[] values)
    {
        string key = _storages.Count.ToString(System.Globalization.CultureInfo.InvariantCulture);
        string storage = type switch
        {
            TensorType.Float32 => "FloatStorage",
            TensorType.Float64 => "DoubleStorage",
            TensorType.Float16 => "HalfStorage",
            TensorType.BFloat16 => "BFloat16Storage",
            TensorType.Int64 => "LongStorage",
            _ => "IntStorage",
        };
        float[] stored = [.. new float[LegacyViewStart], .. values];
        AddStorage(key, storage, stored.Length, Encode(type, stored));
        long[] strides = new long[shape.Length];
        long stride = 1;
        for (int axis = shape.Length - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride *= shape[axis];
        }
        return AddView(name, key, 0, [.. shape.Select(e => (long)e)], strides);
    }

    public CheckpointBuilder Add(IEnumerable<NamedTensor> tensors)
    {
        foreach (NamedTensor tensor in tensors)
            Add(tensor.Name, tensor.Type, [.. tensor.Shape], tensor.Values.ToArray());
        return this;
    }

    public byte[] ToZip(
        string folder = "archive", CompressionLevel compression = CompressionLevel.NoCompression,
        params (string Name, byte[] Content)[] more) =>
        Zip([
            ($"{folder}/data.pkl", PickleObject(legacy: false)),
            .. _storages.Select(s => ($"{folder}/data/{s.Key}", s.Value.Bytes)),
            .. more.Select(m => ($"{folder}/{m.Name}", m.Content)),
            ($"{folder}/version", "3\n"u8.ToArray()),
        ], compression);

    public static byte[] Zip(
        IEnumerable<(string Name, byte[] Content)> entries, CompressionLevel compression = CompressionLevel.NoCompression)
    {
        using MemoryStream bytes = new();
        using (ZipArchive archive = new(bytes, ZipArchiveMode.Create))
        {
            foreach ((string name, byte[] content) in entries)
            {
                using Stream entry = archive.CreateEntry(name, compression).Open();
                entry.Write(content);
            }
        }
        return bytes.ToArray();
    }

    public byte[] ToLegacy()
    {
        using MemoryStream bytes = new();
        bytes.Write(LegacyHeader());
        bytes.Write(PickleObject(legacy: true));
        PickleWriter keys = new PickleWriter().Begin().EmptyList().Mark();
        foreach (string key in _storages.Keys)
            keys.Text(key);
        bytes.Write(keys.Appends().Stop().ToArray());
        Span<byte> count = stackalloc byte[8];
        foreach (Storage storage in _storages.Values)
        {
            BinaryPrimitives.WriteInt64LittleEndian(count, storage.Count);
            bytes.Write(count);
            bytes.Write(storage.Bytes);
        }
        return bytes.ToArray();
    }

    /// <summary>The three pickles in front of a legacy file's object.</summary>
    public static byte[] LegacyHeader(bool littleEndian = true) =>
    [
        .. new PickleWriter().Begin().Raw(0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19).Stop().ToArray(),
        .. new PickleWriter().Begin().Int(1001).Stop().ToArray(),
        .. new PickleWriter().Begin().EmptyDict().Mark().Text("protocol_version").Int(1001).Text("little_endian").Bool(littleEndian)
            .Text("type_sizes").EmptyDict().Mark().Text("short").Int(2).SetItems().SetItems().Stop().ToArray(),
    ];

    public static byte[] Safetensors(string header, params ReadOnlySpan<byte> body)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] file = new byte[8 + json.Length + body.Length];
        BinaryPrimitives.WriteInt64LittleEndian(file, json.Length);
        json.CopyTo(file.AsSpan(8));
        body.CopyTo(file.AsSpan(8 + json.Length));
        return file;
    }

    private byte[] PickleObject(bool legacy)
    {
        PickleWriter pickle = new PickleWriter(Protocol).Begin();
        if (Wrapper is not null)
            pickle.EmptyDict().Mark().Text("epoch").Int(7).Text(Wrapper);
        pickle.Global("collections", "OrderedDict").EmptyTuple().Reduce().Mark();
        foreach (View view in _views)
        {
            pickle.Text(view.Name);
            if (Parameters)
                pickle.Global("torch._utils", "_rebuild_parameter").Mark();
            WriteTensor(pickle, view, legacy);
            if (Parameters)
                pickle.Bool(true).Global("collections", "OrderedDict").EmptyTuple().Reduce().Tuple().Reduce();
        }
        pickle.SetItems();
        // The attribute that every state dict of PyTorch carries.
        pickle.EmptyDict().Mark().Text("_metadata").Global("collections", "OrderedDict").EmptyTuple().Reduce().SetItems().Build();
        if (Wrapper is not null)
            pickle.SetItems();
        return pickle.Stop().ToArray();
    }

    private void WriteTensor(PickleWriter pickle, View view, bool legacy)
    {
        Storage storage = _storages[view.Key];
        pickle.Global("torch._utils", "_rebuild_tensor_v2").Mark();
        pickle.Mark().Text("storage").Global(StorageModule, storage.Class).Text(view.Key).Text(Location).Int(storage.Count);
        if (legacy && LegacyViewStart > 0)
            pickle.Mark().Text("view").Int(LegacyViewStart).Int(storage.Count - LegacyViewStart).Tuple();
        else if (legacy)
            pickle.None();
        pickle.Tuple().PersistentId();
        pickle.Int(view.Offset).IntTuple(view.Shape).IntTuple(view.Strides).Bool(false);
        pickle.Global("collections", "OrderedDict").EmptyTuple().Reduce();
        pickle.Tuple().Reduce();
    }
}
