namespace EcapaIlgpu.Extraction.Writers;

/// <summary>How embeddings are written.</summary>
public enum EmbeddingFormat
{
    /// <summary>One JSON object per line.</summary>
    JsonLines,

    /// <summary>Comma-separated values with a header.</summary>
    Csv,

    /// <summary>NumPy float32 <c>[rows, size]</c>, names in a <c>.txt</c> beside it.</summary>
    Npy,

    /// <summary>Kaldi's binary archive, with its index in a <c>.scp</c> beside it.</summary>
    KaldiArk,

    /// <summary>Kaldi's text archive.</summary>
    KaldiText,
}

/// <summary>The writers by format.</summary>
public static class EmbeddingWriter
{
    /// <summary>The formats by what <c>--format</c> calls them.</summary>
    internal static IReadOnlyDictionary<string, EmbeddingFormat> Names { get; } =
        new Dictionary<string, EmbeddingFormat>(StringComparer.OrdinalIgnoreCase)
        {
            ["jsonl"] = EmbeddingFormat.JsonLines,
            ["csv"] = EmbeddingFormat.Csv,
            ["npy"] = EmbeddingFormat.Npy,
            ["ark"] = EmbeddingFormat.KaldiArk,
            ["txt"] = EmbeddingFormat.KaldiText,
        };

    /// <summary>The format that a path's extension asks for; null where it asks for none of them.</summary>
    public static EmbeddingFormat? FormatOf(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".jsonl" => EmbeddingFormat.JsonLines,
        ".csv" => EmbeddingFormat.Csv,
        ".npy" => EmbeddingFormat.Npy,
        ".ark" or ".scp" => EmbeddingFormat.KaldiArk,
        ".txt" => EmbeddingFormat.KaldiText,
        _ => null,
    };

    /// <summary>The files that writing to a path makes.</summary>
    public static IReadOnlyList<string> FilesOf(EmbeddingFormat format, string path) => format switch
    {
        EmbeddingFormat.Npy => [path, Path.ChangeExtension(path, ".txt")],
        EmbeddingFormat.KaldiArk => [ArkPath(path), Path.ChangeExtension(path, ".scp")],
        _ => [path],
    };

    /// <summary>Begins an output file, so that what cannot be written is known before any work is done.</summary>
    /// <param name="format">How to write.</param>
    /// <param name="path">Where. For <see cref="EmbeddingFormat.KaldiArk"/> either file of the pair names both.</param>
    /// <param name="embeddingSize">Numbers per embedding.</param>
    /// <exception cref="InputException">The output cannot be written.</exception>
    public static IEmbeddingWriter Create(EmbeddingFormat format, string path, int embeddingSize) =>
        RowWriter.Create(RowFormat.InFiles(format, path, embeddingSize), OutputFile.Create);

    /// <summary>Writes to a stream, which stays open.</summary>
    /// <param name="format">
    /// How to write; a format that returns to its beginning when it ends (<see cref="EmbeddingFormat.Npy"/>) cannot.
    /// </param>
    /// <param name="stream">Where.</param>
    /// <param name="name">What to call it in errors.</param>
    /// <param name="embeddingSize">Numbers per embedding.</param>
    /// <exception cref="InputException">The format needs a file.</exception>
    public static IEmbeddingWriter Create(EmbeddingFormat format, Stream stream, string name, int embeddingSize) =>
        new RowWriter(RowFormat.InStream(format, name, embeddingSize), OutputFile.Over(stream, name));

    private static string ArkPath(string path) =>
        Path.GetExtension(path).Equals(".scp", StringComparison.OrdinalIgnoreCase) ? Path.ChangeExtension(path, ".ark") : path;
}
