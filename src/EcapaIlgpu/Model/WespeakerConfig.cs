using System.Globalization;
using System.Text.RegularExpressions;
using EcapaIlgpu.Checkpoints;
using EcapaIlgpu.Model.Heads;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace EcapaIlgpu.Model;

/// <summary>
/// What wespeaker's config.yaml says about a network: <c>model</c>, <c>model_args</c> and <c>projection_args</c>. Everything else in the
/// file is skipped unread.
/// </summary>
internal sealed partial class WespeakerConfig
{
    // wespeaker's files have a few kilobytes.
    private const int MaxBytes = 1 << 20;
    private const int MaxDepth = 64;
    private const string ModelKey = "model", ModelArgsKey = "model_args", ProjectionArgsKey = "projection_args";

    /// <summary>The settings of a head that are kept in a converted file.</summary>
    private static readonly string[] ProjectionKeys =
        ["project_type", "scale", "easy_margin", "K", "k_top", "mp", "do_lm", "margin_type", "t", "lanbuda"];

    private const string HyperbolicProjection = "ham_margin";

    private static readonly Dictionary<string, ProjectionKind> ProjectionTypes = new(StringComparer.Ordinal)
    {
        ["softmax"] = ProjectionKind.Softmax,
        ["add_margin"] = ProjectionKind.AddMargin,
        ["arc_margin"] = ProjectionKind.ArcMargin,
        ["arc_margin_intertopk_subcenter"] = ProjectionKind.ArcMarginIntertopkSubcenter,
        ["sphere"] = ProjectionKind.Sphere,
        ["sphereface2"] = ProjectionKind.SphereFace2,
    };

    private readonly Dictionary<string, string> _modelArgs;
    private readonly Dictionary<string, string> _projectionArgs;

    private WespeakerConfig(string source, string? model, Dictionary<string, string> modelArgs, Dictionary<string, string> projectionArgs)
    {
        Source = source;
        _modelArgs = modelArgs;
        _projectionArgs = projectionArgs;
        if (model is not null)
            ReadModelName(model);
        FeatureDim = Integer(_modelArgs, "feat_dim");
        EmbeddingSize = Integer(_modelArgs, "embed_dim");
        EmbeddingBatchNorm = Boolean(_modelArgs, "emb_bn");
        GlobalContext ??= Boolean(_modelArgs, "global_context_att");
        if (_modelArgs.TryGetValue("pooling_func", out string? pooling))
        {
            Pooling = Enum.GetValues<Pooling>().Cast<Pooling?>().FirstOrDefault(p => NameOf(p!.Value) == pooling)
                ?? throw Error($"pooling_func {Shown.Name(pooling)} is not supported; ASTP, TSTP, TSDP and TAP are.");
        }
    }

    public string Source { get; }

    public int? Channels { get; private set; }

    public int? FeatureDim { get; }

    public int? EmbeddingSize { get; }

    public bool? GlobalContext { get; private set; }

    public bool? EmbeddingBatchNorm { get; }

    public Pooling? Pooling { get; }

    /// <summary>The head's settings, wespeaker's defaults where the file is silent.</summary>
    public ProjectionOptions ProjectionOptions
    {
        get
        {
            ProjectionOptions options = new();
            return options with
            {
                // wespeaker builds its softmax head for every name that it does not know.
                Kind = _projectionArgs.TryGetValue("project_type", out string? type)
                    ? ProjectionTypes.GetValueOrDefault(type, ProjectionKind.Softmax)
                    : null,
                Scale = Number("scale") ?? options.Scale,
                EasyMargin = Boolean(_projectionArgs, "easy_margin") ?? options.EasyMargin,
                SubCenters = Integer(_projectionArgs, "K") ?? options.SubCenters,
                TopK = Integer(_projectionArgs, "k_top") ?? options.TopK,
                TopKMargin = Number("mp") ?? options.TopKMargin,
                LargeMargin = Boolean(_projectionArgs, "do_lm") ?? options.LargeMargin,
                SphereFace2Margin = _projectionArgs.TryGetValue("margin_type", out string? margin)
                    ? Enum.TryParse(margin, out SphereFace2Margin known) ? known : throw Error($"margin_type is {Shown.Name(margin)}; A or C was expected.")
                    : options.SphereFace2Margin,
                SphereFace2Exponent = Number("t") ?? options.SphereFace2Exponent,
                SphereFace2Balance = Number("lanbuda") ?? options.SphereFace2Balance,
            };
        }
    }

    /// <summary>The name of a head of wespeaker's that this library cannot compute; null where it can.</summary>
    public string? UnsupportedProjection => _projectionArgs.GetValueOrDefault("project_type") is HyperbolicProjection ? HyperbolicProjection : null;

    /// <summary>What <see cref="ToMetadata"/> put into a safetensors file; null where there is nothing of the kind.</summary>
    public static WespeakerConfig? FromMetadata(IReadOnlyDictionary<string, string> metadata, string source)
    {
        Dictionary<string, string> Known(params ReadOnlySpan<string> names)
        {
            Dictionary<string, string> known = new(StringComparer.Ordinal);
            foreach (string name in names)
            {
                if (metadata.TryGetValue(name, out string? value))
                    known[name] = value;
            }
            return known;
        }
        WespeakerConfig config = new($"the metadata of {source}", null, Known("pooling_func"), Known(ProjectionKeys));
        return config._modelArgs.Count + config._projectionArgs.Count > 0 ? config : null;
    }

    /// <summary>What the tensors of a network do not say, in wespeaker's words.</summary>
    public static IEnumerable<KeyValuePair<string, string>> ToMetadata(EcapaConfig config, ProjectionOptions? projection)
    {
        yield return new(ModelKey, config.Name);
        yield return new("pooling_func", NameOf(config.Pooling));
        if (projection is null)
            yield break;
        if (projection.Kind is { } kind)
            yield return new("project_type", ProjectionTypes.First(t => t.Value == kind).Key);
        yield return new("scale", projection.Scale.ToString(CultureInfo.InvariantCulture));
        yield return new("easy_margin", projection.EasyMargin ? "true" : "false");
        if (projection.Kind is ProjectionKind.ArcMarginIntertopkSubcenter)
        {
            yield return new("K", projection.SubCenters.ToString(CultureInfo.InvariantCulture));
            yield return new("k_top", projection.TopK.ToString(CultureInfo.InvariantCulture));
            yield return new("mp", projection.TopKMargin.ToString(CultureInfo.InvariantCulture));
            yield return new("do_lm", projection.LargeMargin ? "true" : "false");
        }
        if (projection.Kind is ProjectionKind.SphereFace2)
        {
            yield return new("margin_type", projection.SphereFace2Margin.ToString());
            yield return new("t", projection.SphereFace2Exponent.ToString(CultureInfo.InvariantCulture));
            yield return new("lanbuda", projection.SphereFace2Balance.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>wespeaker's name of a pooling.</summary>
    public static string NameOf(Pooling pooling) => pooling.ToString().ToUpperInvariant();

    public static WespeakerConfig Load(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            return Load(file, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, $"the configuration cannot be read: {e.Message}", e);
        }
    }

    public static WespeakerConfig Load(Stream stream, string source)
    {
        if (stream.Length > MaxBytes)
            throw new InputException(source, $"has {stream.Length} bytes; a wespeaker config.yaml has a few thousand.");
        using StreamReader text = new(stream);
        Dictionary<string, object?> root;
        try
        {
            root = ReadRoot(new Parser(text), source);
        }
        // YamlDotNet's scanner lets some damage through as these (found by mutation).
        catch (Exception e) when (e is YamlException or InvalidOperationException or ArgumentException or EndOfStreamException)
        {
            string where = e is YamlException yaml ? $"line {yaml.Start.Line}: " : "";
            throw new InputException(source, $"is not proper YAML: {where}{e.Message}", e);
        }
        return new WespeakerConfig(
            source,
            root.GetValueOrDefault(ModelKey) as string ?? throw new InputException(source, $"has no '{ModelKey}:' with the name of a network."),
            root.GetValueOrDefault(ModelArgsKey) as Dictionary<string, string> ?? [],
            root.GetValueOrDefault(ProjectionArgsKey) as Dictionary<string, string> ?? []);
    }

    /// <summary>Where the file says something else than the tensors, each difference with both values; null where they agree.</summary>
    public string? DifferencesFrom(EcapaConfig found)
    {
        List<string> differences = [];
        Compare("channels", Channels, found.Channels);
        Compare("feat_dim", FeatureDim, found.FeatureDim);
        Compare("embed_dim", EmbeddingSize, found.EmbeddingSize);
        // wespeaker accepts a GLOB name with any pooling and ignores it for all but this one.
        if (found.Pooling == Model.Pooling.Astp)
            Compare("global_context_att", GlobalContext, found.GlobalContext);
        Compare("emb_bn", EmbeddingBatchNorm, found.EmbeddingBatchNorm);
        if (Pooling is { } pooling)
            Compare("pooling_func", NameOf(pooling), NameOf(found.Pooling));
        return differences.Count > 0 ? string.Join("; ", differences) : null;

        void Compare(string name, object? said, object inTensors)
        {
            if (said is not null && !said.Equals(inTensors))
                differences.Add(FormattableString.Invariant($"{name} is {said} in the configuration and {inTensors} in the tensors"));
        }
    }

    /// <summary>
    /// Reads the events of the parser and keeps scalars, and mappings of scalars, of the top level. No tree is built, so that neither depth nor
    /// aliases of aliases cost anything.
    /// </summary>
    private static Dictionary<string, object?> ReadRoot(Parser parser, string source)
    {
        Dictionary<string, object?> root = new(StringComparer.Ordinal);
        parser.Consume<StreamStart>();
        if (!parser.Accept<DocumentStart>(out _))
            throw new InputException(source, "is empty.");
        parser.Consume<DocumentStart>();
        if (!parser.TryConsume<MappingStart>(out _))
            throw new InputException(source, "is not a mapping of names to values, as a wespeaker config.yaml is.");
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            if (TryScalar(parser) is not { } key)
            {
                Skip(parser, source);
                Skip(parser, source);
            }
            else if (TryScalar(parser) is { } value)
            {
                root[key] = value;
            }
            else if (key is ModelArgsKey or ProjectionArgsKey)
            {
                if (!parser.TryConsume<MappingStart>(out _))
                    throw new InputException(source, $"'{key}:' is not a mapping of names to values; aliases have to be written out.");
                root[key] = ReadScalars(parser, source);
            }
            else
            {
                Skip(parser, source);
            }
        }
        return root;
    }

    private static Dictionary<string, string> ReadScalars(Parser parser, string source)
    {
        Dictionary<string, string> scalars = new(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            string key = TryScalar(parser) ?? throw new InputException(source, "has a key that is not plain text.");
            if (TryScalar(parser) is { } value)
                scalars[key] = value;
            else
                Skip(parser, source);
        }
        return scalars;
    }

    private static string? TryScalar(Parser parser) => parser.TryConsume<Scalar>(out Scalar? scalar) ? scalar.Value : null;

    private static void Skip(Parser parser, string source)
    {
        int depth = 0;
        do
        {
            depth += parser.Consume<ParsingEvent>().NestingIncrease;
            if (depth > MaxDepth)
                throw new InputException(source, $"is nested more than {MaxDepth} deep.");
        }
        while (depth > 0);
    }

    private void ReadModelName(string model)
    {
        Match match = ModelNamePattern().Match(model);
        if (!match.Success)
        {
            throw Error($"model {Shown.Name(model)} is not supported; ECAPA_TDNN (with channels), ECAPA_TDNN_c512, ECAPA_TDNN_GLOB_c512, "
                + "ECAPA_TDNN_c1024 and ECAPA_TDNN_GLOB_c1024 are.");
        }
        if (match.Groups["channels"].Success)
        {
            Channels = int.Parse(match.Groups["channels"].ValueSpan, CultureInfo.InvariantCulture);
            GlobalContext = match.Groups["glob"].Success;
        }
        else
        {
            Channels = Integer(_modelArgs, "channels");
        }
    }

    private int? Integer(Dictionary<string, string> arguments, string name) => !arguments.TryGetValue(name, out string? text) ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value
        : throw Error($"{name} is {Shown.Name(text)}; a whole number was expected.");

    private float? Number(string name) => !_projectionArgs.TryGetValue(name, out string? text) ? null
        : float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && float.IsFinite(value) ? value
        : throw Error($"{name} is {Shown.Name(text)}; a number was expected.");

    private bool? Boolean(Dictionary<string, string> arguments, string name) => !arguments.TryGetValue(name, out string? text) ? null
        : text.ToUpperInvariant() switch
        {
            "TRUE" or "YES" or "ON" => true,
            "FALSE" or "NO" or "OFF" => false,
            _ => throw Error($"{name} is {Shown.Name(text)}; true or false was expected."),
        };

    private InputException Error(string problem) => new(Source, problem);

    [GeneratedRegex(@"^ECAPA_TDNN(_(?<glob>GLOB_)?c(?<channels>512|1024))?$")]
    private static partial Regex ModelNamePattern();
}
