using System.IO.Enumeration;
using EcapaIlgpu.Audio;
using Microsoft.Extensions.FileSystemGlobbing;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// Turns what a person names (files, folders, patterns) into files. The order repeats from run to run: arguments as given, and within a
/// folder or pattern by ordinal comparison of the paths. A file named twice is listed once.
/// </summary>
public static class AudioListing
{
    private static readonly char[] Wildcards = ['*', '?'];

    /// <summary>Lists the files that the arguments stand for.</summary>
    /// <param name="arguments">
    /// A file; a folder (its audio files by extension, recursively, hidden ones left out); a pattern with <c>*</c>, <c>**</c> and, in its last
    /// part, <c>?</c> (for shells that leave patterns to the program); <c>-</c> for standard input. A path that does not exist is listed all
    /// the same: that it cannot be read is that file's own error, not the list's.
    /// </param>
    /// <returns>The files, named by their paths as given (below a folder: the folder as given, then the way to the file).</returns>
    /// <exception cref="InputException">A folder holds no audio or cannot be read, a pattern matches nothing, or an argument is empty.</exception>
    public static IReadOnlyList<AudioInput> Expand(IEnumerable<string> arguments)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        return [.. arguments.SelectMany(ExpandOne).Where(seen.Add).Select(path => new AudioInput(path))];
    }

    private static IEnumerable<string> ExpandOne(string argument)
    {
        if (argument.Length == 0)
            throw new InputException("''", "an empty name is no file; in a script, the variable that it comes from may not be set");
        // What exists is meant literally, whatever characters its name has.
        if (Directory.Exists(argument))
            return InFolder(argument);
        if (argument.IndexOfAny(Wildcards) < 0 || File.Exists(argument))
            return [argument];
        return ByPattern(argument);
    }

    private static List<string> InFolder(string folder)
    {
        FileSystemEnumerable<string> files = new(folder, static (ref entry) => entry.ToSpecifiedFullPath(), new EnumerationOptions
        {
            RecurseSubdirectories = true,
            // A subfolder that cannot be read is said, not passed over.
            IgnoreInaccessible = false,
        })
        {
            ShouldIncludePredicate = static (ref entry) =>
                !entry.IsDirectory && AudioFile.Extensions.Contains(Path.GetExtension(entry.FileName).ToString()),
            ShouldRecursePredicate = static (ref entry) => !LeadsBackUp(ref entry),
        };
        return Sorted(folder, files, $"no audio files in this folder or below it (looked for {string.Join(' ', AudioFile.Extensions.Order())})");
    }

    private static List<string> ByPattern(string pattern)
    {
        string normalised = pattern.Replace('\\', Path.DirectorySeparatorChar);
        int firstWildcard = normalised.IndexOfAny(Wildcards);
        int split = normalised.LastIndexOf(Path.DirectorySeparatorChar, firstWildcard) + 1;
        string root = normalised[..split];
        string rest = normalised[split..].Replace(Path.DirectorySeparatorChar, '/');
        string lastPart = rest[(rest.LastIndexOf('/') + 1)..];
        string noMatch = "the pattern matches no file";
        if (!Directory.Exists(root.Length == 0 ? "." : root))
            throw new InputException(pattern, $"{noMatch}: there is no folder '{root}'");

        bool ignoreCase = OperatingSystem.IsWindows() || OperatingSystem.IsMacOS();
        Matcher matcher = new(ignoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);
        // The matcher knows no '?': let it find more, then keep what fits.
        matcher.AddInclude(rest.Replace('?', '*'));
        IEnumerable<string> files = matcher.GetResultsInFullPath(root.Length == 0 ? "." : root)
            .Where(path => !lastPart.Contains('?')
                || FileSystemName.MatchesSimpleExpression(lastPart, Path.GetFileName(path.AsSpan()), ignoreCase))
            .Select(path => root + Path.GetRelativePath(root.Length == 0 ? "." : root, path));
        return Sorted(pattern, files, noMatch);
    }

    private static List<string> Sorted(string argument, IEnumerable<string> files, string whenEmpty)
    {
        try
        {
            List<string> sorted = [.. files];
            if (sorted.Count == 0)
                throw new InputException(argument, whenEmpty);
            sorted.Sort(StringComparer.Ordinal);
            return sorted;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(argument, $"cannot be listed: {e.Message}", e);
        }
    }

    /// <summary>Whether a linked folder points at one that it lies in, which would never end.</summary>
    private static bool LeadsBackUp(ref FileSystemEntry entry)
    {
        if (!entry.Attributes.HasFlag(FileAttributes.ReparsePoint))
            return false;
        string path = Path.GetFullPath(entry.ToFullPath());
        string? target = Directory.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName;
        return target is not null && (path + Path.DirectorySeparatorChar).StartsWith(
            Path.TrimEndingDirectorySeparator(target) + Path.DirectorySeparatorChar, StringComparison.Ordinal);
    }
}
