using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Reference;

/// <summary>One factor per channel from the mean over the utterance: <c>g = sigmoid(W2 relu(W1 mean + b1) + b2)</c>.</summary>
internal static class SqueezeExcite
{
    public static FrameMatrix Gate(FrameMatrix x, ConvWeights squeeze, ConvWeights excite) =>
        Activation.Sigmoid(Conv1d.Apply(Activation.Relu(Conv1d.Apply(Statistics.Mean(x), squeeze)), excite));

    public static FrameMatrix Apply(FrameMatrix x, FrameMatrix gate) => x.Zip(gate.RepeatRow(x.Frames), (v, g) => v * g);
}
