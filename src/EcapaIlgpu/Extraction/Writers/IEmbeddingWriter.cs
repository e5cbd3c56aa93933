namespace EcapaIlgpu.Extraction.Writers;

/// <summary>
/// Writes embeddings to one output, a row at a time. The output stands under its final name only after <see cref="Complete"/>; disposing
/// without it leaves nothing.
/// </summary>
/// <remarks>For one thread at a time.</remarks>
public interface IEmbeddingWriter : IDisposable
{
    /// <summary>Rows written whole.</summary>
    int Rows { get; }

    /// <summary>What was written, for people: a path, or two.</summary>
    string Description { get; }

    /// <summary>Checks that the format can hold a name, so that this is known before any work is done.</summary>
    /// <exception cref="InputException">It cannot.</exception>
    void CheckName(string name);

    /// <summary>Appends one row.</summary>
    /// <param name="result">A result with an embedding.</param>
    /// <exception cref="InputException">
    /// The name does not fit the format, or the output cannot be written (a full disk); rows before it stay good.
    /// </exception>
    void Write(ExtractionResult result);

    /// <summary>
    /// Finishes the output and moves it to its final name, replacing what was there. Also right after <see cref="Write"/> failed: rows
    /// written whole are kept, what there is of another is cut off.
    /// </summary>
    /// <exception cref="InputException">The output cannot be written.</exception>
    void Complete();
}
