using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Reference;

/// <summary>Convolution, ReLU, then batch normalisation: the normalisation comes last.</summary>
internal static class ConvReluBn
{
    public static FrameMatrix Apply(FrameMatrix x, ConvReluBnWeights weights, int dilation = 1) =>
        BatchNorm.Apply(Activation.Relu(Conv1d.Apply(x, weights.Conv, dilation)), weights.Bn);
}
