using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// Kaldi's list of recordings: one per line, a name without spaces, then white space, then a path which may contain spaces and is
/// relative to the current folder. Text is UTF-8 (UTF-16 with a byte-order mark is understood); blank lines are passed over.
/// </summary>
/// <remarks>
/// Two things go beyond Kaldi, so that any input can be listed, and said why: a line that begins with <c># </c> is a remark, and a name
/// or path that is a JSON string, in double quotes, is what that string says (<c>"my take.wav" my take.wav</c>).
/// </remarks>
public static class WavScp
{
    private const string Comment = "#";
    private const char ByteOrderMark = '\uFEFF';

    /// <summary>Reads a list.</summary>
    /// <param name="path">The list's file.</param>
    /// <returns>The recordings in the order of the lines, at least one.</returns>
    /// <exception cref="InputException">
    /// The file cannot be read; a line has no path (its number is given), asks for a command to be run, or repeats the name of an earlier
    /// one.
    /// </exception>
    public static IReadOnlyList<AudioInput> Read(string path) => [.. Enumerate(path)];

    /// <summary>Reads a list from a stream, which stays open.</summary>
    /// <param name="stream">The text.</param>
    /// <param name="source">What to call it in errors.</param>
    /// <inheritdoc cref="Read(string)" path="/returns"/>
    /// <inheritdoc cref="Read(string)" path="/exception"/>
    public static IReadOnlyList<AudioInput> Read(Stream stream, string source) => [.. Enumerate(stream, source)];

    /// <summary>As <see cref="Read(string)"/>, one recording at a time; what is wrong with a line is said when it is reached.</summary>
    internal static IEnumerable<AudioInput> Enumerate(string path)
    {
        using FileStream stream = Open(path);
        foreach (AudioInput input in Enumerate(stream, path))
            yield return input;
    }

    /// <inheritdoc cref="Enumerate(string)"/>
    internal static IEnumerable<AudioInput> Enumerate(Stream stream, string source)
    {
        SeenNames names = new();
        UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        using StreamReader reader = new(stream, strict, detectEncodingFromByteOrderMarks: true, leaveOpen: true);
        bool isEmpty = true;
        for (int number = 1; ReadLine(reader, source) is { } line; number++)
        {
            if (Parse(line, source, number) is not { } input)
                continue;
            if (names.Add(input.Name, number) is { } earlier)
            {
                string problem = $"the name '{Shown.Name(input.Name)}' is already that of line {earlier}; names must differ";
                throw new InputException($"{source}, line {number}", problem);
            }
            isEmpty = false;
            yield return input;
        }
        if (isEmpty)
            throw new InputException(source, "the list is empty; it should have lines 'name path'");
    }

    /// <summary>A remark, with its line end.</summary>
    internal static string Remark(string text) => $"# {text.ReplaceLineEndings(" ")}\n";

    /// <summary>The line that <see cref="Read(Stream, string)"/> reads as an input, with its end.</summary>
    internal static string Line(AudioInput input)
    {
        bool nameIsPlain = input.Name is not ("" or Comment) && input.Name[0] != '"'
            && !input.Name.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c == ByteOrderMark);
        bool pathIsPlain = input.Path is not "" && input.Path[0] != '"' && input.Path[^1] != '|' && input.Path.Trim() == input.Path
            && !input.Path.Any(char.IsControl);
        return $"{(nameIsPlain ? input.Name : Quoted(input.Name))} {(pathIsPlain ? input.Path : Quoted(input.Path))}\n";
    }

    private static string Quoted(string text) => $"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text)}\"";

    private static FileStream Open(string path)
    {
        if (Directory.Exists(path))
        {
            throw new InputException(
                path, "is a folder; a list has lines 'name path'. To embed what a folder holds, name it without --scp");
        }
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, e);
        }
    }

    private static string? ReadLine(StreamReader reader, string source)
    {
        try
        {
            return reader.ReadLine();
        }
        catch (DecoderFallbackException e)
        {
            throw new InputException(source, "is not UTF-8 text; a list has lines 'name path'", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(source, e);
        }
    }

    private static InputException Unreadable(string source, Exception e) => new(source, $"the list cannot be read: {e.Message}", e);

    private static AudioInput? Parse(string line, string source, int number)
    {
        string text = line.Trim();
        if (text.Length == 0 || text == Comment
            || text.StartsWith("# ", StringComparison.Ordinal) || text.StartsWith("#\t", StringComparison.Ordinal))
            return null;
        (string? name, int nameLength) = ReadQuoted(text);
        // A name that begins with a quote but is no JSON string is what it is, as ever.
        if (name is null || (nameLength < text.Length && text[nameLength] is not (' ' or '\t')))
        {
            nameLength = text.IndexOfAny([' ', '\t']);
            name = nameLength < 0 ? text : text[..nameLength];
        }
        if (nameLength < 0 || nameLength == text.Length)
            throw Malformed($"'{Shown.Name(text)}' has no path; a line is 'name path'");
        string path = text[nameLength..].TrimStart();
        (string? quoted, int quotedLength) = ReadQuoted(path);
        if (quoted is not null && quotedLength == path.Length)
        {
            path = quoted;
        }
        else if (path[^1] == '|')
        {
            throw Malformed($"'{Shown.Name(path)}' is a command to run; lists come from anywhere, so commands in them are never run. " +
                "Run it yourself and list the file that it writes");
        }
        if (path.Length == 0)
            throw Malformed($"'{Shown.Name(text)}' has an empty path; a line is 'name path'");
        if (path.Contains('\0') || name.Contains('\0'))
            throw Malformed("holds a zero byte; this is not a text file");
        return new AudioInput(name, path);

        InputException Malformed(string problem) => new($"{source}, line {number}", problem);
    }

    /// <summary>What the JSON string says that a text begins with, and its length there; null where there is none.</summary>
    private static (string? Value, int Length) ReadQuoted(string text)
    {
        if (text[0] != '"')
            return (null, 0);
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Utf8JsonReader json = new(bytes);
        try
        {
            json.Read();
            return (json.GetString(), Encoding.UTF8.GetCharCount(bytes.AsSpan(0, (int)json.BytesConsumed)));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return (null, 0);
        }
    }
}
