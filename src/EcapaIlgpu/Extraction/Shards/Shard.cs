using System.Globalization;

namespace EcapaIlgpu.Extraction.Shards;

/// <summary>One of several parts of a list, <c>2/8</c>.</summary>
/// <param name="Index">Which, from 1.</param>
/// <param name="Count">How many there are.</param>
internal readonly record struct Shard(int Index, int Count)
{
    /// <summary>More than anyone has machines; a slip of the finger beyond that.</summary>
    public const int MaxCount = 100_000;

    /// <summary>Reads <c>i/n</c>.</summary>
    public static bool TryParse(string? text, out Shard shard)
    {
        shard = default;
        if (text?.Split('/') is not [var index, var count] || !TryParse(index, out int i) || !TryParse(count, out int n))
            return false;
        if (i < 1 || i > n || n > MaxCount)
            return false;
        shard = new Shard(i, n);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Index}/{Count}");

    private static bool TryParse(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
