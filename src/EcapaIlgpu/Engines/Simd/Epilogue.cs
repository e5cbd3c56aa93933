namespace EcapaIlgpu.Engines.Simd;

/// <summary>
/// What happens to the sums of a product on their way to memory: <c>y = scale * relu(sum + start) + shift</c>, each part optional; scale
/// and shift are the weights' own. Per element and in one order, so the result does not depend on the tile it was part of.
/// </summary>
internal readonly struct Epilogue
{
    /// <summary>Adds what the output already holds instead of the bias: for products summed over several inputs.</summary>
    public bool Accumulate { get; init; }

    /// <summary>Cuts off negative numbers.</summary>
    public bool Relu { get; init; }
}
