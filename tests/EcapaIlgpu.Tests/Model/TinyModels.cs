using EcapaIlgpu.Checkpoints;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Model;

/// <summary>Networks with random weights, for tests that need one of a certain shape.</summary>
internal static class TinyModels
{
    /// <summary>The smallest network there is.</summary>
    public static EcapaConfig Config { get; } = new() { Channels = 8, EmbeddingSize = 4, FeatureDim = 5 };

    /// <summary>The state dict of a network, in registration order; variances are positive.</summary>
    public static List<NamedTensor> StateDict(EcapaConfig config, int seed = 1)
    {
        Random random = new(seed);
        EcapaWeights weights = EcapaTensors.Walk(config, null, (_, shape, _) =>
        {
            float[] values = new float[shape.Aggregate(1, (a, b) => a * b)];
            for (int i = 0; i < values.Length; i++)
                values[i] = 0.1f + random.NextSingle();
            return values;
        });
        return EcapaTensors.ToStateDict(weights);
    }
}
