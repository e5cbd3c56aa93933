using ILGPU.Algorithms;

namespace EcapaIlgpu.Kernels;

/// <summary>
/// Four neighbouring channels: the unit in which kernels read and write, one 16-byte access. All rows are a whole number of them; channel
/// counts that are no multiple of four are padded with zeros where the weights are uploaded.
/// </summary>
/// <param name="x">The first channel.</param>
/// <param name="y">The second channel.</param>
/// <param name="z">The third channel.</param>
/// <param name="w">The fourth channel.</param>
public struct Float4(float x, float y, float z, float w) : IQuad<Float4>
{
    /// <summary>The first channel.</summary>
    public float X = x;

    /// <summary>The second channel.</summary>
    public float Y = y;

    /// <summary>The third channel.</summary>
    public float Z = z;

    /// <summary>The fourth channel.</summary>
    public float W = w;

    /// <summary>Channels of one access.</summary>
    public const int Channels = 4;

    /// <inheritdoc/>
    public static Float4 Widen(Float4 stored) => stored;

    /// <inheritdoc/>
    public static Float4 Narrow(Float4 value) => value;

    /// <summary>Sums.</summary>
    public static Float4 operator +(Float4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    /// <summary>Differences.</summary>
    public static Float4 operator -(Float4 a, Float4 b) => new(a.X - b.X, a.Y - b.Y, a.Z - b.Z, a.W - b.W);

    /// <summary>Products, channel by channel.</summary>
    public static Float4 operator *(Float4 a, Float4 b) => new(a.X * b.X, a.Y * b.Y, a.Z * b.Z, a.W * b.W);

    /// <summary>Multiples.</summary>
    public static Float4 operator *(Float4 a, float factor) => new(a.X * factor, a.Y * factor, a.Z * factor, a.W * factor);

    /// <summary><c>a * b + c</c>, channel by channel, rounded once.</summary>
    public static Float4 MultiplyAdd(Float4 a, Float4 b, Float4 c) =>
        new((a.X * b.X) + c.X, (a.Y * b.Y) + c.Y, (a.Z * b.Z) + c.Z, (a.W * b.W) + c.W);

    /// <summary><c>a * factor + c</c>, rounded once.</summary>
    public static Float4 MultiplyAdd(Float4 a, float factor, Float4 c) =>
        new((a.X * factor) + c.X, (a.Y * factor) + c.Y, (a.Z * factor) + c.Z, (a.W * factor) + c.W);

    /// <summary><c>max(a, 0)</c>.</summary>
    public static Float4 Relu(Float4 a) => new(Relu(a.X), Relu(a.Y), Relu(a.Z), Relu(a.W));

    /// <summary><c>1 / (1 + exp(-a))</c>.</summary>
    public static Float4 Sigmoid(Float4 a) => new(Sigmoid(a.X), Sigmoid(a.Y), Sigmoid(a.Z), Sigmoid(a.W));

    /// <summary>
    /// <c>tanh(a)</c> from one exponential, with an absolute error of about 1e-7; the hardware's own tanh, where there is one, has 11 bits.
    /// </summary>
    public static Float4 Tanh(Float4 a) => new(Tanh(a.X), Tanh(a.Y), Tanh(a.Z), Tanh(a.W));

    /// <summary><c>sqrt(a)</c>.</summary>
    public static Float4 Sqrt(Float4 a) => new(XMath.Sqrt(a.X), XMath.Sqrt(a.Y), XMath.Sqrt(a.Z), XMath.Sqrt(a.W));

    private static float Sigmoid(float a) => 1f / (1f + XMath.Exp(-a));

    /// <summary>A maximum would make 0 of what is not a number, and a sound embedding of features that are spoilt.</summary>
    private static float Relu(float a) => a < 0f ? 0f : a;

    // Beyond 10 the result is 1 in float32, and the exponential must not overflow.
    private static float Tanh(float a) => 1f - (2f / (XMath.Exp(2f * XMath.Clamp(a, -10f, 10f)) + 1f));
}
