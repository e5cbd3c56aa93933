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

    /// <summary>Writes a network as safetensors, with what the tensors do not say beside them.</summary>
    public static void Write(string path, EcapaConfig config) =>
        SafetensorsWriter.Write(path, StateDict(config), TensorType.Float32, WespeakerConfig.ToMetadata(config, null).ToDictionary());
}
