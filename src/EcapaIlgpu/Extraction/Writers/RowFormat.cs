using System.Buffers;

namespace EcapaIlgpu.Extraction.Writers;

/// <summary>
/// What embeddings are in bytes: rows that stand one after the other in a file, and in some formats a line per row in a second file
/// beside it. A row's bytes depend on nothing but its result, so rows may be copied from file to file; a line may also depend on where
/// its row begins.
/// </summary>
internal abstract class RowFormat
{
    /// <summary>A format in its files.</summary>
    /// <param name="description">What people call them.</param>
    /// <param name="paths">The file of rows, and that of lines where the format has one; none where rows go to a stream.</param>
    protected RowFormat(string description, params IReadOnlyList<string> paths)
    {
        Description = description;
        Paths = paths;
    }

    /// <summary>The files, for people.</summary>
    public string Description { get; }

    /// <summary>The file of rows, then the file of lines where there is one.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>Whether a line goes to a second file with every row.</summary>
    public bool HasLines => Paths.Count > 1;

    /// <summary>Whether <see cref="Header"/> must be written again when the number of rows is known. Its length never changes.</summary>
    public virtual bool HeaderCountsRows => false;

    /// <summary>A format in the files that a path stands for.</summary>
    /// <param name="format">Which.</param>
    /// <param name="path">For <see cref="EmbeddingFormat.KaldiArk"/> either file of the pair names both.</param>
    /// <param name="embeddingSize">Numbers per embedding.</param>
    public static RowFormat InFiles(EmbeddingFormat format, string path, int embeddingSize)
    {
        IReadOnlyList<string> paths = EmbeddingWriter.FilesOf(format, path);
        return format switch
        {
            EmbeddingFormat.Npy => new NpyFormat(paths[0], paths[1], embeddingSize),
            EmbeddingFormat.KaldiArk => new KaldiArkFormat(paths[0], paths[1]),
            _ => InOneFile(format, path, embeddingSize, paths),
        };
    }

    /// <summary>A format in a stream, without the second file.</summary>
    /// <exception cref="InputException">The format needs a file.</exception>
    public static RowFormat InStream(EmbeddingFormat format, string name, int embeddingSize) => format switch
    {
        EmbeddingFormat.Npy => throw new InputException(
            name, ".npy begins with its number of rows, which is known at the end: give it a file with --output"),
        EmbeddingFormat.KaldiArk => new KaldiArkFormat(name),
        _ => InOneFile(format, name, embeddingSize, []),
    };

    /// <summary>What stands before the first row.</summary>
    public virtual byte[] Header(int rows) => [];

    /// <inheritdoc cref="IEmbeddingWriter.CheckName"/>
    public abstract void CheckName(string name);

    /// <summary>Encodes a row.</summary>
    /// <exception cref="InputException">The name does not fit the format.</exception>
    public abstract void EncodeRow(ExtractionResult result, IBufferWriter<byte> row);

    /// <summary>Encodes the line that goes with a row; only where <see cref="HasLines"/>.</summary>
    /// <param name="name">UTF-8.</param>
    /// <param name="position">Where the row begins in its file, in bytes.</param>
    /// <param name="line">Receives the line and its end.</param>
    public virtual void EncodeLine(ReadOnlySpan<byte> name, long position, IBufferWriter<byte> line) => throw new NotSupportedException();

    /// <summary>The name in what <see cref="EncodeLine"/> wrote.</summary>
    public virtual ReadOnlySpan<byte> NameIn(ReadOnlySpan<byte> line) => throw new NotSupportedException();

    private static RowFormat InOneFile(EmbeddingFormat format, string name, int embeddingSize, IReadOnlyList<string> paths) => format switch
    {
        EmbeddingFormat.JsonLines => new JsonLinesFormat(name, paths),
        EmbeddingFormat.Csv => new CsvFormat(name, paths, embeddingSize),
        EmbeddingFormat.KaldiText => new KaldiTextFormat(name, paths),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "Not a format of a single file."),
    };
}
