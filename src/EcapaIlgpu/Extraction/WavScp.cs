using System.Text;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// Kaldi's list of recordings: one per line, a name without spaces, then white space, then a path which may contain spaces and is
/// relative to the current folder. Text is UTF-8 (UTF-16 with a byte-order mark is understood); blank lines are passed over, and there are
/// no comments, as in Kaldi.
/// </summary>
public static class WavScp
{
    /// <summary>Reads a list.</summary>
    /// <param name="path">The list's file.</param>
    /// <returns>The recordings in the order of the lines, at least one.</returns>
    /// <exception cref="InputException">
    /// The file cannot be read; a line has no path (its number is given), asks for a command to be run, or repeats the name of an earlier one.
    /// </exception>
    public static IReadOnlyList<AudioInput> Read(string path)
    {
        try
        {
            if (Directory.Exists(path))
                throw new InputException(path, "is a folder; a list has lines 'name path'. To embed what a folder holds, name it without --scp");
            using FileStream stream = File.OpenRead(path);
            return Read(stream, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, $"the list cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads a list from a stream, which stays open.</summary>
    /// <param name="stream">The text.</param>
    /// <param name="source">What to call it in errors.</param>
    /// <inheritdoc cref="Read(string)" path="/returns"/>
    /// <inheritdoc cref="Read(string)" path="/exception"/>
    public static IReadOnlyList<AudioInput> Read(Stream stream, string source)
    {
        List<AudioInput> inputs = [];
        Dictionary<string, int> lineOfName = new(StringComparer.Ordinal);
        UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        using StreamReader reader = new(stream, strict, detectEncodingFromByteOrderMarks: true, leaveOpen: true);
        int lineNumber = 0;
        try
        {
            while (reader.ReadLine() is { } line)
            {
                lineNumber++;
                if (Parse(line, source, lineNumber) is not { } input)
                    continue;
                if (!lineOfName.TryAdd(input.Name, lineNumber))
                    throw At(lineNumber, $"the name '{Shown.Name(input.Name)}' is already that of line {lineOfName[input.Name]}; names must differ");
                inputs.Add(input);
            }
        }
        catch (DecoderFallbackException e)
        {
            throw new InputException(source, $"is not UTF-8 text; a list has lines 'name path'", e);
        }
        return inputs.Count > 0 ? inputs : throw new InputException(source, "the list is empty; it should have lines 'name path'");

        InputException At(int number, string problem) => new($"{source}, line {number}", problem);
    }

    private static AudioInput? Parse(string line, string source, int number)
    {
        ReadOnlySpan<char> text = line.AsSpan().Trim();
        if (text.IsEmpty)
            return null;
        int nameLength = text.IndexOfAny(' ', '\t');
        if (nameLength < 0)
            throw Malformed($"'{Shown.Name(text.ToString())}' has no path; a line is 'name path'");
        ReadOnlySpan<char> path = text[nameLength..].TrimStart();
        if (path[^1] == '|')
        {
            throw Malformed($"'{Shown.Name(path.ToString())}' is a command to run; lists come from anywhere, so commands in them are never run. " +
                "Run it yourself and list the file that it writes");
        }
        if (path.Contains('\0') || text[..nameLength].Contains('\0'))
            throw Malformed("holds a zero byte; this is not a text file");
        return new AudioInput(text[..nameLength].ToString(), path.ToString());

        InputException Malformed(string problem) => new($"{source}, line {number}", problem);
    }
}
