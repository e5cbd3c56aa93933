using System.Globalization;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels.Checking;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Bench;

/// <summary>Utterances that are embedded in one batch.</summary>
/// <param name="Name"><c>8x300</c>, or <c>mixed</c>.</param>
/// <param name="Lengths">Frames of each.</param>
internal sealed record BatchCase(string Name, IReadOnlyList<int> Lengths)
{
    /// <summary>
    /// The peer's lengths, so that both do the same work: <c>torch.randint(100, 1601, (32,), generator=g)</c> with
    /// <c>g = torch.Generator().manual_seed(7)</c>.
    /// </summary>
    private static readonly int[] MixedLengths =
    [
        1367, 1484, 1159, 678, 1418, 1357, 261, 767, 165, 1513, 404, 190, 200, 109, 695, 537,
        654, 1547, 1218, 470, 645, 1449, 173, 1187, 782, 1102, 873, 1196, 1530, 507, 837, 1136,
    ];

    public int Frames => Lengths.Sum();

    public static BatchCase Parse(string text)
    {
        if (text == "mixed")
            return new BatchCase(text, MixedLengths);
        return text.Split('x') is [{ } utterances, { } frames]
            && int.TryParse(utterances, CultureInfo.InvariantCulture, out int count)
            && int.TryParse(frames, CultureInfo.InvariantCulture, out int length)
            && count > 0 && length > 0
            ? new BatchCase(text, [.. Enumerable.Repeat(length, count)])
            : throw new FormatException($"A case is <utterances>x<frames> or mixed, not '{text}'.");
    }

    public PackedBatch Pack(EcapaConfig config) => RandomModels.Batch(Lengths, config.FeatureDim, seed: 1);

    public override string ToString() => Name;
}
