using EcapaIlgpu.Model;

namespace EcapaIlgpu.Bench;

/// <summary>Multiply-adds of convolutions and fully connected layers; normalisations, activations and statistics are not counted.</summary>
internal static class MultiplyAdds
{
    /// <summary>By the definition of the network: what a program that folds nothing spends. The peer counts this.</summary>
    public static long Nominal(EcapaWeights weights, BatchCase batch) =>
        (weights.OperationsPerFrame * batch.Frames) + (weights.OperationsPerUtterance * batch.Lengths.Count);

    /// <summary>What the engine spends: the constant part of the global-context attention once per utterance instead of once per frame.</summary>
    public static long Executed(EcapaWeights weights, BatchCase batch)
    {
        long context = weights.Config.GlobalContext ? 2L * EcapaConfig.AggregateChannels * EcapaConfig.Bottleneck : 0;
        return Nominal(weights, batch) - (context * (batch.Frames - batch.Lengths.Count));
    }
}
