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
    private static readonly string Separator = Path.DirectorySeparatorChar.ToString();

    /// <summary>Lists the files that the arguments stand for.</summary>
    /// <param name="arguments">
    /// A file; a folder (its audio files by extension, recursively, hidden ones left out); a pattern with <c>*</c>, <c>**</c> and, in its
    /// last part, <c>?</c> (for shells that leave patterns to the program); <c>-</c> for standard input. A path that does not exist is
    /// listed all the same: that it cannot be read is that file's own error, not the list's.
    /// </param>
    /// <returns>The files, named by their paths as given (below a folder: the folder as given, then the way to the file).</returns>
    /// <exception cref="InputException">
    /// A folder holds no audio or cannot be read, a pattern matches nothing, or an argument is empty.
    /// </exception>
    public static IReadOnlyList<AudioInput> Expand(IEnumerable<string> arguments) => [.. Enumerate([.. arguments])];

    /// <summary>
    /// As <see cref="Expand"/>, one file at a time. Of a folder, what its subfolders hold is not known before they are reached.
    /// </summary>
    internal static IEnumerable<AudioInput> Enumerate(IReadOnlyList<string> arguments)
    {
        IEnumerable<string> paths = arguments.SelectMany(ExpandOne);
        // What one argument stands for has no file twice.
        if (arguments.Count > 1)
        {
            SeenNames seen = new();
            paths = paths.Where(path => seen.Add(path) is null);
        }
        return paths.Select(path => new AudioInput(path));
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

    private static IEnumerable<string> InFolder(string argument)
    {
        bool isEmpty = true;
        foreach (string path in Below(argument, argument))
        {
            isEmpty = false;
            yield return path;
        }
        if (isEmpty)
        {
            throw new InputException(
                argument, $"no audio files in this folder or below it (looked for {string.Join(' ', AudioFile.Extensions.Order())})");
        }
    }

    /// <summary>The audio files of a folder and its subfolders, by ordinal comparison of their paths.</summary>
    private static IEnumerable<string> Below(string folder, string argument)
    {
        foreach ((string name, bool isFolder) in EntriesOf(folder, argument))
        {
            string path = Path.Join(folder, name);
            if (!isFolder)
            {
                yield return path;
                continue;
            }
            foreach (string below in Below(path, argument))
                yield return below;
        }
    }

    private static (string Name, bool IsFolder)[] EntriesOf(string folder, string argument)
    {
        // A subfolder that cannot be read is said, not passed over.
        EnumerationOptions options = new() { IgnoreInaccessible = false };
        FileSystemEnumerable<(string Name, bool IsFolder)> entries = new(
            folder, static (ref entry) => (entry.FileName.ToString(), entry.IsDirectory), options)
        {
            ShouldIncludePredicate = static (ref entry) => entry.IsDirectory
                ? !LeadsBackUp(ref entry)
                : AudioFile.Extensions.Contains(Path.GetExtension(entry.FileName).ToString()),
        };
        try
        {
            // All paths below a subfolder go on with a separator, so this is where they stand among those of the files.
            return [.. entries.OrderBy(entry => entry.Name + (entry.IsFolder ? Separator : ""), StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unlistable(argument, e);
        }
    }

    private static string[] ByPattern(string pattern)
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
        try
        {
            string[] sorted = [.. files.Order(StringComparer.Ordinal)];
            return sorted.Length > 0 ? sorted : throw new InputException(pattern, noMatch);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unlistable(pattern, e);
        }
    }

    private static InputException Unlistable(string argument, Exception e) => new(argument, $"cannot be listed: {e.Message}", e);

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
