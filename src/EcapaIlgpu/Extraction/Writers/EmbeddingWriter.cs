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
    public static IEmbeddingWriter Create(EmbeddingFormat format, string path, int embeddingSize) => format switch
    {
        EmbeddingFormat.Npy => new NpyWriter(path, embeddingSize),
        EmbeddingFormat.KaldiArk => new KaldiArkWriter(ArkPath(path)),
        _ => Create(format, OutputFile.Create(path), path, embeddingSize),
    };

    /// <summary>Writes to a stream, which stays open.</summary>
    /// <param name="format">How to write; a format that returns to its beginning when it ends (<see cref="EmbeddingFormat.Npy"/>) cannot.</param>
    /// <param name="stream">Where.</param>
    /// <param name="name">What to call it in errors.</param>
    /// <param name="embeddingSize">Numbers per embedding.</param>
    /// <exception cref="InputException">The format needs a file.</exception>
    public static IEmbeddingWriter Create(EmbeddingFormat format, Stream stream, string name, int embeddingSize) => format == EmbeddingFormat.Npy
        ? throw new InputException(name, ".npy begins with its number of rows, which is known at the end: give it a file with --output")
        : Create(format, OutputFile.Over(stream, name), name, embeddingSize);

    private static IEmbeddingWriter Create(EmbeddingFormat format, OutputFile file, string name, int embeddingSize)
    {
        try
        {
            return format switch
            {
                EmbeddingFormat.JsonLines => new JsonLinesWriter(file, name),
                EmbeddingFormat.Csv => new CsvWriter(file, name, embeddingSize),
                EmbeddingFormat.KaldiArk => new KaldiArkWriter(file, name),
                EmbeddingFormat.KaldiText => new KaldiTextWriter(file, name),
                _ => throw new ArgumentOutOfRangeException(nameof(format), format, "Not a format of a single stream."),
            };
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static string ArkPath(string path) =>
        Path.GetExtension(path).Equals(".scp", StringComparison.OrdinalIgnoreCase) ? Path.ChangeExtension(path, ".ark") : path;
}
