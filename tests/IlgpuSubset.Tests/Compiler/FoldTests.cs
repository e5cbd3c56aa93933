using ILGPU.Compiler.IR;
using ILGPU.Compiler.Passes;

namespace ILGPU.Tests.Compiler;

/// <summary>What the compiler computes itself is what the contract says a device computes.</summary>
public class FoldTests
{
    [Theory]
    [InlineData(8, 300.0, 127, 255)]
    [InlineData(8, 130.9, 127, 130)]
    [InlineData(8, -1.5, -1, 0)]
    [InlineData(8, -300.0, -128, 0)]
    [InlineData(16, 40000.5, 32767, 40000)]
    [InlineData(16, 1e9, 32767, 65535)]
    [InlineData(16, double.NegativeInfinity, -32768, 0)]
    [InlineData(32, 4e9, int.MaxValue, 4000000000)]
    [InlineData(32, double.PositiveInfinity, int.MaxValue, uint.MaxValue)]
    [InlineData(32, double.NaN, 0, 0)]
    [InlineData(8, double.NaN, 0, 0)]
    [InlineData(64, -2.5, -2, 0)]
    public void Floating_point_becomes_the_nearest_integer_there_is(int bits, double number, long signed, long unsigned)
    {
        IrType type = bits switch { 8 => IrType.I8, 16 => IrType.I16, 32 => IrType.I32, _ => IrType.I64 };
        Assert.Equal(signed, Fold.Convert(ConvertKind.FloatToSigned, Constant.Double(number), type).Bits);
        Assert.Equal((ulong)unsigned, Fold.Convert(ConvertKind.FloatToUnsigned, Constant.Double(number), type).Unsigned);
    }
}
