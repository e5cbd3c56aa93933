namespace EcapaIlgpu.Extraction.Writers;

/// <summary>What Kaldi's tables accept as a key.</summary>
internal static class KaldiName
{
    /// <summary>
    /// Checks a key. It is not escaped: an escaped one would no longer be the name that other lists use for the same recording.
    /// </summary>
    /// <exception cref="InputException">The name is empty or has white space, which ends a key in every Kaldi table.</exception>
    public static void Check(string name)
    {
        if (name.Length == 0 || name.Any(char.IsWhiteSpace))
        {
            throw new InputException(
                name, "Kaldi's names cannot have white space; name the files with --scp, or write .npy, .jsonl or .csv");
        }
    }
}
