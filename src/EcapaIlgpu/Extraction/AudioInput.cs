namespace EcapaIlgpu.Extraction;

/// <summary>One file to embed.</summary>
/// <param name="Name">What its row is called in the output: the path as it was given, or the first field of a manifest line.</param>
/// <param name="Path">Where the audio is; <c>-</c> is standard input.</param>
public sealed record AudioInput(string Name, string Path)
{
    /// <summary>A file that goes by its path.</summary>
    public AudioInput(string path)
        : this(path, path)
    {
    }
}
