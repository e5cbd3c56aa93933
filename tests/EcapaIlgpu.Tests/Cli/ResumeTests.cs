using System.Diagnostics;
using EcapaIlgpu.Extraction.Journals;
using EcapaIlgpu.Extraction.Writers;
using Microsoft.Win32.SafeHandles;

namespace EcapaIlgpu.Tests.Cli;

/// <summary>Runs that are killed and go on, and lists that are embedded in shards, by the command that a person gives.</summary>
public sealed class ResumeTests : IDisposable
{
    private const int Files = 250;
    private static readonly string Tiny = TestFiles.InTestdata("models/wespeaker_tiny_glob.pt");
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string List => _folder["wav.scp"];

    /// <summary>A list of short recordings, each a file of its own, two of which cannot be used.</summary>
    private byte[] WriteList()
    {
        byte[] audio = File.ReadAllBytes(ShortSpeech.Write(_folder["short.wav"], TimeSpan.FromSeconds(0.4)));
        Directory.CreateDirectory(_folder["audio"]);
        for (int i = 0; i < Files; i++)
            Restore(i, audio);
        _folder.Write("wav.scp", string.Concat(Enumerable.Range(0, Files).Select(i => $"utt{i:000} {AudioPath(i)}\n")));
        return audio;
    }

    private string AudioPath(int i) => _folder[$"audio/{i:000}.wav"];

    private void Restore(int i, byte[] audio) => File.WriteAllBytes(AudioPath(i), i is 20 or 199 ? "RIFF"u8 : audio);

    private string[] Command(string output, params string[] more) =>
        ["embed", "--model", Tiny, "--device", "cpu", "--threads", "2", "--scp", List, "-o", output, .. more];

    /// <summary>Names and bytes of the files in a folder.</summary>
    private SortedDictionary<string, byte[]> Outcome(string folder) => new(
        Directory.GetFiles(_folder[folder]).ToDictionary(path => Path.GetFileName(path), File.ReadAllBytes), StringComparer.Ordinal);

    [Fact]
    public async Task A_run_killed_again_and_again_ends_with_the_bytes_of_one_run_and_reads_nothing_twice()
    {
        int seed = Environment.TickCount;
        Random random = new(seed);
        byte[] audio = WriteList();
        // Kaldi's index names the archive: all runs have to call it the same.
        Directory.CreateDirectory(_folder["out"]);
        int kills = 0;
        foreach (string format in EmbeddingWriter.Names.Keys)
        {
            string output = _folder[$"out/e.{format}"];
            CliResult undisturbed = await Ecapa.RunAsync(Command(output));
            Assert.Equal(1, undisturbed.Code);
            SortedDictionary<string, byte[]> expected = Outcome("out");
            foreach (string file in Directory.GetFiles(_folder["out"]))
                File.Delete(file);

            string journal = OutputFile.PartialPath(output + ".journal");
            int done = 0;
            for (int round = 0; round < 2; round++)
            {
                if (await StartAndKill(output, journal, random))
                    kills++;
                done = DestroyFinished(File.Exists(journal) ? journal : output + ".journal", done);
            }
            CliResult last = await Ecapa.RunAsync(Command(output, "--resume"));
            string context = $"{format}, seed {seed}: {last}";
            Assert.True(last.Code == 1 && last.Error.Contains($"{Files - 2 - done} of {Files} files", StringComparison.Ordinal), context);
            Assert.True(done == 0 || last.Error.Contains($"resuming: {done} of {Files} files are done", StringComparison.Ordinal), context);
            SortedDictionary<string, byte[]> resumed = Outcome("out");
            Assert.Equal(expected.Keys, resumed.Keys);
            foreach ((string name, byte[] bytes) in expected)
                Assert.True(bytes.AsSpan().SequenceEqual(resumed[name]), $"{name} differs; {context}");
            for (int i = 0; i < Files; i++)
                Restore(i, audio);
            foreach (string file in Directory.GetFiles(_folder["out"]))
                File.Delete(file);
        }
        Assert.True(kills > 0, $"no run was killed in its middle, seed {seed}");
    }

    /// <summary>Kills a run at a random moment; true if it had not ended by itself.</summary>
    private async Task<bool> StartAndKill(string output, string journal, Random random)
    {
        using Process process = Ecapa.Start(Command(output, "--resume"));
        // Starting takes most of a process's life: sometimes kill it there, as a rule when some more rows are written.
        long bytes = random.Next(4) == 0 ? 0 : Length(journal) + random.Next(3000);
        TimeSpan delay = TimeSpan.FromMilliseconds(bytes == 0 ? random.Next(800) : random.Next(20));
        Stopwatch waited = Stopwatch.StartNew();
        while (!process.HasExited && Length(journal) < bytes)
        {
            Assert.True(waited.Elapsed < Ecapa.Patience, "the run writes nothing");
            await Task.Delay(1);
        }
        await Task.Delay(delay);
        bool killed = !process.HasExited;
        process.Kill();
        await process.WaitForExitAsync();
        return killed;

        static long Length(string path) => File.Exists(path) ? new FileInfo(path).Length : 0;
    }

    /// <summary>Makes the recordings that have a row unreadable, so that reading one again would show.</summary>
    /// <returns>How many have.</returns>
    private int DestroyFinished(string journalPath, int doneAtLeast)
    {
        // Killed before it began.
        if (!File.Exists(journalPath) && doneAtLeast == 0)
            return 0;
        using SafeFileHandle journal = File.OpenHandle(journalPath);
        JournalReader reader = new(journal);
        int done = 0;
        if (reader.TryReadLine(out _))
        {
            while (reader.TryReadEntry(out JournalEntry entry))
            {
                if (entry.Failure is not null)
                    continue;
                done++;
                File.WriteAllBytes(AudioPath(entry.Ordinal), []);
            }
        }
        Assert.True(done >= doneAtLeast, $"{done} rows are left of {doneAtLeast}");
        return done;
    }

    [Fact]
    public async Task A_finished_run_is_left_as_it_is_and_its_failures_are_tried_again()
    {
        byte[] audio = WriteList();
        string output = _folder["e.csv"];
        Assert.Equal(1, (await Ecapa.RunAsync(Command(output))).Code);
        Assert.StartsWith("# is a WAV file whose header is cut off", File.ReadAllText(output + ".failed.scp"), StringComparison.Ordinal);

        CliResult fed = await Ecapa.RunAsync("embed", "--model", Tiny, "--scp", output + ".failed.scp");
        Assert.Contains("embedded 0 of 2 files, 2 failed", fed.Error, StringComparison.Ordinal);
        File.WriteAllBytes(AudioPath(20), audio);
        File.WriteAllBytes(AudioPath(199), audio);
        CliResult retried = await Ecapa.RunAsync(Command(output, "--resume"));
        Assert.Equal(0, retried.Code);
        Assert.Contains($"embedded 2 of {Files} files, {Files - 2} done before: 0.8 s of audio", retried.Error, StringComparison.Ordinal);
        Assert.Equal(
            Enumerable.Range(0, Files).Select(i => $"utt{i:000}"), File.ReadLines(output).Skip(1).Select(line => line.Split(',')[0]));
        Assert.False(File.Exists(output + ".failed.scp"));

        CliResult again = await Ecapa.RunAsync(Command(output, "--resume"));
        Assert.Equal(0, again.Code);
        Assert.Contains("nothing to do", again.Error, StringComparison.Ordinal);
        CliResult other = await Ecapa.RunAsync(Command(output, "--resume", "--normalize"));
        Assert.Equal(1, other.Code);
        Assert.Contains("--normalize: no there, yes here", other.Error, StringComparison.Ordinal);
    }

    [NeedsFact(typeof(Unix))]
    public async Task An_interrupted_run_goes_on_where_it_stopped()
    {
        byte[] audio = WriteList();
        string output = _folder["e.npy"], held = AudioPath(150);
        // The run waits here for someone to write, so that it is not over before it is interrupted.
        File.Delete(held);
        using (Process make = Ecapa.StartProcess("mkfifo", held))
            Assert.Equal(0, (await Ecapa.EndAsync(make)).Code);
        using CancellationTokenSource interrupt = new();
        Task<CliResult> run = Ecapa.RunAsync(Command(output), interrupt: interrupt.Token);
        string partial = OutputFile.PartialPath(output);
        while (!run.IsCompleted && !(File.Exists(partial) && new FileInfo(partial).Length > 1000))
            await Task.Delay(1);
        Assert.False(run.IsCompleted, "the run ended early");
        await interrupt.CancelAsync();
        using (FileStream release = new(held, FileMode.Open, FileAccess.ReadWrite))
            release.Write("RIFF"u8);
        CliResult stopped = await run;
        Assert.Equal(130, stopped.Code);
        File.Delete(held);
        Restore(150, audio);
        Assert.Contains(
            $"of {Files} files written to {output} (names in {_folder["e.txt"]}); --resume continues", stopped.Error,
            StringComparison.Ordinal);
        int rows = TestFiles.ReadNpy(output).Shape[0];
        CliResult again = await Ecapa.RunAsync(Command(output));
        Assert.Equal(1, again.Code);
        Assert.StartsWith(
            $"error: {output}: an unfinished run is there with {rows} of {Files} files done. --resume continues it, --restart",
            again.Error.Split('\n', 2)[1], StringComparison.Ordinal);
        Assert.Equal(rows, TestFiles.ReadNpy(output).Shape[0]);
        CliResult resumed = await Ecapa.RunAsync(Command(output, "--resume"));
        Assert.Contains(
            $"embedded {Files - 2 - rows} of {Files} files, {rows} done before, 2 failed", resumed.Error, StringComparison.Ordinal);
        Assert.Equal(Files - 2, TestFiles.ReadNpy(output).Shape[0]);
    }

    [Fact]
    public async Task Shards_are_merged_to_the_file_of_one_run()
    {
        WriteList();
        Assert.Equal(1, (await Ecapa.RunAsync(Command(_folder["one.jsonl"], "--shard", "none"))).Code);
        string[] parts = [.. Enumerable.Range(1, 3).Select(i => _folder[$"part-{i}.jsonl"])];
        for (int i = 1; i <= 3; i++)
        {
            CliResult part = await Ecapa.RunAsync(Command(parts[i - 1], "--shard", $"{i}/3"));
            Assert.Matches($"shard {i}/3: 8[0-9] of {Files} files", part.Error);
        }
        CliResult incomplete = await Ecapa.RunAsync("merge", _folder["all.jsonl"], parts[0], parts[2]);
        Assert.Equal(1, incomplete.Code);
        Assert.Contains("2/3 is missing", incomplete.Error, StringComparison.Ordinal);
        CliResult merged = await Ecapa.RunAsync(["merge", _folder["all.jsonl"], .. parts]);
        Assert.Equal(1, merged.Code);
        Assert.Contains(
            $"merged 3 shards: {Files - 2} of {Files} files, 2 failed (listed in {_folder["all.jsonl.failed.scp"]}), written to",
            merged.Error, StringComparison.Ordinal);
        foreach (string file in new[] { "jsonl", "jsonl.journal", "jsonl.failed.scp" })
            Assert.Equal(File.ReadAllBytes(_folder[$"one.{file}"]), File.ReadAllBytes(_folder[$"all.{file}"]));
    }

    [NeedsFact(typeof(Unix))]
    public async Task A_schedulers_environment_says_the_shard_and_it_is_said()
    {
        string sample = TestFiles.InTestdata("samples");
        using Process process = Ecapa.StartProcess(
            ["/usr/bin/env", "JOB_COMPLETION_INDEX=1", "JOB_COMPLETIONS=4", .. Ecapa.Command, "embed", "-q", "--model", Tiny, sample]);
        CliResult result = await Ecapa.EndAsync(process);
        Assert.Contains("shard 2/4 (from JOB_COMPLETION_INDEX): 2 of 8 files", result.Error, StringComparison.Ordinal);
        Assert.Equal(2, result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Theory]
    [InlineData("embed a.wav --resume")]
    [InlineData("embed a.wav -o e.npy --resume --restart")]
    [InlineData("embed a.wav -o e.npy --shard 0/3")]
    [InlineData("embed a.wav -o e.npy --shard 3")]
    [InlineData("embed a.wav -o e.npy --shard /3")]
    [InlineData("embed --scp e.failed.scp -o e.npy --failed e.failed.scp")]
    [InlineData("merge")]
    [InlineData("merge all.npy")]
    public async Task A_command_line_that_makes_no_sense_is_a_usage_error(string line)
    {
        _folder.Write("e.failed.scp", "a a.wav\n");
        CliResult result = await Ecapa.RunAsync([.. line.Split(' ').Select(word => word == "e.failed.scp" ? _folder[word] : word)]);
        Assert.Equal(2, result.Code);
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
    }
}
