using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Reference;

/// <summary>
/// The chain of dilated k=3 convolutions over eight splits of the channels: each of the first seven is convolved after the result of
/// the one before is added to it, and the last split passes through.
/// </summary>
internal static class Res2
{
    public static FrameMatrix Apply(FrameMatrix x, IReadOnlyList<ConvReluBnWeights> steps, int dilation)
    {
        int width = x.Channels / EcapaConfig.Res2Scale;
        List<FrameMatrix> splits = [];
        for (int i = 0; i < steps.Count; i++)
        {
            FrameMatrix split = x.Slice(i * width, width);
            splits.Add(ConvReluBn.Apply(i == 0 ? split : splits[^1].Add(split), steps[i], dilation));
        }
        splits.Add(x.Slice(steps.Count * width, width));
        return FrameMatrix.Concatenate(splits);
    }
}
