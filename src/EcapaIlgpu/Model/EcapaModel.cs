using EcapaIlgpu.Checkpoints;
using EcapaIlgpu.Model.Heads;

namespace EcapaIlgpu.Model;

/// <summary>A network as loaded: its shape, its weights, its head if it came with one, and where it is from.</summary>
/// <remarks>Immutable; safe to share between threads and engines.</remarks>
public sealed class EcapaModel
{
    /// <summary>The name of wespeaker's configuration file.</summary>
    public const string ConfigFileName = "config.yaml";

    private EcapaModel(Checkpoint checkpoint, WespeakerConfig? config, ModelOptions? options)
    {
        Source = checkpoint.Name;
        Format = checkpoint.Format;
        Digest = checkpoint.Digest;
        Weights = EcapaStateDict.Read(checkpoint, config, options?.Pooling);
        ProjectionTensors = EcapaStateDict.ReadProjection(checkpoint);
        ProjectionOptions = config?.ProjectionOptions ?? new ProjectionOptions();
    }

    /// <summary>The shape of the network.</summary>
    public EcapaConfig Config => Weights.Config;

    /// <summary>The weights, as in the checkpoint.</summary>
    public EcapaWeights Weights { get; }

    /// <summary>What the configuration says about the projection head; wespeaker's defaults where it says nothing.</summary>
    public ProjectionOptions ProjectionOptions { get; }

    /// <summary>The head's tensors, named without <c>projection.</c>; empty if the checkpoint has no head.</summary>
    public IReadOnlyDictionary<string, NamedTensor> ProjectionTensors { get; }

    /// <summary>The checkpoint file.</summary>
    public string Source { get; }

    /// <summary>The checkpoint's container.</summary>
    public CheckpointFormat Format { get; }

    /// <summary>SHA-256 of the checkpoint file, lower-case hexadecimal.</summary>
    public string Digest { get; }

    /// <summary>Loads a model.</summary>
    public static EcapaModel Load(string path, ModelOptions? options = null)
    {
        string configPath = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, ConfigFileName);
        return new EcapaModel(Checkpoint.Load(path), File.Exists(configPath) ? WespeakerConfig.Load(configPath) : null, options);
    }
}
