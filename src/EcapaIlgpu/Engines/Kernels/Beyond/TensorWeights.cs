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
    /// <param name="format">
    /// What they are multiplied as: says how many channels a slab has; rounds to tf32, or splits into two of them.
    /// </param>
    public static float[] Arrange(ConvWeights conv, ChannelLayout input, ChannelLayout output, TensorFormat format)
    {
        int slab = SlabChannels(format), slabs = (input.Padded + slab - 1) / slab, taps = conv.Kernel;
        int parts = format == TensorFormat.Tf32x3 ? 2 : 1;
        float[] arranged = new float[RoundUp(output.Padded, OutputPadding) * taps * slabs * parts * slab];
        ReadOnlySpan<float> source = conv.Weight.Span;
        for (int o = 0; o < conv.Outputs; o++)
        {
            for (int i = 0; i < conv.Inputs; i++)
            {
                (int s, int channel) = Math.DivRem(input.Position(i), slab);
                for (int k = 0; k < taps; k++)
                {
                    int at = (((((output.Position(o) * taps) + k) * slabs) + s) * parts * slab) + channel;
                    Place(source[(((o * conv.Inputs) + i) * taps) + k], format, arranged, at, slab);
                }
            }
        }
        return arranged;
    }

    /// <summary>
    /// The weights of a Res2 chain in the lots of <see cref="TensorRes2"/>: <c>[steps, taps, lots, columns, parts, depth]</c>.
    /// </summary>
    public static float[] Arrange(IReadOnlyList<ConvWeights> steps, TensorRes2Form form)
    {
        int lotChannels = form.LotDepth * TensorTileProduct.ChunkBytes / form.ChannelBytes;
        int parts = form.WeightParts, taps = steps[0].Kernel;
        float[] arranged = new float[steps.Count * taps * form.Lots * form.Columns * parts * lotChannels];
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
                        int at = (((lot * form.Columns) + o) * parts * lotChannels) + (i % lotChannels);
                        Place(source[(((o * steps[s].Inputs) + i) * taps) + k], form.Format, arranged, at, lotChannels);
                    }
                }
            }
        }
        return arranged;
    }

    /// <summary>Channels of a slab.</summary>
    public static int SlabChannels(TensorFormat format) =>
        TensorTile.SlabBytes / (format is TensorFormat.Bf16 or TensorFormat.Half ? sizeof(short) : sizeof(float));

    /// <summary>A weight as what is multiplied, or the two numbers that it is the sum of; the storage rounds to 16 bits.</summary>
    private static void Place(float weight, TensorFormat format, float[] arranged, int at, int partStep)
    {
        arranged[at] = format is TensorFormat.Tf32 or TensorFormat.Tf32x3 ? TFloat4.Rounded(weight) : weight;
        if (format == TensorFormat.Tf32x3)
            arranged[at + partStep] = TFloat4.Rounded(weight - arranged[at]);
    }

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
