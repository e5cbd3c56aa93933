using System.Globalization;
using EcapaIlgpu.Checkpoints.Pickle;

namespace EcapaIlgpu.Checkpoints;

/// <summary>
/// Reads <c>torch.save</c>'s format before PyTorch 1.6: the pickles of a magic number, a protocol version, system information, the object
/// and the list of storage keys; then per key the number of elements (int64) and the elements.
/// </summary>
internal static class PyTorchLegacy
{
    private const long ProtocolVersion = 1001;
    private static readonly Int128 Magic = Int128.Parse("119547037146038801333356", CultureInfo.InvariantCulture);

    public static List<NamedTensor> Read(ReadOnlyMemory<byte> file, string source)
    {
        ByteReader reader = new(file, source);
        if (PickleMachine.Run(reader) is not Int128 magic || magic != Magic)
            throw reader.Error("is a pickle, but not one of torch.save.");
        if (PickleMachine.Run(reader) is not ProtocolVersion)
            throw reader.Error($"is of an unknown version of PyTorch's legacy format; {ProtocolVersion} was expected.");
        if (PickleMachine.Run(reader) is PickleDictionary system && system["little_endian"] is false)
            throw reader.Error("was saved on a big-endian machine; save it again on a little-endian one.");
        Dictionary<string, PickleStorage> declared = new(StringComparer.Ordinal);
        object? pickled = PickleMachine.Run(reader, declared);
        if (PickleMachine.Run(reader) is not PickleList keys)
            throw reader.Error("has no list of storage keys behind its object.");

        Dictionary<string, ReadOnlyMemory<byte>> storages = new(StringComparer.Ordinal);
        foreach (object? item in keys.Items)
        {
            if (item is not string key || !declared.TryGetValue(key, out PickleStorage? storage))
                throw reader.Error("lists a storage that its object does not use.");
            long count = reader.ReadInt64();
            if (count != storage.Count)
                throw reader.Error($"has {count} elements in the storage {Shown.Name(key)}, declared with {storage.Count}.");
            if (count > reader.Remaining / storage.Type.ElementSize)
            {
                throw reader.Error($"truncated or corrupt: storage {Shown.Name(key)} needs {count} elements of {storage.Type.ElementSize} bytes, "
                    + $"{reader.Remaining} bytes are left.");
            }
            storages[key] = reader.ReadMemory(count * storage.Type.ElementSize);
        }
        return [.. PyTorchStateDict.Read(pickled, source, file.Length, storage => storages.TryGetValue(storage.Key, out ReadOnlyMemory<byte> raw)
            ? raw
            : throw reader.Error($"refers to the storage {Shown.Name(storage.Key)}, which is not in the file."))];
    }
}
