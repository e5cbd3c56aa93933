namespace EcapaIlgpu.Extraction;

/// <summary>
/// The files that a command is to write: each once, none that it reads, and each with a place. They take their places when all is done,
/// over whatever has their names then, so a slip such as <c>--scp wav.scp -o wav.ark</c>, whose index is called wav.scp, would cost the
/// list, and one in the name of a folder would be found out after hours of work.
/// </summary>
internal static class WrittenFiles
{
    /// <summary>As many as Linux follows.</summary>
    private const int MostLinks = 40;

    private static readonly StringComparer SameName =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    /// <summary>What is wrong with the names of files.</summary>
    /// <param name="written">The files to write, each with what asks for it.</param>
    /// <param name="read">Files that are read, as few as a person names: links are followed.</param>
    /// <param name="listed">Files that are read, however many: links are not followed, which would be a look at each of them.</param>
    /// <returns>A sentence; null where nothing is.</returns>
    public static string? ClashOf(
        IReadOnlyList<(string Path, string Source)> written, IEnumerable<string> read, IEnumerable<string>? listed = null)
    {
        Dictionary<string, string> sources = new(SameName);
        foreach ((string path, string source) in written)
        {
            if (!sources.TryAdd(RealPath(path), source))
            {
                string both = $"for {sources[RealPath(path)]} and for {source}";
                return $"'{Shown.Name(path)}' would be written twice, {both}; give each a name of its own.";
            }
        }
        foreach ((string path, string source) in written)
            sources.TryAdd(Path.GetFullPath(path), source);
        string? by = null;
        string? overwritten = read.FirstOrDefault(path => sources.TryGetValue(RealPath(path), out by))
            ?? listed?.FirstOrDefault(path => sources.TryGetValue(Path.GetFullPath(path), out by));
        return overwritten is null ? null : $"{by} would overwrite '{Shown.Name(overwritten)}', which is read; choose another name.";
    }

    /// <summary>Checks that files can have these names.</summary>
    /// <exception cref="InputException">One is that of a folder, or there is no folder to put it into.</exception>
    public static void RequirePlaces(IEnumerable<string> written)
    {
        foreach (string path in written.Where(path => !OutputFile.IsDevice(path)))
            OutputFile.PartialPath(path);
    }

    /// <summary>The file that a path stands for, links in it followed.</summary>
    private static string RealPath(string path, int linksLeft = MostLinks)
    {
        string full = Path.GetFullPath(path);
        if (linksLeft == 0 || OutputFile.IsDevice(full) || Path.GetDirectoryName(full) is not { } folder)
            return full;
        string here = Path.Combine(RealPath(folder, linksLeft), Path.GetFileName(full));
        try
        {
            return File.ResolveLinkTarget(here, returnFinalTarget: true) is { } target ? RealPath(target.FullName, linksLeft - 1) : here;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A name that stands for nothing yet stands for itself.
            return here;
        }
    }
}
