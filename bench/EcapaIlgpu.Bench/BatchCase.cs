using System.Globalization;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels.Checking;
using EcapaIlgpu.Features;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Bench;

/// <summary>Utterances that are embedded in one batch.</summary>
/// <param name="Name"><c>8x300</c>, or <c>mixed</c>.</param>
/// <param name="Lengths">Frames of each.</param>
internal sealed record BatchCase(string Name, IReadOnlyList<int> Lengths)
{
    /// <summary>Utterances of <c>mixed</c> on a processor, and on a GPU, which the fewer would not fill: the peer's numbers.</summary>
    private const int MixedOnProcessor = 32, MixedOnGpu = 256;

    /// <summary>
    /// The peer's lengths, so that both do the same work: <c>torch.randint(100, 1601, (256,), generator=g)</c> with
    /// <c>g = torch.Generator().manual_seed(7)</c>; fewer are the first of these.
    /// </summary>
    private static readonly int[] MixedLengths =
    [
        1367, 1484, 1159, 678, 1418, 1357, 261, 767, 165, 1513, 404, 190, 200, 109, 695, 537,
        654, 1547, 1218, 470, 645, 1449, 173, 1187, 782, 1102, 873, 1196, 1530, 507, 837, 1136,
        1135, 595, 496, 1021, 960, 469, 1219, 725, 166, 1407, 500, 1105, 963, 486, 403, 1305,
        829, 506, 958, 1448, 1313, 1246, 1175, 186, 283, 897, 1403, 1036, 1595, 308, 774, 879,
        117, 1235, 906, 1407, 382, 489, 1350, 1159, 1591, 257, 1022, 150, 683, 689, 1366, 698,
        905, 1201, 1118, 1522, 726, 594, 155, 913, 766, 1553, 1393, 970, 762, 1271, 234, 569,
        1577, 943, 803, 736, 1208, 448, 1491, 1092, 172, 352, 1382, 267, 666, 381, 1418, 978,
        1374, 1265, 1442, 196, 916, 1420, 518, 395, 1332, 852, 669, 1262, 1077, 1390, 511, 449,
        1236, 490, 766, 1095, 1335, 1245, 1147, 476, 1022, 1317, 1205, 108, 1243, 1408, 856, 690,
        1164, 842, 1157, 853, 822, 404, 420, 101, 1387, 1157, 1255, 1372, 572, 325, 1330, 1558,
        626, 1553, 944, 577, 424, 825, 1570, 1456, 827, 1244, 355, 480, 591, 1431, 796, 1135,
        246, 1098, 418, 1245, 1441, 799, 1485, 113, 1143, 1443, 880, 534, 1095, 782, 734, 1335,
        1501, 131, 1194, 657, 1057, 1595, 1391, 775, 311, 330, 539, 1221, 1088, 108, 525, 891,
        1354, 1231, 957, 318, 1456, 1132, 1537, 1077, 1301, 333, 924, 1289, 1282, 732, 847, 164,
        1055, 306, 1038, 1025, 452, 919, 1220, 1524, 1237, 1355, 437, 190, 749, 917, 964, 516,
        829, 1031, 213, 1424, 1386, 1511, 730, 1308, 721, 594, 861, 888, 1495, 144, 1210, 445,
    ];

    /// <summary>Samples at 16 kHz that have as many frames as the cases say.</summary>
    public IReadOnlyList<int> SampleCounts => [.. Lengths.Select(frames => Fbank.FrameLength + ((frames - 1) * Fbank.FrameShift))];

    public int Frames => Lengths.Sum();

    /// <param name="text"><c>8x300</c>, or <c>mixed</c>.</param>
    /// <param name="device">Where it will run, as <c>--device</c> says it.</param>
    public static BatchCase Parse(string text, string device)
    {
        if (text == "mixed")
        {
            return new BatchCase(
                text, MixedLengths[..(device.StartsWith("cuda", StringComparison.Ordinal) ? MixedOnGpu : MixedOnProcessor)]);
        }
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
