using EcapaIlgpu.Checkpoints.Pickle;

namespace EcapaIlgpu.Checkpoints;

/// <summary>Finds the state dict in what a pickle built, and turns its strided views of storages into tensors.</summary>
internal sealed class PyTorchStateDict
{
    // {"state_dict": {"model": ...}} exists in the wild; deeper nesting does not.
    private const int MaxWrappers = 4;

    private readonly string _source;
    private readonly Func<PickleStorage, ReadOnlyMemory<byte>> _storageBytes;
    private readonly Dictionary<string, float[]> _storages = new(StringComparer.Ordinal);
    private long _copiesLeft;

    private PyTorchStateDict(string source, int fileLength, Func<PickleStorage, ReadOnlyMemory<byte>> storageBytes)
    {
        _source = source;
        _storageBytes = storageBytes;
        // Views that are not contiguous are copied; a checkpoint of real weights hardly has any, so a file's worth of them is ample.
        _copiesLeft = fileLength;
    }

    /// <summary>The tensors of the state dict, in the file's order.</summary>
    /// <param name="pickled">What the pickle built.</param>
    /// <param name="source">For messages.</param>
    /// <param name="fileLength">Bounds the memory that copies of views may take.</param>
    /// <param name="storageBytes">The bytes of a whole storage, <see cref="PickleStorage.Count"/> elements of them.</param>
    public static IEnumerable<NamedTensor> Read(
        object? pickled, string source, int fileLength, Func<PickleStorage, ReadOnlyMemory<byte>> storageBytes)
    {
        PyTorchStateDict reader = new(source, fileLength, storageBytes);
        PickleDictionary stateDict = Unwrap(pickled, source);
        bool any = false;
        foreach ((string name, object? value) in stateDict.Entries)
        {
            if (value is not PickleTensor tensor)
                continue;
            any = true;
            yield return reader.Materialise(name, tensor);
        }
        if (!any)
        {
            throw new InputException(source, "holds no tensors where a state dict was expected; its keys are "
                + $"[{Shown.Names([.. stateDict.Entries.Select(e => e.Key)])}].");
        }
    }

    private static PickleDictionary Unwrap(object? pickled, string source)
    {
        PickleDictionary dictionary = pickled as PickleDictionary ?? throw new InputException(
            source, "holds something other than a dictionary of tensors; save model.state_dict().");
        for (int i = 0; i < MaxWrappers; i++)
        {
            if ((dictionary["state_dict"] ?? dictionary["model"]) is not PickleDictionary inner)
                break;
            dictionary = inner;
        }
        return dictionary;
    }

    private NamedTensor Materialise(string name, PickleTensor tensor)
    {
        if (tensor.Storage.Type.Type is not { } type)
        {
            throw new InputException(
                _source, $"tensor {Shown.Name(name)} is stored as {tensor.Storage.Type.Name}; weights are floating-point numbers or integers of 32 or 64 bits.");
        }
        (int[] shape, int elements, bool contiguous) = Check(name, tensor);
        ReadOnlyMemory<float> storage = Storage(tensor.Storage).AsMemory((int)tensor.Storage.Start, (int)tensor.Storage.Length);
        if (elements == 0)
            return new NamedTensor(name, shape, type, default);
        if (contiguous)
            return new NamedTensor(name, shape, type, storage.Slice((int)tensor.Offset, elements));
        _copiesLeft -= (long)elements * sizeof(float);
        if (_copiesLeft < 0)
            throw new InputException(_source, "has so many strided views of the same numbers that they would not fit into a small multiple of its size.");
        return new NamedTensor(name, shape, type, Gather(storage.Span[(int)tensor.Offset..], shape, tensor.Strides, elements));
    }

    /// <summary>Checks that every element lies in the storage and that there are no more of them than it holds.</summary>
    private (int[] Shape, int Elements, bool Contiguous) Check(string name, PickleTensor tensor)
    {
        InputException Wrong() => new(_source, $"tensor {Shown.Name(name)} of shape [{string.Join(", ", tensor.Shape)}], strides "
            + $"[{string.Join(", ", tensor.Strides)}] and offset {tensor.Offset} does not lie within its storage of {tensor.Storage.Length} elements.");

        if (tensor.Shape.Length != tensor.Strides.Length || tensor.Offset < 0)
            throw Wrong();
        int[] shape = new int[tensor.Shape.Length];
        Int128 elements = 1, last = tensor.Offset;
        bool contiguous = true;
        for (int axis = shape.Length - 1; axis >= 0; axis--)
        {
            long extent = tensor.Shape[axis], stride = tensor.Strides[axis];
            if (extent is < 0 or > int.MaxValue || stride < 0)
                throw Wrong();
            shape[axis] = (int)extent;
            contiguous &= extent == 1 || stride == elements;
            last += (Int128)Math.Max(extent - 1, 0) * stride;
            elements *= extent;
            // Checked on every axis, so that the products above stay far below overflow. An axis of extent 0 may still follow;
            // a tensor with both is of no use to anybody.
            if (elements > tensor.Storage.Length)
                throw Wrong();
        }
        if (elements > 0 && last >= tensor.Storage.Length)
            throw Wrong();
        return (shape, (int)elements, contiguous);
    }

    private static float[] Gather(ReadOnlySpan<float> storage, int[] shape, long[] strides, int elements)
    {
        float[] values = new float[elements];
        int[] index = new int[shape.Length];
        long at = 0;
        for (int i = 0; i < elements; i++)
        {
            values[i] = storage[(int)at];
            // Counts up the index, last axis fastest; the position follows without a product per element.
            for (int axis = shape.Length - 1; axis >= 0; axis--)
            {
                at += strides[axis];
                if (++index[axis] < shape[axis])
                    break;
                at -= strides[axis] * shape[axis];
                index[axis] = 0;
            }
        }
        return values;
    }

    private float[] Storage(PickleStorage storage)
    {
        if (_storages.TryGetValue(storage.Key, out float[]? values))
            return values;
        ReadOnlyMemory<byte> raw = _storageBytes(storage);
        values = new float[storage.Count];
        TensorEncoding.Decode(raw.Span, storage.Type.Type!.Value, values);
        _storages.Add(storage.Key, values);
        return values;
    }
}
