using EcapaIlgpu.Extraction;
using EcapaIlgpu.Extraction.Journals;
using EcapaIlgpu.Extraction.Writers;

namespace EcapaIlgpu.Tests.Extraction.Journals;

/// <summary>
/// Runs over a list of a few inputs whose results follow from their names, in a folder of their own; some inputs fail where a test says
/// so.
/// </summary>
internal sealed class JournalScene(int inputs, EmbeddingFormat format = EmbeddingFormat.KaldiArk) : IDisposable
{
    public const int EmbeddingSize = 3;

    public TemporaryFolder Folder { get; } = new();

    public IReadOnlyList<AudioInput> Inputs { get; } = [.. Enumerable.Range(0, inputs).Select(i => new AudioInput($"utt{i}", $"audio/{i}.wav"))];

    public RunIdentity Run =>
        new(
            format, EmbeddingSize, "0123456789abcdef0123456789abcdef", [new("--normalize", "no")], Inputs.Count,
            RunIdentity.DigestOf(Inputs), null);

    public static string OutputName(EmbeddingFormat format) => "e." + RunIdentity.NameOf(format);

    public void Dispose() => Folder.Dispose();

    public RowFormat Format(string? path = null) => RowFormat.InFiles(format, path ?? Folder[OutputName(format)], EmbeddingSize);

    public JournaledOutput? Open(UnfinishedRun unfinished, RunIdentity? run = null, OrdinalSet? shardInputs = null, string? path = null) =>
        JournaledOutput.Open(Format(path), run ?? Run, unfinished, () => shardInputs!, CancellationToken.None);

    /// <summary>Embeds what remains, or the first few of it; those that fail get a reason.</summary>
    public void Embed(JournaledOutput output, Func<int, bool>? fails = null, int? most = null)
    {
        foreach (int ordinal in output.Remaining.Take(most ?? int.MaxValue))
        {
            ExtractionResult result = Result(ordinal, fails?.Invoke(ordinal) ?? false);
            if (result.Error is null)
                output.Write(result);
            else
                output.WriteFailure(result);
        }
    }

    /// <summary>Begins or resumes, embeds everything that remains, and completes.</summary>
    public void EmbedAll(UnfinishedRun unfinished = UnfinishedRun.Resume, Func<int, bool>? fails = null)
    {
        using JournaledOutput? output = Open(unfinished);
        if (output is null)
            return;
        Embed(output, fails);
        output.Complete();
    }

    /// <summary>Begins or resumes, embeds some, and ends as a killed process does: with what has been written.</summary>
    public void EmbedAndDie(int most, Func<int, bool>? fails = null, UnfinishedRun unfinished = UnfinishedRun.Resume)
    {
        using JournaledOutput output = Open(unfinished)!;
        Embed(output, fails, most);
    }

    /// <summary>Begins, embeds some, and ends as a run does that is told to stop: what it has stands under the final names.</summary>
    public void EmbedAndStop(int most, Func<int, bool>? fails = null)
    {
        using JournaledOutput output = Open(UnfinishedRun.Refuse)!;
        Embed(output, fails, most);
        output.Complete();
    }

    /// <summary>The hidden files of a run under way.</summary>
    public string[] Partials() => [.. Directory.GetFiles(Folder.FullPath, ".*.partial").Order(StringComparer.Ordinal)];

    public string JournalPartial => OutputFile.PartialPath(JournaledOutput.JournalPathOf(Format()));

    /// <summary>Names and bytes of everything that a person sees in the folder.</summary>
    public SortedDictionary<string, byte[]> Outcome() =>
        new(Folder.Entries().ToDictionary(name => name, name => File.ReadAllBytes(Folder[name])), StringComparer.Ordinal);

    /// <summary>What one undisturbed run gives; nothing of it is left.</summary>
    public SortedDictionary<string, byte[]> Undisturbed(Func<int, bool>? fails = null)
    {
        EmbedAll(UnfinishedRun.Refuse, fails);
        SortedDictionary<string, byte[]> outcome = Outcome();
        Clear();
        return outcome;
    }

    public void Clear()
    {
        foreach (string file in Directory.GetFiles(Folder.FullPath))
            File.Delete(file);
    }

    private ExtractionResult Result(int ordinal, bool fails) => fails
        ? new ExtractionResult(Inputs[ordinal]) { Error = new InputException(Inputs[ordinal].Path, $"is broken (\"{ordinal}\")") }
        : new ExtractionResult(Inputs[ordinal]) { Embedding = new[] { ordinal, 0.1f * ordinal, -1 }, Duration = TimeSpan.FromSeconds(ordinal + 0.25) };
}
