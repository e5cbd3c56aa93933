namespace EcapaIlgpu.Checkpoints;

/// <summary>Names from a file as they may appear in a message: of bounded length and without control characters.</summary>
internal static class Shown
{
    private const int MaxLength = 120;
    private const int MaxItems = 10;

    public static string Name(string name)
    {
        string cut = name.Length > MaxLength ? string.Concat(name.AsSpan(0, MaxLength), "...") : name;
        return string.Create(cut.Length, cut, static (shown, text) =>
        {
            for (int i = 0; i < text.Length; i++)
                shown[i] = char.IsControl(text[i]) || char.IsSurrogate(text[i]) ? '?' : text[i];
        });
    }

    /// <summary>The first few names, then how many more there are.</summary>
    public static string Names(IReadOnlyCollection<string> names) =>
        string.Join(", ", names.Take(MaxItems).Select(Name)) + (names.Count > MaxItems ? $" and {names.Count - MaxItems} more" : "");
}
