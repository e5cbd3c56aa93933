using EcapaIlgpu.Kernels;

namespace EcapaIlgpu.Tests.Engines.Kernels.Beyond;

public class TFloat4Tests
{
    [Theory]
    [InlineData(0x7FFFFFFF)]
    [InlineData(unchecked((int)0xFFC00000))]
    public void Tf32_rounds_to_11_significant_bits_and_leaves_what_is_not_finite(int nan)
    {
        Assert.True(float.IsNaN(TFloat4.Rounded(BitConverter.Int32BitsToSingle(nan))));
        Assert.Equal(float.NegativeInfinity, TFloat4.Rounded(float.NegativeInfinity));
        Assert.Equal([1, 1, -1 - (1f / 1024), float.PositiveInfinity], (float[])
        [
            TFloat4.Rounded(1), TFloat4.Rounded(1 + (0.49f / 1024)), TFloat4.Rounded(-1 - (0.5f / 1024)), TFloat4.Rounded(float.MaxValue),
        ]);
    }
}
