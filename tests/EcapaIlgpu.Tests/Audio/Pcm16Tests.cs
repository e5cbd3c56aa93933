using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Tests.Audio;

public sealed class Pcm16Tests
{
    [Fact]
    public void Every_16_bit_number_comes_back_as_it_was()
    {
        float[] samples = [.. Enumerable.Range(short.MinValue, 1 << 16).Select(i => (float)i)];
        short[] pcm = new short[samples.Length];
        Assert.True(Pcm16.TryConvert(samples, pcm));
        Assert.Equal(samples, pcm.Select(i => (float)i));
        for (int length = pcm.Length - 40; length <= pcm.Length; length++)
        {
            float[] again = new float[length + 1];
            Pcm16.ToSingle(pcm.AsSpan(0, length), again);
            Assert.Equal(samples[..length], again[..length]);
            Assert.Equal(0, again[length]);
        }
    }

    [Theory]
    [InlineData(0.5f)]
    [InlineData(-32768.5f)]
    [InlineData(32768f)]
    [InlineData(-32769f)]
    [InlineData(65536f + 7f)]
    [InlineData(1e-30f)]
    [InlineData(3e9f)]
    [InlineData(-1e30f)]
    public void What_16_bits_do_not_hold_is_refused_wherever_it_stands(float odd)
    {
        // Lengths that end in whole vectors and in every remainder, the odd one in each place.
        for (int length = 1; length <= 67; length++)
        {
            for (int at = 0; at < length; at++)
            {
                float[] samples = [.. Enumerable.Range(0, length).Select(i => (float)(i - 30))];
                short[] pcm = new short[length + 1];
                Assert.True(Pcm16.TryConvert(samples, pcm));
                samples[at] = odd;
                Assert.False(Pcm16.TryConvert(samples, pcm), $"{odd} at {at} of {length}");
                Assert.Equal(0, pcm[length]);
            }
        }
    }
}
