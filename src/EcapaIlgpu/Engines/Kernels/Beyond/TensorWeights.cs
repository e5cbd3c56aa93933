using EcapaIlgpu.Kernels;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>Weights in the order in which tensor cores read them (<see cref="TensorTileProduct"/>).</summary>
internal static class TensorWeights
{
    /// <summary>Outputs are padded to this many, the widest tile: no copy of weights needs a condition.</summary>
    private const int OutputPadding = 128;

    /// <summary><c>[outputs, taps, inputs]</c>, inputs padded to whole slabs.</summary>
    /// <param name="conv">The weights.</param>
    /// <param name="input">Where the input channels lie.</param>
    /// <param name="output">Where the output channels lie.</param>
    /// <param name="format">What they are multiplied as: says how many channels a slab has, and rounds to tf32.</param>
    public static float[] Arrange(ConvWeights conv, ChannelLayout input, ChannelLayout output, TensorFormat format)
    {
        int inputs = RoundUp(input.Padded, SlabChannels(format)), taps = conv.Kernel;
        float[] arranged = new float[RoundUp(output.Padded, OutputPadding) * taps * inputs];
        ReadOnlySpan<float> source = conv.Weight.Span;
        for (int o = 0; o < conv.Outputs; o++)
        {
            for (int i = 0; i < conv.Inputs; i++)
            {
                for (int k = 0; k < taps; k++)
                {
                    float weight = source[(((o * conv.Inputs) + i) * taps) + k];
                    arranged[(((output.Position(o) * taps) + k) * inputs) + input.Position(i)] = format == TensorFormat.Tf32 ? RoundTf32(weight) : weight;
                }
            }
        }
        return arranged;
    }

    /// <summary>Channels of a slab.</summary>
    public static int SlabChannels(TensorFormat format) =>
        TensorTile.SlabBytes / (format is TensorFormat.Bf16 or TensorFormat.Half ? sizeof(short) : sizeof(float));

    /// <summary>The nearest number of 11 significant bits, ties away from zero.</summary>
    public static float RoundTf32(float value) => BitConverter.Int32BitsToSingle((BitConverter.SingleToInt32Bits(value) + 0x1000) & ~0x1FFF);

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
