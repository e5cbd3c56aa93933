using EcapaIlgpu.Checkpoints;
using EcapaIlgpu.Features;
using EcapaIlgpu.Model.Heads;

namespace EcapaIlgpu.Model;

/// <summary>A network as loaded: its shape, its weights, its projection head if it came with one, and where it is from.</summary>
/// <remarks>Immutable; safe to share between threads and engines.</remarks>
public sealed class EcapaModel
{
    /// <summary>The name of wespeaker's configuration file.</summary>
    public const string ConfigFileName = "config.yaml";

    /// <summary><see cref="Source"/> of the bundled model.</summary>
    public const string BundledName = "the bundled model";

    private const string BundledResource = "weights/model.safetensors";

    // wespeaker's own command loads avg_model.pt whatever lies beside it.
    private static readonly string[] CheckpointNames = ["avg_model.pt", "model.safetensors", "final_model.pt"];
    private static readonly string[] CheckpointExtensions = [".pt", ".pth", ".ckpt", ".bin", ".safetensors"];

    /// <summary>Where wespeaker's training leaves checkpoints, beside config.yaml.</summary>
    private const string TrainingFolder = "models";

    private readonly IReadOnlyDictionary<string, string> _metadata;

    private EcapaModel(Checkpoint checkpoint, WespeakerConfig? config, ModelOptions? options, params IEnumerable<string> warnings)
    {
        config ??= WespeakerConfig.FromMetadata(checkpoint.Metadata, checkpoint.Name);
        Source = checkpoint.Name;
        Format = checkpoint.Format;
        Digest = checkpoint.Digest;
        _metadata = checkpoint.Metadata;
        Weights = EcapaStateDict.Read(checkpoint, config, options?.Pooling);
        OrderedDictionary<string, NamedTensor> projection = EcapaStateDict.ReadProjection(checkpoint);
        ProjectionOptions = config?.ProjectionOptions ?? new ProjectionOptions();
        if (projection.Count > 0 && config?.UnsupportedProjection is { } head)
        {
            projection.Clear();
            warnings = warnings.Append($"{Source}: the projection head {head} is not supported and was left out.");
        }
        ProjectionTensors = projection;
        Warnings = [.. warnings];
    }

    /// <summary>The shape of the network.</summary>
    public EcapaConfig Config => Weights.Config;

    /// <summary>The weights, as in the checkpoint.</summary>
    public EcapaWeights Weights { get; }

    /// <summary>What the configuration says about the projection head; wespeaker's defaults where it says nothing.</summary>
    public ProjectionOptions ProjectionOptions { get; }

    /// <summary>The head's tensors, named without <c>projection.</c>; empty if the checkpoint has no head.</summary>
    public IReadOnlyDictionary<string, NamedTensor> ProjectionTensors { get; }

    /// <summary>The checkpoint file, or <see cref="BundledName"/>.</summary>
    public string Source { get; }

    /// <summary>The checkpoint's container.</summary>
    public CheckpointFormat Format { get; }

    /// <summary>SHA-256 of the checkpoint file, lower-case hexadecimal.</summary>
    public string Digest { get; }

    /// <summary>What was left aside while loading, for people. Empty as a rule.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <inheritdoc cref="EcapaWeights.OperationsPerFrame"/>
    public long OperationsPerFrame => Weights.OperationsPerFrame;

    /// <inheritdoc cref="EcapaWeights.OperationsPerUtterance"/>
    public long OperationsPerUtterance => Weights.OperationsPerUtterance;

    /// <summary>Loads a model.</summary>
    /// <param name="path">
    /// A folder as wespeaker publishes or trains them: <c>config.yaml</c>, which must agree with the tensors, beside the first that exists
    /// of <c>avg_model.pt</c>, <c>model.safetensors</c> and <c>final_model.pt</c>, or else the only checkpoint there; without any, the same
    /// in its subfolder <c>models</c>. Or a single checkpoint file: the shape of the network is read off its tensors, and a
    /// <c>config.yaml</c> beside it is used where it describes the same network and left aside, with a warning, where it does not.
    /// </param>
    /// <param name="options">Settles what a checkpoint may leave open.</param>
    /// <exception cref="InputException">There is no checkpoint, or it cannot be used; the message lists what is wrong with it.</exception>
    public static EcapaModel Load(string path, ModelOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!Directory.Exists(path))
            return LoadFile(path, options);
        string configPath = Path.Combine(path, ConfigFileName);
        WespeakerConfig? config = File.Exists(configPath) ? WespeakerConfig.Load(configPath) : null;
        return new EcapaModel(Checkpoint.Load(FindCheckpoint(path)), config, options);
    }

    /// <summary>Loads the model that comes with the library (see weights/README.md: a demonstration, trained on 251 speakers).</summary>
    /// <remarks>
    /// Its config.yaml is not read: it has no head, so the tensors say all there is, and starting a YAML reader takes longer than they do.
    /// </remarks>
    public static EcapaModel LoadBundled()
    {
        using Stream weights = typeof(EcapaModel).Assembly.GetManifestResourceStream(BundledResource)
            ?? throw new InvalidOperationException($"The library was built without its resource {BundledResource}.");
        return new EcapaModel(Checkpoint.Load(weights, BundledName), null, null);
    }

    /// <summary>
    /// Writes the network and its head as safetensors, under wespeaker's names and in its order. What the tensors do not say (pooling, kind
    /// and scale of the head) goes into the metadata, from where <see cref="Load"/> takes it when there is no config.yaml.
    /// </summary>
    /// <param name="path">The file, replaced if it exists; nothing is left under the name if writing fails.</param>
    /// <param name="type">Float32, or Float16 or BFloat16 to halve the file.</param>
    /// <exception cref="InputException">The file cannot be written, or a weight is beyond the range of <paramref name="type"/>.</exception>
    public void SaveSafetensors(string path, TensorType type = TensorType.Float32)
    {
        List<NamedTensor> tensors = EcapaTensors.ToStateDict(Weights);
        tensors.AddRange(ProjectionTensors.Values
            .Where(t => !t.Name.EndsWith(EcapaTensors.StepCounter, StringComparison.Ordinal))
            .Select(t => t with { Name = EcapaTensors.ProjectionPrefix + t.Name }));
        // What the source said of itself stays: an attribution, say.
        Dictionary<string, string> metadata = new(_metadata, StringComparer.Ordinal) { ["format"] = "pt" };
        foreach ((string key, string value) in WespeakerConfig.ToMetadata(Config, ProjectionTensors.Count > 0 ? ProjectionOptions : null))
            metadata[key] = value;
        SafetensorsWriter.Write(path, tensors, type, metadata);
    }

    /// <summary>Refuses a network that does not read what the filterbank gives.</summary>
    internal void RequireFilterbank()
    {
        if (Config.FeatureDim != Fbank.MelBins)
        {
            throw new InputException(
                Source,
                $"the network reads {Config.FeatureDim} numbers a frame, and features of {Fbank.MelBins} mel bins are what there is");
        }
    }

    private static EcapaModel LoadFile(string path, ModelOptions? options)
    {
        Checkpoint checkpoint = Checkpoint.Load(path);
        string configPath = Path.Combine(Path.GetDirectoryName(path) ?? "", ConfigFileName);
        if (!File.Exists(configPath))
            return new EcapaModel(checkpoint, null, options);
        string difference;
        try
        {
            WespeakerConfig config = WespeakerConfig.Load(configPath);
            if (config.DifferencesFrom(EcapaStateDict.ReadConfig(checkpoint, config, options?.Pooling)) is not { } found)
                return new EcapaModel(checkpoint, config, options);
            difference = $"it describes another network than {path} holds: {found}";
        }
        // Of the configuration only: what is wrong with the checkpoint is found again below.
        catch (InputException e) when (e.InputName == configPath)
        {
            difference = e.Problem;
        }
        return new EcapaModel(checkpoint, null, options, $"{configPath} was left aside: {difference}");
    }

    private static string FindCheckpoint(string folder)
    {
        List<string> found = [];
        foreach (string place in (string[])[folder, Path.Combine(folder, TrainingFolder)])
        {
            foreach (string name in CheckpointNames)
            {
                if (File.Exists(Path.Combine(place, name)))
                    return Path.Combine(place, name);
            }
            found.AddRange(CheckpointFiles(place));
            if (found.Count > 0)
                break;
        }
        return found switch
        {
            [var only] => only,
            [] => throw new InputException(folder, $"has no checkpoint; expected {string.Join(", ", CheckpointNames)} "
                + $"or one file ending in {string.Join(", ", CheckpointExtensions)}."),
            _ => throw new InputException(folder, "has several checkpoints; name one of them instead of the folder: "
                + $"{Shown.Names([.. found.Select(f => Path.GetFileName(f))])}."),
        };
    }

    private static IEnumerable<string> CheckpointFiles(string folder)
    {
        try
        {
            return !Directory.Exists(folder) ? [] : Directory.GetFiles(folder)
                .Where(f => CheckpointExtensions.Contains(Path.GetExtension(f), StringComparer.OrdinalIgnoreCase))
                .Order(StringComparer.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(folder, $"the folder cannot be read: {e.Message}", e);
        }
    }
}
