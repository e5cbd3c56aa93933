namespace EcapaIlgpu.Engines.Reference;

/// <summary>The network's nonlinearities, element by element.</summary>
internal static class Activation
{
    public static FrameMatrix Relu(FrameMatrix x) => x.Map(v => Math.Max(v, 0));

    public static FrameMatrix Tanh(FrameMatrix x) => x.Map(Math.Tanh);

    public static FrameMatrix Sigmoid(FrameMatrix x) => x.Map(v => 1 / (1 + Math.Exp(-v)));
}
