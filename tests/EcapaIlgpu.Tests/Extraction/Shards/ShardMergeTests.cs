using EcapaIlgpu.Extraction;
using EcapaIlgpu.Extraction.Journals;
using EcapaIlgpu.Extraction.Shards;
using EcapaIlgpu.Extraction.Writers;
using EcapaIlgpu.Tests.Extraction.Journals;

namespace EcapaIlgpu.Tests.Extraction.Shards;

public sealed class ShardMergeTests
{
    public static TheoryData<EmbeddingFormat> Formats => [.. Enum.GetValues<EmbeddingFormat>()];

    private static string PartName(JournalScene scene, int index) => scene.Folder[$"part-{index}.{RunIdentity.NameOf(scene.Run.Format)}"];

    /// <summary>Embeds a shard into a file of its own; inputs go to shards by <paramref name="shardOf"/>.</summary>
    private static string EmbedShard(
        JournalScene scene, int index, int count, Func<int, int> shardOf, Func<int, bool>? fails = null,
        Func<RunIdentity, RunIdentity>? change = null, int? most = null)
    {
        OrdinalSet inputs = new(scene.Inputs.Count);
        foreach (int ordinal in Enumerable.Range(0, scene.Inputs.Count).Where(i => shardOf(i) == index))
            inputs.Add(ordinal);
        RunIdentity run = scene.Run with { Shard = new Shard(index, count) };
        using JournaledOutput output = scene.Open(UnfinishedRun.Discard, change?.Invoke(run) ?? run, inputs, PartName(scene, index))!;
        scene.Embed(output, fails, most);
        output.Complete();
        return PartName(scene, index);
    }

    private static InputException Refused(JournalScene scene, params string[] parts)
    {
        InputException error = Assert.Throws<InputException>(
            () => ShardMerge.Merge(scene.Format().Paths[0], parts, null, CancellationToken.None));
        Assert.DoesNotContain(scene.Folder.Entries(), name => name.StartsWith("e.", StringComparison.Ordinal) || name[0] == '.');
        return error;
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Shards_give_the_files_of_one_run(EmbeddingFormat format)
    {
        using JournalScene scene = new(23, format);
        int seed = Environment.TickCount;
        Random random = new(seed);
        for (int round = 0; round < 5; round++)
        {
            int count = random.Next(1, 6);
            int[] shardOf = [.. scene.Inputs.Select(_ => random.Next(1, count + 1))];
            HashSet<int> failing = [.. Enumerable.Range(0, 4).Select(_ => random.Next(scene.Inputs.Count))];
            SortedDictionary<string, byte[]> expected = scene.Undisturbed(failing.Contains);
            string[] parts = [.. Enumerable.Range(1, count).Select(i => EmbedShard(scene, i, count, o => shardOf[o], failing.Contains))];
            random.Shuffle(parts);
            string output = scene.Folder[format == EmbeddingFormat.KaldiArk ? "e.scp" : JournalScene.OutputName(format)];
            MergedShards merged = ShardMerge.Merge(output, parts, null, CancellationToken.None);
            Assert.Equal((23 - failing.Count, 23, failing.Count), (merged.Rows, merged.Inputs, merged.Failed));
            Assert.Equal(failing.Count > 0, File.Exists(merged.FailedPath));
            Assert.Equal(failing.Order().Select(o => scene.Inputs[o]), failing.Count > 0 ? WavScp.Read(merged.FailedPath) : []);
            foreach ((string name, byte[] bytes) in expected)
            {
                Assert.True(
                    bytes.AsSpan().SequenceEqual(File.ReadAllBytes(scene.Folder[name])), $"{name} differs, seed {seed}, round {round}");
            }
            scene.Clear();
        }
    }

    [Fact]
    public void A_merged_output_is_resumed_as_one_runs()
    {
        using JournalScene scene = new(5);
        SortedDictionary<string, byte[]> expected = scene.Undisturbed();
        string[] parts = [.. Enumerable.Range(1, 2).Select(i => EmbedShard(scene, i, 2, o => 1 + (o % 2), o => o == 2))];
        ShardMerge.Merge(scene.Format().Paths[0], parts, null, CancellationToken.None);
        using (JournaledOutput output = scene.Open(UnfinishedRun.Resume)!)
        {
            Assert.Equal([2], output.Remaining);
            scene.Embed(output);
            output.Complete();
        }
        foreach ((string name, byte[] bytes) in expected)
            Assert.Equal(bytes, File.ReadAllBytes(scene.Folder[name]));
    }

    [Fact]
    public void Shards_that_do_not_make_one_run_are_named_and_nothing_is_written()
    {
        using JournalScene scene = new(8);
        Func<int, int> shardOf = o => 1 + (o % 3);
        string[] parts = [.. Enumerable.Range(1, 3).Select(i => EmbedShard(scene, i, 3, shardOf))];
        string copy = scene.Folder["copy.ark"];
        File.Copy(parts[1], copy);
        File.Copy(JournaledOutput.JournalPathOf(parts[1]), JournaledOutput.JournalPathOf(copy));
        File.Copy(Path.ChangeExtension(parts[1], ".scp"), scene.Folder["copy.scp"]);

        Assert.Contains("of the others 2/3, 3/3 are missing", Refused(scene, parts[0]).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            $"{copy}: is shard 2/3, and so is {parts[1]}", Refused(scene, [.. parts, copy]).Message, StringComparison.Ordinal);
        Assert.Contains("has no journal", Refused(scene, scene.Folder["nothing.ark"]).Message, StringComparison.Ordinal);

        foreach ((Func<RunIdentity, RunIdentity> change, string problem) in new (Func<RunIdentity, RunIdentity>, string)[]
        {
            (run => run with { Model = "ffff" }, "they differ in model, SHA-256"),
            (run => run with { List = "ffff" }, "they differ in list of inputs"),
            (run => run with { Options = [new("--normalize", "yes")] }, "they differ in --normalize: no in"),
            (run => run with { Shard = new Shard(3, 4) }, "is shard 3/4, and"),
        })
        {
            EmbedShard(scene, 3, 3, shardOf, change: change);
            InputException error = Refused(scene, parts);
            Assert.StartsWith($"{parts[2]}: ", error.Message, StringComparison.Ordinal);
            Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        }
        EmbedShard(scene, 3, 3, shardOf, most: 1);
        Assert.StartsWith(
            $"{parts[2]}: its run ended with 1 of 2 files; run it again with --resume", Refused(scene, parts).Message,
            StringComparison.Ordinal);
        EmbedShard(scene, 3, 3, o => o == 0 ? 3 : shardOf(o));
        Assert.Contains("did not see the same files", Refused(scene, parts).Message, StringComparison.Ordinal);
        EmbedShard(scene, 3, 3, o => o == 2 ? 0 : shardOf(o));
        Assert.Contains("lack 1 of the 8 inputs", Refused(scene, parts).Message, StringComparison.Ordinal);
        EmbedShard(scene, 3, 3, shardOf);
        Assert.Contains(
            "are ark", Assert.Throws<InputException>(() => ShardMerge.Merge("e.npy", parts, null, CancellationToken.None)).Message,
            StringComparison.Ordinal);
        ShardMerge.Merge(scene.Format().Paths[0], parts, null, CancellationToken.None);
    }

    [Theory]
    [InlineData(EmbeddingFormat.KaldiArk)]
    [InlineData(EmbeddingFormat.Npy)]
    [InlineData(EmbeddingFormat.KaldiText)]
    public void Nothing_that_is_merged_is_overwritten_by_any_of_the_files_that_come_of_it(EmbeddingFormat format)
    {
        using JournalScene scene = new(6, format);
        string[] parts = [.. Enumerable.Range(1, 2).Select(i => EmbedShard(scene, i, 2, o => 1 + (o % 2), o => o == 3))];
        RowFormat second = scene.Format(parts[1]);
        string ending = Path.GetExtension(parts[1]), output = scene.Format().Paths[0];
        string journal = JournaledOutput.JournalPathOf(second);
        List<(string Output, string? Failed, string Overwritten)> slips =
        [
            (parts[1], null, parts[1]),
            (output, journal, journal),
            (scene.Folder[$"sub/../part-2{ending}"], null, parts[1]),
            .. second.Paths.Select(path => (output, (string?)path, path)),
        ];
        // The second file of a pair is the journal or the rows of somebody who calls things strangely.
        if (format == EmbeddingFormat.KaldiText)
        {
            string odd = scene.Folder["odd.txt.journal"];
            File.Move(parts[1], odd);
            File.Move(journal, JournaledOutput.JournalPathOf(odd));
            parts[1] = odd;
            slips = [(scene.Folder["odd.txt"], null, odd)];
        }
        if (!OperatingSystem.IsWindows())
        {
            File.CreateSymbolicLink(scene.Folder[$"link{ending}"], parts[1]);
            Directory.CreateDirectory(scene.Folder["elsewhere"]);
            Directory.CreateSymbolicLink(scene.Folder["elsewhere/back"], scene.Folder.FullPath);
            slips.Add((scene.Folder[$"link{ending}"], null, parts[1]));
            slips.Add((output, scene.Folder[$"elsewhere/back/{Path.GetFileName(parts[1])}"], parts[1]));
        }
        string[] before = [.. scene.Folder.Entries()];
        foreach ((string slip, string? failed, string overwritten) in slips)
        {
            InputException error = Assert.Throws<InputException>(() => ShardMerge.Merge(slip, parts, failed, CancellationToken.None));
            Assert.EndsWith(
                $" would overwrite '{overwritten}', which is read; choose another name.", error.Message, StringComparison.Ordinal);
        }
        foreach (string twice in RunOutput.FilesOf(format, output))
        {
            InputException error = Assert.Throws<InputException>(() => ShardMerge.Merge(output, parts, twice, CancellationToken.None));
            string clash = $"'{twice}' would be written twice, for the output {output} and for the list of failed files";
            Assert.Contains(clash, error.Message, StringComparison.Ordinal);
        }
        Assert.Equal(before, scene.Folder.Entries());
        Assert.Equal(1, ShardMerge.Merge(output, parts, null, CancellationToken.None).Failed);
    }

    [Fact]
    public void A_shard_whose_bytes_changed_is_not_merged()
    {
        using JournalScene scene = new(6);
        string[] parts = [.. Enumerable.Range(1, 2).Select(i => EmbedShard(scene, i, 2, o => 1 + (o % 2)))];
        byte[] good = File.ReadAllBytes(parts[1]);
        for (int at = 0; at < good.Length; at++)
        {
            byte[] bad = [.. good];
            bad[at] ^= 0x10;
            File.WriteAllBytes(parts[1], bad);
            Assert.StartsWith($"{parts[1]}: is not what its journal says", Refused(scene, parts).Message, StringComparison.Ordinal);
        }
        File.WriteAllBytes(parts[1], [.. good, 0]);
        Assert.Contains("is not what its journal says", Refused(scene, parts).Message, StringComparison.Ordinal);
    }
}
