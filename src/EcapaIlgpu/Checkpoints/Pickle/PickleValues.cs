namespace EcapaIlgpu.Checkpoints.Pickle;

/// <summary>
/// A Python dict or OrderedDict, insertion order kept. Entries whose key is not a string are dropped: state dicts have none,
/// and hashing numbers chosen by a stranger invites collisions.
/// </summary>
internal sealed class PickleDictionary
{
    // Created with the first entry: an empty dictionary costs one byte in a pickle and must not cost hundreds here.
    private OrderedDictionary<string, object?>? _entries;

    public IEnumerable<KeyValuePair<string, object?>> Entries => _entries ?? [];

    public object? this[string key] => _entries is not null && _entries.TryGetValue(key, out object? value) ? value : null;

    public void Set(object? key, object? value)
    {
        if (key is string name)
            (_entries ??= new(StringComparer.Ordinal))[name] = value;
    }
}

/// <summary>A Python list or set.</summary>
internal sealed class PickleList
{
    private List<object?>? _items;

    public IReadOnlyList<object?> Items => (IReadOnlyList<object?>?)_items ?? [];

    public void Add(object? item) => (_items ??= []).Add(item);
}

/// <summary>The name of a class or function that the allow-list knows; it is never looked up anywhere else.</summary>
internal sealed record PickleGlobal(PickleGlobalKind Kind, StorageType? Storage = null);

internal enum PickleGlobalKind
{
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Size,
    Device,
    DType,
    StorageType,
}

/// <summary>One of PyTorch's storage classes.</summary>
/// <param name="Name">Its class, <c>FloatStorage</c>.</param>
/// <param name="ElementSize">Bytes per element.</param>
/// <param name="Type">What it decodes to; null where such a tensor may lie in the file but cannot be a weight.</param>
internal sealed record StorageType(string Name, int ElementSize, TensorType? Type);

/// <summary>A storage as the pickle names it; its bytes lie elsewhere in the file.</summary>
/// <param name="Key">Which one.</param>
/// <param name="Type">Its class.</param>
/// <param name="Count">Elements of the whole storage.</param>
/// <param name="Start">First element of the view that tensors see (legacy files only; otherwise 0).</param>
/// <param name="Length">Elements of that view.</param>
internal sealed record PickleStorage(string Key, StorageType Type, long Count, long Start, long Length);

/// <summary>A strided view of a storage. Extents and strides are as in the file, not yet checked.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Shape, long[] Strides);
