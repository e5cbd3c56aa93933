using CudaEmulation;
using ILGPU.Beyond;
using ILGPU.Compiler.Cpu;
using ILGPU.Compiler.IR;

namespace ILGPU.Tests.Ptx;

/// <summary>
/// Sums of tensor cores without a GPU must lose what those of a GPU lose, or the bounds of a network's error would mean nothing.
/// </summary>
public class TensorCoreSumTests
{
    private const double LastPlace = 1.0 / (1 << 23);

    [Theory]
    // What does not reach the last place of the largest number is lost, however many products have it; rounding would have kept it.
    [InlineData(1, 0.75 * LastPlace, 1)]
    [InlineData(-1, -0.75 * LastPlace, -1)]
    // Towards zero from both sides: subtracting a little changes nothing either.
    [InlineData(1, -0.75 * LastPlace, 1)]
    [InlineData(1, 1.75 * LastPlace, 1 + (8 * LastPlace))]
    // From zero the largest product counts, and nothing of it is lost.
    [InlineData(0, 0.75 * LastPlace, 6 * LastPlace)]
    // A sum that needs 25 bits is cut off too, and from then on the same products are too small.
    [InlineData(2 - LastPlace, LastPlace, 2 + (2 * LastPlace))]
    [InlineData(float.PositiveInfinity, 1, double.PositiveInfinity)]
    public void Eight_equal_products_are_added_and_cut_off(double sum, double product, double expected) =>
        Assert.Equal(expected, (double)TensorCoreSum.Add((float)sum, [.. Enumerable.Repeat(product, 8)]));

    [Fact]
    public void A_NaN_stays_one() => Assert.True(float.IsNaN(TensorCoreSum.Add(1, [1, double.NaN, 1, 1, 1, 1, 1, 1])));

    /// <summary>Lane by lane and bit by bit, on numbers of very different sizes.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public unsafe void The_processors_tensor_cores_add_the_same(int format)
    {
        int depth = (MatrixFormat)format == MatrixFormat.Tf32 ? 8 : 16, perRegister = depth / 8;
        var random = new Random(7);
        int* operands = stackalloc int[10 * WarpMatrix.Lanes];
        float* found = stackalloc float[4 * WarpMatrix.Lanes];
        for (int attempt = 0; attempt < 50; attempt++)
        {
            for (int i = 0; i < 10 * WarpMatrix.Lanes; i++)
            {
                operands[i] = i < 6 * WarpMatrix.Lanes && perRegister > 1
                    ? Element() | Element() << 16
                    : BitConverter.SingleToInt32Bits(Number());
            }
            MatrixFunctions.MultiplyAdd((byte*)operands, 4 * WarpMatrix.Lanes, format, found);
            for (int lane = 0; lane < WarpMatrix.Lanes; lane++)
            {
                for (int s = 0; s < 4; s++)
                {
                    int row = (lane / 4) + (s / 2 * 8), column = (lane % 4 * 2) + (s % 2);
                    double[] products = [.. Enumerable.Range(0, depth).Select(k =>
                    {
                        int at = k % (depth / 2) / perRegister, upper = k / (depth / 2);
                        return Read(operands[(((2 * upper) + (row / 8)) * WarpMatrix.Lanes) + (row % 8 * 4) + at], k % perRegister)
                            * Read(operands[((4 + upper) * WarpMatrix.Lanes) + (column * 4) + at], k % perRegister);
                    })];
                    float expected = TensorCoreSum.Add(
                        BitConverter.Int32BitsToSingle(operands[((6 + s) * WarpMatrix.Lanes) + lane]), products);
                    Assert.Equal(
                        BitConverter.SingleToInt32Bits(expected), BitConverter.SingleToInt32Bits(found[(s * WarpMatrix.Lanes) + lane]));
                }
            }
        }

        float Number() => (float)((random.NextDouble() - 0.5) * Math.ScaleB(1, random.Next(-12, 12)));

        int Element() => (MatrixFormat)format == MatrixFormat.Bf16
            ? BFloat16.ToBits((BFloat16)Number())
            : BitConverter.HalfToUInt16Bits((System.Half)Number());

        double Read(int bits, int part) => (MatrixFormat)format switch
        {
            MatrixFormat.Tf32 => BitConverter.Int32BitsToSingle(bits & ~0x1FFF),
            MatrixFormat.Bf16 => BFloat16.FromBits((ushort)(bits >> (16 * part))),
            _ => (double)BitConverter.UInt16BitsToHalf((ushort)(bits >> (16 * part))),
        };
    }
}
