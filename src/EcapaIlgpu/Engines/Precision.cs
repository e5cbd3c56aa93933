namespace EcapaIlgpu.Engines;

/// <summary>
/// With how many bits an engine stores activations and weights of convolutions, and multiplies them. Sums, statistics, softmax, pooling,
/// gates and the embedding layer are float32 in every mode, and so are the embeddings.
/// </summary>
public enum Precision
{
    /// <summary>float32 throughout: <c>fp32</c>.</summary>
    Fp32,

    /// <summary>
    /// float32 stored; each operand of a product split into two of TF32, three products of which are summed: <c>3xtf32</c>. As exact as
    /// float32.
    /// </summary>
    Tf32x3,

    /// <summary>TF32 stored, in 32 bits, and multiplied: 11 significant bits and float32's range: <c>tf32</c>.</summary>
    Tf32,

    /// <summary>bfloat16 stored and multiplied, 8 significant bits and float32's range: <c>bf16</c>.</summary>
    Bf16,

    /// <summary>IEEE 754 half precision stored and multiplied, 11 significant bits, magnitudes up to 65504: <c>fp16</c>.</summary>
    Fp16,
}

/// <summary>The names of precisions, as <c>--precision</c> takes them.</summary>
public static class PrecisionNames
{
    /// <summary>What <c>--precision</c> takes, for usage texts.</summary>
    public const string Syntax = $"{Auto}|fp32|3xtf32|tf32|bf16|fp16";

    /// <summary>The name that leaves the choice to the device.</summary>
    public const string Auto = "auto";

    /// <summary>The name of a precision: <c>3xtf32</c>, say.</summary>
    public static string Name(this Precision precision) => precision switch
    {
        Precision.Fp32 => "fp32",
        Precision.Tf32x3 => "3xtf32",
        Precision.Tf32 => "tf32",
        Precision.Bf16 => "bf16",
        Precision.Fp16 => "fp16",
        _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, null),
    };

    /// <summary>The precision of a name.</summary>
    /// <param name="name">One of <see cref="Syntax"/>.</param>
    /// <param name="precision">The precision; null for <see cref="Auto"/>.</param>
    /// <returns>Whether there is one of this name.</returns>
    public static bool TryParse(string name, out Precision? precision)
    {
        precision = null;
        foreach (Precision candidate in Enum.GetValues<Precision>())
        {
            if (candidate.Name() == name)
                precision = candidate;
        }
        return precision is not null || name == Auto;
    }
}
