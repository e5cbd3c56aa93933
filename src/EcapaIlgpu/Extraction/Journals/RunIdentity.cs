using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using EcapaIlgpu.Extraction.Shards;
using EcapaIlgpu.Extraction.Writers;

namespace EcapaIlgpu.Extraction.Journals;

/// <summary>What two runs must have in common for the rows of both to belong in one file.</summary>
/// <param name="Format">How rows are written.</param>
/// <param name="EmbeddingSize">Numbers per embedding.</param>
/// <param name="Model">SHA-256 of the checkpoint.</param>
/// <param name="Options">What else an embedding's numbers depend on, whatever the device: option and value, in a fixed order.</param>
/// <param name="Inputs">Inputs of the list, all shards together.</param>
/// <param name="List">SHA-256 of the inputs' names and paths in order, see <see cref="DigestOf"/>.</param>
/// <param name="Shard">Which part of the list the run embeds; null for all of it.</param>
internal sealed record RunIdentity(
    EmbeddingFormat Format,
    int EmbeddingSize,
    string Model,
    IReadOnlyList<KeyValuePair<string, string>> Options,
    int Inputs,
    string List,
    Shard? Shard)
{
    private const int DigestCharactersShown = 12;

    /// <summary>The identity of a run that embeds a list, or a shard of it, in a format.</summary>
    public static RunIdentity Of(
        SpeakerEmbedder embedder, EmbeddingFormat format, IReadOnlyCollection<AudioInput> inputs, Shard? shard) => new(
        format, embedder.EmbeddingSize, embedder.Model.Digest, embedder.OptionsOfValues, inputs.Count, DigestOf(inputs), shard);

    /// <summary>SHA-256 over names and paths, each ended by a zero byte, which neither can hold.</summary>
    public static string DigestOf(IEnumerable<AudioInput> inputs)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (AudioInput input in inputs)
            hash.AppendData(Encoding.UTF8.GetBytes($"{input.Name}\0{input.Path}\0"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>What differs between a run that is there and another, in words; null where their rows belong together.</summary>
    /// <param name="other">The other run.</param>
    /// <param name="there">What to call this one's side.</param>
    /// <param name="here">What to call the other's side.</param>
    public string? DifferenceFrom(RunIdentity other, string there, string here)
    {
        List<string> differences = [];
        Compare("format", NameOf(Format), NameOf(other.Format));
        Compare("model, SHA-256", Model, other.Model, Short);
        Compare("embedding size", Shown(EmbeddingSize), Shown(other.EmbeddingSize));
        foreach (string option in Options.Concat(other.Options).Select(o => o.Key).Distinct(StringComparer.Ordinal))
            Compare(option, Value(this, option), Value(other, option));
        Compare("list of inputs, number of files", Shown(Inputs), Shown(other.Inputs));
        if (Inputs == other.Inputs)
            Compare("list of inputs (as many, with other names, paths or order), SHA-256", List, other.List, Short);
        Compare("shard", Shard?.ToString() ?? "none", other.Shard?.ToString() ?? "none");
        return differences.Count > 0 ? string.Join("; ", differences) : null;

        void Compare(string what, string mine, string others, Func<string, string>? shown = null)
        {
            shown ??= value => value;
            if (mine != others)
                differences.Add($"{what}: {EcapaIlgpu.Shown.Name(shown(mine))} {there}, {EcapaIlgpu.Shown.Name(shown(others))} {here}");
        }
    }

    /// <summary>A format as <c>--format</c> calls it.</summary>
    public static string NameOf(EmbeddingFormat format) => EmbeddingWriter.Names.First(pair => pair.Value == format).Key;

    private static string Value(RunIdentity run, string option) => run.Options.FirstOrDefault(o => o.Key == option).Value ?? "not given";

    private static string Short(string digest) => digest.Length > DigestCharactersShown ? digest[..DigestCharactersShown] : digest;

    private static string Shown(int number) => number.ToString(CultureInfo.InvariantCulture);
}
