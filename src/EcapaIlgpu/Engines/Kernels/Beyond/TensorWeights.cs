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
                    arranged[(((output.Position(o) * taps) + k) * inputs) + input.Position(i)] = Rounded(source[(((o * conv.Inputs) + i) * taps) + k], format);
                }
            }
        }
        return arranged;
    }

    /// <summary>The weights of a Res2 chain in the lots of <see cref="TensorRes2"/>: <c>[steps, taps, lots, columns, depth]</c>.</summary>
    public static float[] Arrange(IReadOnlyList<ConvWeights> steps, TensorRes2Form form)
    {
        int lotChannels = form.LotChunks * TensorTileProduct.ChunkBytes / form.ChannelBytes, taps = steps[0].Kernel;
        float[] arranged = new float[steps.Count * taps * form.Lots * form.Columns * lotChannels];
        for (int s = 0; s < steps.Count; s++)
        {
            ReadOnlySpan<float> source = steps[s].Weight.Span;
            for (int o = 0; o < steps[s].Outputs; o++)
            {
                for (int i = 0; i < steps[s].Inputs; i++)
                {
                    for (int k = 0; k < taps; k++)
                    {
                        int lot = (((s * taps) + k) * form.Lots) + (i / lotChannels);
                        arranged[(((lot * form.Columns) + o) * lotChannels) + (i % lotChannels)] = Rounded(source[(((o * steps[s].Inputs) + i) * taps) + k], form.Format);
                    }
                }
            }
        }
        return arranged;
    }

    /// <summary>Channels of a slab.</summary>
    public static int SlabChannels(TensorFormat format) =>
        TensorTile.SlabBytes / (format is TensorFormat.Bf16 or TensorFormat.Half ? sizeof(short) : sizeof(float));

    /// <summary>As tf32 the nearest number of 11 significant bits, ties away from zero; the storage rounds to 16 bits.</summary>
    private static float Rounded(float value, TensorFormat format) =>
        format == TensorFormat.Tf32 ? BitConverter.Int32BitsToSingle((BitConverter.SingleToInt32Bits(value) + 0x1000) & ~0x1FFF) : value;

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
