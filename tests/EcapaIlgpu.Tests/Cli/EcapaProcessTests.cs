using System.Diagnostics;
using System.Text.Json;

namespace EcapaIlgpu.Tests.Cli;

/// <summary>What only a process of its own shows: signals, pipes, devices, standard input.</summary>
public sealed class EcapaProcessTests : IDisposable
{
    private static readonly string Sample = TestFiles.InTestdata("samples/awb_1.wav");
    private static readonly string Tiny = TestFiles.InTestdata("models/wespeaker_tiny_glob.pt");
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>More than is embedded before anything below has happened.</summary>
    private string LongList()
    {
        string audio = ShortSpeech.Write(_folder["short.wav"], TimeSpan.FromSeconds(0.5));
        return _folder.Write("long.scp", string.Concat(Enumerable.Range(0, 100_000).Select(i => $"utt{i:000000} {audio}\n")));
    }

    /// <summary>Starts a long run and waits until rows are in its unfinished output.</summary>
    private async Task<Process> StartLongRun()
    {
        Process process = Ecapa.Start("embed", "--model", Tiny, "--scp", LongList(), "-o", _folder["e.jsonl"]);
        Stopwatch waited = Stopwatch.StartNew();
        while (!Directory.EnumerateFiles(_folder.FullPath, ".e.jsonl.*").Any(f => new FileInfo(f).Length > 10_000))
        {
            Assert.False(process.HasExited, "the run ended early");
            Assert.True(waited.Elapsed < Ecapa.Patience, "the run writes nothing");
            await Task.Delay(20);
        }
        return process;
    }

    /// <summary><c>timeout</c> signals a process and then its group, so that one request arrives twice.</summary>
    [NeedsTheory(typeof(Unix))]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Ctrl_c_leaves_whole_rows_under_the_final_name(int times)
    {
        using Process process = await StartLongRun();
        Assert.Equal(0, Ecapa.SendSignal(process.Id, Ecapa.Interrupt));
        for (int again = 1; again < times; again++)
        {
            // Not so near that the system takes both for one.
            await Task.Delay(5);
            Ecapa.SendSignal(process.Id, Ecapa.Interrupt);
        }
        CliResult result = await Ecapa.EndAsync(process);

        Assert.Equal(130, result.Code);
        Assert.Equal(["e.jsonl", "e.jsonl.journal", "long.scp", "short.wav"], _folder.Entries());
        string[] lines = File.ReadAllLines(_folder["e.jsonl"]);
        Assert.InRange(lines.Length, 1, 99_999);
        Assert.Contains($"interrupted: {lines.Length} of 100000 files", result.Error);
        Assert.Equal($"utt{lines.Length - 1:000000}", JsonDocument.Parse(lines[^1]).RootElement.GetProperty("name").GetString());
    }

    [Fact]
    public async Task A_killed_run_leaves_nothing_under_the_final_name()
    {
        using Process process = await StartLongRun();
        process.Kill();
        await process.WaitForExitAsync();
        Assert.False(File.Exists(_folder["e.jsonl"]));
    }

    [NeedsFact(typeof(Unix))]
    public async Task A_reader_that_has_enough_ends_the_run_quietly()
    {
        string command = string.Join(' ', [.. Ecapa.Command, "embed", "--model", Tiny, "--scp", LongList()]);
        using Process process = Ecapa.StartProcess("/bin/sh", "-c", $"{command} | head -n 1");
        CliResult result = await Ecapa.EndAsync(process);
        Assert.StartsWith("{\"name\":\"utt000000\"", result.Output);
        Assert.StartsWith("device: ", result.Error);
        Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [NeedsFact(typeof(FullDevice))]
    public async Task A_full_disk_is_an_error_with_its_reason()
    {
        string command = string.Join(' ', [.. Ecapa.Command, "embed", "--model", Tiny, Sample]);
        foreach (string to in new[] { "> /dev/full", "-o /dev/full --format csv" })
        {
            using Process process = Ecapa.StartProcess("/bin/sh", "-c", $"{command} {to}");
            CliResult result = await Ecapa.EndAsync(process);
            Assert.Equal(1, result.Code);
            Assert.Contains("cannot be written: No space left on device", result.Error);
            Assert.DoesNotContain("   at ", result.Error);
        }
    }

    [NeedsFact(typeof(Unix))]
    public async Task A_disk_that_fills_up_on_the_way_keeps_the_rows_before()
    {
        // A limit on the size of files stands for the disk. The runtime's own large mappings are files too, unless it is told otherwise.
        string command = string.Join(' ', [.. Ecapa.Command, "embed", "--model", Tiny, "--scp", LongList(), "-o", _folder["e.jsonl"]]);
        using Process process = Ecapa.StartProcess(
            "/bin/sh", "-c", $"trap '' XFSZ; export DOTNET_EnableWriteXorExecute=0; ulimit -f 100; exec {command}");
        CliResult result = await Ecapa.EndAsync(process);

        Assert.Equal(1, result.Code);
        Assert.Contains($"error: {_folder["e.jsonl"]}: cannot be written", result.Error);
        Assert.DoesNotContain("   at ", result.Error);
        string[] lines = File.ReadAllLines(_folder["e.jsonl"]);
        Assert.Contains($"stopped: {lines.Length} of 100000 files written to", result.Error);
        Assert.NotEmpty(lines);
        for (int i = 0; i < lines.Length; i++)
            Assert.Equal($"utt{i:000000}", JsonDocument.Parse(lines[i]).RootElement.GetProperty("name").GetString());
    }

    [NeedsFact(typeof(Unix))]
    public async Task A_decoder_that_hangs_is_killed_with_its_children_and_its_file_reported()
    {
        string hanging = _folder.Write("hanging.m4a", "not audio that libsndfile knows");
        Directory.CreateDirectory(_folder["bin"]);
        using (Process install = Ecapa.StartProcess(
            "/bin/sh", "-c",
            $"printf '#!/bin/sh\nsleep 1000 & echo $! > {_folder["child"]}\nwait\n' > {_folder["bin/ffmpeg"]} "
            + $"&& chmod +x {_folder["bin/ffmpeg"]}"))
        {
            Assert.Equal(0, (await Ecapa.EndAsync(install)).Code);
        }
        string command = string.Join(
            ' ', [.. Ecapa.Command, "embed", "--model", Tiny, "--decoder-seconds", "1", Sample, hanging, Sample[..^5] + "2.wav"]);
        using Process process = Ecapa.StartProcess("/bin/sh", "-c", $"PATH={_folder["bin"]}:$PATH exec {command}");
        CliResult result = await Ecapa.EndAsync(process);

        Assert.Equal(1, result.Code);
        Assert.Contains($"failed: {hanging}: ffmpeg was stopped after 1 s", result.Error);
        Assert.Contains("embedded 2 of 3 files, 1 failed", result.Error);
        Assert.Equal(2, result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        using Process child = Ecapa.StartProcess("/bin/sh", "-c", $"ps -o stat= -p $(cat {_folder["child"]}) | grep -v Z");
        Assert.NotEqual(0, (await Ecapa.EndAsync(child)).Code);
    }

    [NeedsFact(typeof(Unix))]
    public async Task A_standard_input_that_is_closed_is_an_error_and_not_waited_for()
    {
        string command = string.Join(' ', [.. Ecapa.Command, "embed", "--model", Tiny, "-"]);
        using Process process = Ecapa.StartProcess("/bin/sh", "-c", $"{command} <&-");
        CliResult result = await Ecapa.EndAsync(process);
        Assert.Equal(1, result.Code);
        Assert.Contains("standard input: is closed", result.Error);
    }

    [Fact]
    public async Task Audio_from_standard_input_gives_the_embedding_of_the_file()
    {
        using Process process = Ecapa.Start("embed", "--model", Tiny, "-");
        byte[] audio = await File.ReadAllBytesAsync(Sample);
        await process.StandardInput.BaseStream.WriteAsync(audio);
        process.StandardInput.Close();
        CliResult piped = await Ecapa.EndAsync(process);
        Assert.Equal(0, piped.Code);

        CliResult file = await Ecapa.RunAsync("embed", "--model", Tiny, Sample);
        Assert.Equal(Embedding(file.Output), Embedding(piped.Output));
        Assert.StartsWith("{\"name\":\"-\"", piped.Output);

        static float[] Embedding(string line) =>
            [.. JsonDocument.Parse(line).RootElement.GetProperty("embedding").EnumerateArray().Select(v => v.GetSingle())];
    }
}
