using System.Collections.Frozen;

namespace EcapaIlgpu.Checkpoints.Pickle;

/// <summary>The allow-list: everything a state dict of PyTorch needs, and nothing that does anything.</summary>
internal static class PickleGlobals
{
    private static readonly FrozenDictionary<string, PickleGlobal> Allowed = Build().ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The global of that name, or null where the pickle has to be refused.</summary>
    public static PickleGlobal? Find(string module, string name) => Allowed.GetValueOrDefault($"{module}.{name}");

    private static IEnumerable<KeyValuePair<string, PickleGlobal>> Build()
    {
        yield return new("collections.OrderedDict", new(PickleGlobalKind.OrderedDict));
        yield return new("torch._utils._rebuild_tensor", new(PickleGlobalKind.RebuildTensor));
        yield return new("torch._utils._rebuild_tensor_v2", new(PickleGlobalKind.RebuildTensor));
        yield return new("torch._utils._rebuild_parameter", new(PickleGlobalKind.RebuildParameter));
        yield return new("torch.Size", new(PickleGlobalKind.Size));
        yield return new("torch.device", new(PickleGlobalKind.Device));
        foreach (string type in (string[])["float16", "bfloat16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "bool"])
            yield return new($"torch.{type}", new(PickleGlobalKind.DType));
        StorageType[] storages =
        [
            new("FloatStorage", 4, TensorType.Float32), new("DoubleStorage", 8, TensorType.Float64), new("HalfStorage", 2, TensorType.Float16),
            new("BFloat16Storage", 2, TensorType.BFloat16), new("LongStorage", 8, TensorType.Int64), new("IntStorage", 4, TensorType.Int32),
            new("ShortStorage", 2, null), new("CharStorage", 1, null), new("ByteStorage", 1, null), new("BoolStorage", 1, null),
        ];
        foreach (StorageType storage in storages)
        {
            yield return new($"torch.{storage.Name}", new(PickleGlobalKind.StorageType, storage));
            yield return new($"torch.cuda.{storage.Name}", new(PickleGlobalKind.StorageType, storage));
        }
    }
}
