using System.Numerics.Tensors;
using EcapaIlgpu.Checkpoints;

namespace EcapaIlgpu.Model;

/// <summary>Makes typed weights of a checkpoint's tensors: reads the network's shape off them, then checks every one.</summary>
internal static class EcapaStateDict
{
    private const int MaxLines = 20;

    /// <summary>Tensor names that give away what else a checkpoint is, for a message that helps.</summary>
    private static readonly (string Prefix, string What)[] Foreign =
    [
        ("blocks.0.conv.conv.", "SpeechBrain's ECAPA-TDNN, whose padding, attention and features differ from wespeaker's"),
        ("speaker_encoder.", "TaoRuijie's ECAPA-TDNN, whose shortcuts, attention and features differ from wespeaker's"),
        ("seg_1.", "a ResNet"),
        ("pool.heads_att_trans.", "a network with MHASTP pooling"),
        ("pool.n_query.", "a network with MQMHASTP pooling"),
        ("pool.prior_mean", "a network with XI pooling"),
    ];

    /// <summary>The typed weights of a state dict.</summary>
    /// <param name="checkpoint">The tensors.</param>
    /// <param name="config">What config.yaml says, which must agree with the tensors; null where there is none.</param>
    /// <param name="pooling">Settles a pooling that the tensors leave open; null leaves that to <paramref name="config"/>.</param>
    /// <exception cref="InputException">Not this network; or missing, surplus, wrongly shaped or non-finite tensors, all listed.</exception>
    public static EcapaWeights Read(Checkpoint checkpoint, WespeakerConfig? config, Pooling? pooling)
    {
        EcapaConfig found = ReadConfig(checkpoint, config, pooling);
        if (config?.DifferencesFrom(found) is { } differences)
            throw new InputException(checkpoint.Name, $"disagrees with {config.Source}: {differences}.");
        return ReadWeights(checkpoint, found);
    }

    /// <summary>The tensors of the projection head, without their prefix; empty if the checkpoint has none.</summary>
    public static OrderedDictionary<string, NamedTensor> ReadProjection(Checkpoint checkpoint)
    {
        OrderedDictionary<string, NamedTensor> projection = new(StringComparer.Ordinal);
        foreach ((string name, NamedTensor tensor) in checkpoint.Tensors)
        {
            if (!name.StartsWith(EcapaTensors.ProjectionPrefix, StringComparison.Ordinal))
                continue;
            CheckValues(checkpoint, tensor);
            string key = name[EcapaTensors.ProjectionPrefix.Length..];
            projection.Add(key, tensor with { Name = key });
        }
        return projection;
    }

    /// <summary>The shape of the network as the extents of its tensors give it.</summary>
    /// <param name="checkpoint">The tensors.</param>
    /// <param name="config">Asked for the pooling where the tensors leave it open, and for nothing else.</param>
    /// <param name="pooling">As for <see cref="Read"/>.</param>
    public static EcapaConfig ReadConfig(Checkpoint checkpoint, WespeakerConfig? config, Pooling? pooling)
    {
        string? foreign = Foreign.FirstOrDefault(f => checkpoint.Tensors.Keys.Any(n => n.StartsWith(f.Prefix, StringComparison.Ordinal))).What;
        if (foreign is not null)
            throw new InputException(checkpoint.Name, $"is {foreign}; wespeaker's ECAPA_TDNN with ASTP, TSTP, TSDP or TAP pooling can be used.");
        int? channels = Extent(("layer1.conv.weight", 0), ("layer1.conv.bias", 0), ("layer2.se_res2block.0.conv.weight", 0));
        int? embedding = Extent(("linear.weight", 0), ("linear.bias", 0));
        if (channels is null || embedding is null)
        {
            throw new InputException(checkpoint.Name, "is not a state dict of wespeaker's ECAPA_TDNN: it has no layer1.conv.weight or no linear.weight; "
                + $"its {checkpoint.Tensors.Count} tensors are {Shown.Names([.. checkpoint.Tensors.Keys])}.");
        }
        if (channels <= 0 || channels % EcapaConfig.Res2Scale != 0)
        {
            throw new InputException(
                checkpoint.Name, $"has {channels} channels (layer1.conv.weight); the Res2 blocks need a multiple of {EcapaConfig.Res2Scale}.");
        }
        return new EcapaConfig
        {
            Channels = channels.Value,
            FeatureDim = Extent(("layer1.conv.weight", 1)) ?? new EcapaConfig().FeatureDim,
            EmbeddingSize = embedding.Value,
            Pooling = ReadPooling(),
            GlobalContext = Extent(("pool.linear1.weight", 1)) == 3 * EcapaConfig.AggregateChannels,
            EmbeddingBatchNorm = checkpoint.Tensors.Keys.Any(n => n.StartsWith("bn2.", StringComparison.Ordinal)),
        };

        int? Extent(params ReadOnlySpan<(string Name, int Axis)> places)
        {
            foreach ((string name, int axis) in places)
            {
                if (checkpoint.Tensors.TryGetValue(name, out NamedTensor? tensor) && tensor.Shape.Count > axis)
                    return tensor.Shape[axis];
            }
            return null;
        }

        Pooling ReadPooling()
        {
            Pooling[] possible = checkpoint.Tensors.Keys.Any(n => n.StartsWith("pool.", StringComparison.Ordinal)) ? [Pooling.Astp]
                : Extent(("linear.weight", 1), ("bn.weight", 0)) == EcapaConfig.AggregateChannels ? [Pooling.Tap, Pooling.Tsdp]
                : [Pooling.Tstp];
            if (pooling is { } asked)
            {
                return possible.Contains(asked) ? asked : throw new InputException(
                    checkpoint.Name, $"has the tensors of {Names(possible)} pooling; {Names([asked])} was asked for.");
            }
            if (possible is [var only])
                return only;
            if (config?.Pooling is { } named)
            {
                return possible.Contains(named) ? named : throw new InputException(
                    checkpoint.Name, $"has the tensors of {Names(possible)} pooling; {config.Source} names {Names([named])}.");
            }
            throw new InputException(checkpoint.Name, $"pools with {Names(possible)}, which its tensors do not tell apart; "
                + $"say which with --pooling, or put its {EcapaModel.ConfigFileName} beside it.");
        }
    }

    private static string Names(IEnumerable<Pooling> poolings) => string.Join(" or ", poolings.Select(WespeakerConfig.NameOf));

    private static EcapaWeights ReadWeights(Checkpoint checkpoint, EcapaConfig config)
    {
        HashSet<string> known = new(StringComparer.Ordinal);
        List<NamedTensor> used = [];
        List<string> problems = [];
        EcapaWeights weights = EcapaTensors.Walk(config, null, (name, shape, _) =>
        {
            known.Add(name);
            if (name.EndsWith(EcapaTensors.RunningVariance, StringComparison.Ordinal))
                known.Add(name[..^EcapaTensors.RunningVariance.Length] + EcapaTensors.StepCounter);
            if (checkpoint.Tensors.TryGetValue(name, out NamedTensor? tensor) && tensor.Shape.SequenceEqual(shape))
            {
                used.Add(tensor);
                return tensor.Values;
            }
            problems.Add(tensor is null
                ? $"missing {name} {NamedTensor.FormatShape(shape)}"
                : $"{name} has shape {tensor.ShapeText}, expected {NamedTensor.FormatShape(shape)}");
            return default;
        });
        problems.AddRange(checkpoint.Tensors.Values
            .Where(t => !known.Contains(t.Name) && !t.Name.StartsWith(EcapaTensors.ProjectionPrefix, StringComparison.Ordinal))
            .Select(t => $"surplus {Shown.Name(t.Name)} {t.ShapeText}"));
        if (problems.Count > 0)
        {
            throw new InputException(checkpoint.Name, $"does not fit {config.Name} ({Names([config.Pooling])}, embedding size {config.EmbeddingSize}):\n  "
                + string.Join("\n  ", problems.Take(MaxLines)) + (problems.Count > MaxLines ? $"\n  and {problems.Count - MaxLines} more" : ""));
        }
        foreach (NamedTensor tensor in used)
            CheckValues(checkpoint, tensor);
        return weights;
    }

    private static void CheckValues(Checkpoint checkpoint, NamedTensor tensor)
    {
        ReadOnlySpan<float> values = tensor.Values.Span;
        if (!TensorEncoding.IsFinite(values))
            throw new InputException(checkpoint.Name, $"tensor {Shown.Name(tensor.Name)} holds NaN or infinite numbers (as float32); training diverged or the file is corrupt.");
        if (tensor.Name.EndsWith(EcapaTensors.RunningVariance, StringComparison.Ordinal) && !values.IsEmpty && TensorPrimitives.Min(values) < 0)
            throw new InputException(checkpoint.Name, $"tensor {Shown.Name(tensor.Name)} holds a negative variance; the file is corrupt.");
    }
}
