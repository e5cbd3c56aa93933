namespace EcapaIlgpu.Checkpoints;

/// <summary>How a tensor's numbers are stored in its checkpoint.</summary>
public enum TensorType
{
    /// <summary>IEEE 754 binary32.</summary>
    Float32,

    /// <summary>IEEE 754 binary64.</summary>
    Float64,

    /// <summary>IEEE 754 binary16.</summary>
    Float16,

    /// <summary>The upper half of a binary32.</summary>
    BFloat16,

    /// <summary>Signed 64-bit integer.</summary>
    Int64,

    /// <summary>Signed 32-bit integer.</summary>
    Int32,
}

/// <summary>One tensor of a checkpoint: its name and its numbers, row-major (last axis fastest).</summary>
/// <param name="Name">The key in the checkpoint, <c>layer1.conv.weight</c> say.</param>
/// <param name="Shape">Extents; empty for a scalar.</param>
/// <param name="Type">How it was stored.</param>
/// <param name="Values">The numbers as float32; <c>product(Shape)</c> of them. Exact for every type but float64 and large integers.</param>
public sealed record NamedTensor(string Name, IReadOnlyList<int> Shape, TensorType Type, ReadOnlyMemory<float> Values)
{
    /// <summary>The shape as people write it, <c>[512, 80, 5]</c>.</summary>
    public string ShapeText => FormatShape(Shape);

    internal static string FormatShape(IEnumerable<int> shape) => $"[{string.Join(", ", shape)}]";
}
