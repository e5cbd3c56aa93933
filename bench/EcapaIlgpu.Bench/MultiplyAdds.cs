using EcapaIlgpu.Model;

namespace EcapaIlgpu.Bench;

/// <summary>Multiply-adds of convolutions and fully connected layers; normalisations, activations and statistics are not counted.</summary>
internal static class MultiplyAdds
{
    /// <summary>By the definition of the network: what a program that folds nothing spends. The peer counts this.</summary>
    public static long Nominal(EcapaWeights weights, BatchCase batch) =>
        (PerFrame(weights) * batch.Frames) + (PerUtterance(weights) * batch.Lengths.Count);

    /// <summary>What the engine spends: the constant part of the global-context attention once per utterance instead of once per frame.</summary>
    public static long Executed(EcapaWeights weights, BatchCase batch)
    {
        long context = weights.Config.GlobalContext ? 2L * EcapaConfig.AggregateChannels * EcapaConfig.Bottleneck : 0;
        return Nominal(weights, batch) - (context * (batch.Frames - batch.Lengths.Count));
    }

    private static long PerFrame(EcapaWeights weights) =>
        Of(weights.Layer1.Conv) + weights.Blocks.Sum(b => Of(b.First.Conv) + b.Res2.Sum(r => Of(r.Conv)) + Of(b.Second.Conv))
        + Of(weights.Aggregate) + Of(weights.AttentionDown) + Of(weights.AttentionUp);

    private static long PerUtterance(EcapaWeights weights) => weights.Blocks.Sum(b => Of(b.Squeeze) + Of(b.Excite)) + Of(weights.Linear);

    private static long Of(ConvWeights? conv) => conv?.Weight.Length ?? 0;
}
