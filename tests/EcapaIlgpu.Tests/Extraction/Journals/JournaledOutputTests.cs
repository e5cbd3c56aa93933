using EcapaIlgpu.Extraction.Journals;
using EcapaIlgpu.Extraction.Shards;
using EcapaIlgpu.Extraction.Writers;
using FsCheck;
using FsCheck.Fluent;

namespace EcapaIlgpu.Tests.Extraction.Journals;

public sealed class JournaledOutputTests
{
    public static TheoryData<EmbeddingFormat> Formats => [.. Enum.GetValues<EmbeddingFormat>()];

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_journal_cut_at_any_byte_is_continued_to_the_same_files(EmbeddingFormat format)
    {
        using JournalScene scene = new(4, format);
        SortedDictionary<string, byte[]> expected = scene.Undisturbed();
        scene.EmbedAndDie(4);
        Dictionary<string, byte[]> whole = scene.Partials().ToDictionary(path => path, File.ReadAllBytes);
        byte[] journal = whole[scene.JournalPartial];
        int header = Array.IndexOf(journal, (byte)'\n') + 1;
        // Within the header nothing depends on the byte: a few of those places are enough.
        foreach (int length in Enumerable.Range(0, journal.Length + 1).Where(at => at >= header - 1 || at % 40 == 0))
        {
            scene.Clear();
            foreach ((string path, byte[] bytes) in whole)
                File.WriteAllBytes(path, path == scene.JournalPartial ? bytes[..length] : bytes);
            using (JournaledOutput output = scene.Open(UnfinishedRun.Resume)!)
            {
                Assert.Equal(journal[..length].Count(b => b == '\n') - (length < header ? 0 : 1), output.RowsBefore);
                Assert.Equal(Enumerable.Range(output.RowsBefore, 4 - output.RowsBefore), output.Remaining);
                scene.Embed(output);
                output.Complete();
            }
            Assert.Equal(expected, scene.Outcome());
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Rows_that_did_not_reach_the_disk_do_not_count(EmbeddingFormat format)
    {
        using JournalScene scene = new(3, format);
        SortedDictionary<string, byte[]> expected = scene.Undisturbed();
        scene.EmbedAndDie(3);
        Dictionary<string, byte[]> whole = scene.Partials().ToDictionary(path => path, File.ReadAllBytes);
        foreach (string torn in whole.Keys.Where(path => path != scene.JournalPartial))
        {
            for (int length = 0; length < whole[torn].Length; length += format == EmbeddingFormat.KaldiArk ? 1 : 11)
            {
                scene.Clear();
                foreach ((string path, byte[] bytes) in whole)
                    File.WriteAllBytes(path, bytes);
                // As a power cut leaves it: the length is there and the bytes are not, or neither is.
                byte[] left = length % 2 == 0
                    ? whole[torn][..length]
                    : [.. whole[torn][..length], .. new byte[whole[torn].Length - length]];
                File.WriteAllBytes(torn, left);
                scene.EmbedAll();
                Assert.Equal(expected, scene.Outcome());
            }
        }
    }

    [Fact]
    public void Whatever_is_in_the_files_of_a_killed_run_no_wrong_row_comes_of_it()
    {
        using JournalScene scene = new(5);
        SortedDictionary<string, byte[]> expected = scene.Undisturbed();
        scene.EmbedAndDie(4);
        Dictionary<string, byte[]> whole = scene.Partials().ToDictionary(path => path, File.ReadAllBytes);
        Gen<(string Path, byte[] Bytes)> damaged =
            from path in Gen.Elements(whole.Keys.ToArray())
            from position in Gen.Choose(0, whole[path].Length - 1)
            from replaced in Gen.Choose(0, 12)
            from noise in Gen.ArrayOf(Gen.Choose(0, 255).Select(b => (byte)b))
            from everything in Gen.Frequency((4, Gen.Constant(false)), (1, Gen.Constant(true)))
            let rest = whole[path][Math.Min(whole[path].Length, position + replaced)..]
            select (path, everything ? noise : [.. whole[path][..position], .. noise, .. rest]);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(200), Prop.ForAll(damaged.ToArbitrary(), change =>
        {
            scene.Clear();
            foreach ((string path, byte[] bytes) in whole)
                File.WriteAllBytes(path, path == change.Path ? change.Bytes : bytes);
            // A header that is none is said; everything else is continued, or made anew.
            if (Record.Exception(() => scene.EmbedAll()) is { } refused)
                Assert.IsType<InputException>(refused);
            else
                Assert.Equal(expected, scene.Outcome());
        }));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Failed_inputs_are_tried_again_and_the_rows_stand_in_the_lists_order(EmbeddingFormat format)
    {
        using JournalScene scene = new(9, format);
        SortedDictionary<string, byte[]> expected = scene.Undisturbed(ordinal => ordinal == 5);
        scene.EmbedAndDie(7, ordinal => ordinal % 2 == 1);
        using (JournaledOutput output = scene.Open(UnfinishedRun.Resume)!)
        {
            Assert.Equal([1, 3, 5, 7, 8], output.Remaining);
            Assert.Equal(4, output.RowsBefore);
            scene.Embed(output, ordinal => ordinal is 3 or 5, most: 3);
        }
        using (JournaledOutput output = scene.Open(UnfinishedRun.Resume)!)
        {
            Assert.Equal([3, 5, 7, 8], output.Remaining);
            scene.Embed(output, ordinal => ordinal == 5);
            output.Complete();
            Assert.Equal(8, output.Rows);
        }
        Assert.Equal(expected, scene.Outcome());
        Assert.Equal(new FailedInput(scene.Inputs[5], "is broken (\"5\")"), Assert.Single(JournaledOutput.FailuresIn(scene.Format())));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_run_that_ended_with_failures_is_continued_and_keeps_its_files_until_then(EmbeddingFormat format)
    {
        using JournalScene scene = new(4, format);
        SortedDictionary<string, byte[]> expected = scene.Undisturbed();
        scene.EmbedAll(UnfinishedRun.Refuse, ordinal => ordinal is 0 or 2);
        SortedDictionary<string, byte[]> ended = scene.Outcome();
        scene.EmbedAndDie(1);
        foreach ((string name, byte[] bytes) in ended)
            Assert.Equal(bytes, File.ReadAllBytes(scene.Folder[name]));
        scene.EmbedAll();
        Assert.Equal(expected, scene.Outcome());
    }

    [Fact]
    public void A_finished_run_is_not_touched()
    {
        using JournalScene scene = new(3);
        scene.EmbedAll(UnfinishedRun.Refuse);
        DateTime before = File.GetLastWriteTimeUtc(scene.Format().Paths[0]);
        Assert.Null(scene.Open(UnfinishedRun.Resume));
        Assert.Equal(before, File.GetLastWriteTimeUtc(scene.Format().Paths[0]));
        Assert.Empty(scene.Partials());
    }

    [Fact]
    public void A_run_killed_while_it_moves_its_files_is_continued()
    {
        using JournalScene scene = new(3);
        SortedDictionary<string, byte[]> expected = scene.Undisturbed();
        foreach (int moved in new[] { 1, 2 })
        {
            scene.Clear();
            scene.EmbedAndDie(3);
            foreach (string path in scene.Format().Paths.Reverse().Take(moved))
                File.Move(OutputFile.PartialPath(path), path);
            scene.EmbedAll();
            Assert.Equal(expected, scene.Outcome());
        }
    }

    [Fact]
    public void A_run_killed_after_it_put_its_rows_in_order_does_so_again()
    {
        using JournalScene scene = new(3);
        SortedDictionary<string, byte[]> expected = scene.Undisturbed();
        scene.EmbedAndDie(3, ordinal => ordinal == 0);
        scene.EmbedAndDie(1);
        Dictionary<string, byte[]> partials = scene.Partials().ToDictionary(path => path, File.ReadAllBytes);
        scene.EmbedAll();
        foreach ((string path, byte[] bytes) in partials)
            File.WriteAllBytes(path, bytes);
        scene.EmbedAll();
        Assert.Equal(expected, scene.Outcome());
    }

    [Fact]
    public void What_a_killed_run_left_of_copies_goes_away()
    {
        using JournalScene scene = new(3);
        SortedDictionary<string, byte[]> expected = scene.Undisturbed();
        foreach (bool ended in new[] { false, true })
        {
            scene.Clear();
            scene.EmbedAndDie(3, ordinal => ordinal == 0);
            if (ended)
                scene.EmbedAll(fails: ordinal => ordinal == 0);
            foreach (string path in scene.Format().Paths.Append(JournaledOutput.JournalPathOf(scene.Format())))
            {
                foreach (string place in new[] { path, OutputFile.PartialPath(path) })
                    scene.Folder.Write(Path.Combine(scene.Folder.FullPath, $".{Path.GetFileName(place)}.next.partial"), "half a copy");
            }
            scene.EmbedAll();
            Assert.Equal(expected, scene.Outcome());
        }
    }

    [Fact]
    public void Rows_of_another_run_are_never_continued_and_what_differs_is_named()
    {
        using JournalScene scene = new(4);
        RunIdentity run = scene.Run;
        (RunIdentity Run, string Difference)[] others =
        [
            (run with { Model = "fedcba9876543210" }, "model, SHA-256: 0123456789ab there, fedcba987654 here"),
            (run with { Options = [new("--normalize", "yes")] }, "--normalize: no there, yes here"),
            (run with { Options = [new("--normalize", "no"), new("--precision", "bf16")] }, "--precision: not given there, bf16 here"),
            (run with { Inputs = 5 }, "list of inputs, number of files: 4 there, 5 here"),
            (run with { List = "0000" }, "list of inputs (as many, with other names, paths or order), SHA-256: "),
            (run with { Shard = new Shard(1, 2) }, "shard: none there, 1/2 here"),
            (run with { Format = EmbeddingFormat.Csv }, "format: ark there, csv here"),
        ];
        foreach (bool ended in new[] { false, true })
        {
            scene.Clear();
            scene.EmbedAndDie(2);
            if (ended)
                scene.EmbedAll();
            SortedDictionary<string, byte[]> before = scene.Outcome();
            foreach ((RunIdentity other, string difference) in others)
            {
                InputException error = Assert.Throws<InputException>(() => scene.Open(UnfinishedRun.Resume, other));
                Assert.Contains(difference, error.Message, StringComparison.Ordinal);
                Assert.Contains("--restart", error.Message, StringComparison.Ordinal);
            }
            Assert.Equal(before, scene.Outcome());
        }
    }

    [Fact]
    public void Rows_are_not_thrown_away_unasked()
    {
        using JournalScene scene = new(4);
        SortedDictionary<string, byte[]> expected = scene.Undisturbed();
        scene.EmbedAndDie(3, ordinal => ordinal == 0);
        SortedDictionary<string, byte[]> before = scene.Outcome();
        InputException error = Assert.Throws<InputException>(() => scene.Open(UnfinishedRun.Refuse));
        Assert.Contains(
            "an unfinished run is there with 2 of 4 files done. --resume continues it, --restart throws it away", error.Message,
            StringComparison.Ordinal);
        Assert.Equal(before, scene.Outcome());
        scene.EmbedAll(UnfinishedRun.Discard);
        Assert.Equal(expected, scene.Outcome());
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Rows_of_a_run_that_was_stopped_are_not_replaced_unasked(EmbeddingFormat format)
    {
        using JournalScene scene = new(4, format);
        SortedDictionary<string, byte[]> expected = scene.Undisturbed();
        foreach (UnfinishedRun asked in new[] { UnfinishedRun.Resume, UnfinishedRun.Discard })
        {
            scene.EmbedAndStop(3, ordinal => ordinal == 0);
            SortedDictionary<string, byte[]> stopped = scene.Outcome();
            // One that was to begin anew and was killed before its first row has not replaced them either.
            foreach (bool anotherBegun in new[] { false, true })
            {
                if (anotherBegun)
                    File.WriteAllBytes(scene.JournalPartial, []);
                InputException error = Assert.Throws<InputException>(() => scene.Open(UnfinishedRun.Refuse));
                Assert.StartsWith(
                    $"{scene.Format().Paths[0]}: an unfinished run is there with 2 of 4 files done", error.Message,
                    StringComparison.Ordinal);
                Assert.Contains("--resume continues it, --restart throws it away", error.Message, StringComparison.Ordinal);
                File.Delete(scene.JournalPartial);
                Assert.Equal(stopped, scene.Outcome());
            }
            using (JournaledOutput output = scene.Open(asked)!)
            {
                Assert.Equal(asked == UnfinishedRun.Resume ? 2 : 0, output.RowsBefore);
                scene.Embed(output);
                output.Complete();
            }
            Assert.Equal(expected, scene.Outcome());
            scene.Clear();
        }
    }

    [Fact]
    public void A_stopped_shard_counts_its_own_inputs()
    {
        using JournalScene scene = new(6);
        RunIdentity run = scene.Run with { Shard = new Shard(2, 3) };
        OrdinalSet mine = new(6);
        mine.Add(1);
        mine.Add(4);
        foreach (int most in new[] { 1, 2 })
        {
            using (JournaledOutput output = scene.Open(UnfinishedRun.Discard, run, mine)!)
            {
                scene.Embed(output, most: most);
                output.Complete();
            }
            if (most == 1)
            {
                InputException error = Assert.Throws<InputException>(() => scene.Open(UnfinishedRun.Refuse, run, mine));
                Assert.Contains("with 1 of 2 files done", error.Message, StringComparison.Ordinal);
            }
            else
            {
                scene.Open(UnfinishedRun.Refuse, run, mine)!.Dispose();
            }
        }
    }

    [Fact]
    public void A_finished_run_is_replaced_and_so_is_a_journal_without_its_rows()
    {
        using JournalScene scene = new(4);
        scene.EmbedAll(UnfinishedRun.Refuse, ordinal => ordinal is 1 or 2);
        scene.EmbedAll(UnfinishedRun.Refuse);
        SortedDictionary<string, byte[]> expected = scene.Outcome();
        scene.Clear();
        scene.EmbedAndStop(2);
        foreach (string path in scene.Format().Paths)
            File.Delete(path);
        scene.EmbedAll(UnfinishedRun.Refuse);
        Assert.Equal(expected, scene.Outcome());
    }

    [Fact]
    public void A_run_without_a_row_leaves_nothing()
    {
        using JournalScene scene = new(2);
        scene.EmbedAndDie(2, _ => true, UnfinishedRun.Refuse);
        Assert.Empty(scene.Outcome());
    }

    [Fact]
    public void Two_runs_do_not_write_to_one_output()
    {
        using JournalScene scene = new(2);
        using JournaledOutput first = scene.Open(UnfinishedRun.Refuse)!;
        foreach (UnfinishedRun second in Enum.GetValues<UnfinishedRun>())
        {
            Assert.Contains(
                "another run is writing to it", Assert.Throws<InputException>(() => scene.Open(second)).Message, StringComparison.Ordinal);
        }
        scene.Embed(first);
        first.Complete();
        Assert.Equal(3, scene.Outcome().Count);
    }

    [Fact]
    public void An_output_that_was_changed_or_has_no_journal_is_not_continued()
    {
        using JournalScene scene = new(3);
        scene.EmbedAll(UnfinishedRun.Refuse, ordinal => ordinal == 2);
        string ark = scene.Format().Paths[0];
        File.AppendAllText(ark, "more");
        Assert.Contains(
            "is not what its journal", Assert.Throws<InputException>(() => scene.Open(UnfinishedRun.Resume)).Message,
            StringComparison.Ordinal);
        File.Delete(JournaledOutput.JournalPathOf(ark));
        Assert.Contains(
            "no journal beside it", Assert.Throws<InputException>(() => scene.Open(UnfinishedRun.Resume)).Message,
            StringComparison.Ordinal);
        Assert.Empty(scene.Partials());
    }

    [Fact]
    public void A_resumed_shard_keeps_the_inputs_that_it_began_with()
    {
        using JournalScene scene = new(6);
        RunIdentity run = scene.Run with { Shard = new Shard(2, 3) };
        OrdinalSet mine = new(6);
        mine.Add(1);
        mine.Add(4);
        using (JournaledOutput output = scene.Open(UnfinishedRun.Refuse, run, mine)!)
        {
            Assert.Equal([1, 4], output.Remaining);
            scene.Embed(output, most: 1);
        }
        // The lengths of files may have changed since, and with them the split: it is not asked again.
        using JournaledOutput again = scene.Open(UnfinishedRun.Resume, run, shardInputs: null)!;
        Assert.Equal([4], again.Remaining);
        Assert.Equal(2, again.InputCount);
    }
}
