using System.Diagnostics;
using System.Text.Json;
using EcapaIlgpu.Cli;
using Spectre.Console;

namespace EcapaIlgpu.Tests.Cli;

public sealed class EmbedCommandTests : IDisposable
{
    private static readonly string Samples = TestFiles.InTestdata("samples");
    private static readonly string Tiny = TestFiles.InTestdata("models/wespeaker_tiny_glob.pt");
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Embeds with the tiny model: these tests are about files, not about numbers.</summary>
    private static Task<CliResult> Embed(params string[] args) => Ecapa.RunAsync(["embed", "--model", Tiny, .. args]);

    private static string Sample(string name) => Path.Combine(Samples, name);

    [Fact]
    public async Task A_folder_gives_json_lines_in_ordinal_order()
    {
        CliResult result = await Embed(Samples);
        Assert.Equal(0, result.Code);
        JsonElement[] rows =
            [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)];
        Assert.Equal(
            Directory.GetFiles(Samples, "*.wav").Order(StringComparer.Ordinal), rows.Select(r => r.GetProperty("name").GetString()));
        Assert.All(rows, r => Assert.InRange(r.GetProperty("seconds").GetDouble(), 1, 30));
        Assert.Contains("device: cpu (", result.Error);
        Assert.Contains("embedded 8 of 8 files: ", result.Error);
        Assert.DoesNotContain("left", result.Error);
    }

    [Fact]
    public async Task Embeddings_are_those_of_the_golden_and_do_not_depend_on_company_or_threads()
    {
        string audio = TestFiles.InTestdata("audio/male_us_1.wav");
        (double[] golden, int[] shape) = TestFiles.ReadNpy(TestFiles.InTestdata("goldens/emb_wespeaker_tiny_glob.f64.npy"));
        CliResult alone = await Embed("-q", "--threads", "1", audio);
        CliResult together = await Embed("-q", TestFiles.InTestdata("audio"));
        string line = alone.Output.TrimEnd('\n');
        Assert.Contains(line, together.Output.Split('\n'));

        float[] embedding = [.. JsonDocument.Parse(line).RootElement.GetProperty("embedding").EnumerateArray().Select(v => v.GetSingle())];
        Assert.Contains(Enumerable.Range(0, shape[0]), row =>
            Closeness.MaxAbs(golden.AsSpan(row * shape[1], shape[1]), embedding) < 2e-3
                && Closeness.Cosine(golden.AsSpan(row * shape[1], shape[1]), embedding) > 0.999999);
    }

    [Fact]
    public async Task Npy_ark_csv_and_text_hold_the_same_rows()
    {
        string list = _folder.Write("wav.scp", $"first {Sample("awb_1.wav")}\nsecond {Sample("slt_1.wav")}\n");
        foreach (string file in new[] { "e.npy", "k.ark", "c.csv", "t.txt", "j.jsonl" })
            Assert.Equal(0, (await Embed("--scp", list, "-o", _folder[file])).Code);
        Assert.Equal(
            ["c.csv", "c.csv.journal", "e.npy", "e.npy.journal", "e.txt", "j.jsonl", "j.jsonl.journal", "k.ark", "k.ark.journal", "k.scp", "t.txt", "t.txt.journal",
                "wav.scp"],
            _folder.Entries());

        (double[] npy, int[] shape) = TestFiles.ReadNpy(_folder["e.npy"]);
        Assert.Equal(2, shape[0]);
        Assert.Equal(["first", "second"], File.ReadAllLines(_folder["e.txt"]));
        string[] csv = File.ReadAllLines(_folder["c.csv"]);
        Assert.Equal(npy, csv[1..].SelectMany(l => l.Split(',')[1..]).Select(v => (double)float.Parse(v)));
        string[] text = File.ReadAllLines(_folder["t.txt"]);
        Assert.Equal(
            npy, text.SelectMany(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[2..^1]).Select(v => (double)float.Parse(v)));
        Assert.Equal(["first", "second"], File.ReadAllLines(_folder["k.scp"]).Select(l => l.Split(' ')[0]));
        Assert.Contains(Sample("slt_1.wav"), File.ReadAllLines(_folder["j.jsonl"])[1]);
    }

    [Fact]
    public async Task Normalized_rows_have_unit_length()
    {
        await Embed("--normalize", Samples, "-o", _folder["n.npy"]);
        (double[] values, int[] shape) = TestFiles.ReadNpy(_folder["n.npy"]);
        for (int row = 0; row < shape[0]; row++)
            Assert.Equal(1, values[(row * shape[1])..((row + 1) * shape[1])].Sum(v => v * v), 1e-5);
    }

    [Fact]
    public async Task Files_that_fail_are_named_with_their_reason_and_the_rest_is_written()
    {
        string notAudio = _folder.Write("not audio.wav", "these are words");
        string empty = _folder.Write("empty.wav");
        CliResult result = await Embed(Sample("awb_1.wav"), notAudio, empty, _folder["gone.wav"], Sample("awb_2.wav"));
        Assert.Equal(1, result.Code);
        Assert.Equal(2, result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        foreach (string file in new[] { notAudio, empty, _folder["gone.wav"] })
            Assert.Contains($"failed: {file}: ", result.Error);
        Assert.Contains("embedded 2 of 5 files, 3 failed: ", result.Error);
    }

    [Fact]
    public async Task Failures_are_said_even_when_quiet_and_nothing_else_but_the_device()
    {
        CliResult good = await Embed("--quiet", Sample("awb_1.wav"));
        Assert.StartsWith("device: cpu", good.Error);
        Assert.Single(good.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        CliResult bad = await Embed("--quiet", _folder["gone.wav"]);
        Assert.Equal(1, bad.Code);
        Assert.Contains(_folder["gone.wav"], bad.Error);
    }

    [Theory]
    [InlineData("embed")]
    [InlineData("embed a.wav --scp list.scp")]
    [InlineData("embed a.wav -o out.mp4")]
    [InlineData("embed a.wav --format npy")]
    [InlineData("embed a.wav --format mat")]
    [InlineData("embed a.wav --threads 0")]
    [InlineData("embed a.wav --threads many")]
    [InlineData("embed a.wav --batch-seconds 0")]
    [InlineData("embed a.wav --decoder-seconds soon")]
    [InlineData("embed a.wav --device cpu:all")]
    [InlineData("embed a.wav --device gpu")]
    [InlineData("embed a.wav --pooling 1")]
    [InlineData("embed a.wav --channel left")]
    [InlineData("embed a.wav --nonsense")]
    [InlineData("similarity a.wav")]
    [InlineData("classify a.wav --top 0")]
    [InlineData("convert a.pt")]
    [InlineData("convert a.pt b.pt")]
    [InlineData("convert a.pt b.safetensors --dtype int8")]
    [InlineData("info a --model b")]
    [InlineData("frobnicate")]
    [InlineData("")]
    public async Task A_command_line_that_makes_no_sense_is_a_usage_error(string line)
    {
        CliResult result = await Ecapa.RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(2, result.Code);
        Assert.DoesNotContain("   at ", result.Error);
        if (line.Length > 0)
            Assert.StartsWith("error: ", result.Error);
    }

    [Fact]
    public async Task Statistics_say_what_each_stage_did_and_which_holds_the_others_back()
    {
        CliResult result = await Embed(
            "--quiet", "--stats", "--stats-json", _folder["stats.json"], "--batch-seconds", "3", Samples, _folder["gone.wav"]);
        Assert.Equal(1, result.Code);
        string[] lines = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        foreach (string stage in new[] { "list", "read", "features", "pack", "embed", "write" })
            Assert.Single(lines, line => line.StartsWith($"{stage} ", StringComparison.Ordinal) && line.Contains('%'));
        Assert.Single(lines, line => line.EndsWith("holds the others back", StringComparison.Ordinal));

        JsonElement json = JsonDocument.Parse(File.ReadAllBytes(_folder["stats.json"])).RootElement;
        Assert.Equal((8, 1), (json.GetProperty("done").GetInt32(), json.GetProperty("failed").GetInt32()));
        Assert.Equal(6, json.GetProperty("stages").GetArrayLength());
        Assert.All(json.GetProperty("stages").EnumerateArray(), stage => Assert.InRange(stage.GetProperty("busy").GetDouble(), 0, 1));
        Assert.Contains(
            json.GetProperty("slowest").GetString(),
            json.GetProperty("stages").EnumerateArray().Select(stage => stage.GetProperty("stage").GetString()));
    }

    [Fact]
    public async Task Batches_of_any_size_give_the_same_rows()
    {
        string one = (await Embed("--quiet", Samples)).Output;
        Assert.Equal(one, (await Embed("--quiet", "--batch-seconds", "1", Samples)).Output);
        Assert.Equal(one, (await Embed("--quiet", "--batch-seconds", "1000000", Samples)).Output);
    }

    [Fact]
    public async Task The_same_file_under_two_names_has_two_rows()
    {
        string list = _folder.Write("twice.scp", $"a {Sample("awb_1.wav")}\nb {Sample("awb_1.wav")}\n");
        CliResult result = await Embed("--scp", list);
        Assert.Equal(0, result.Code);
        string[] rows = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(rows[0], rows[1].Replace("\"b\"", "\"a\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_device_that_is_not_there_is_named_with_those_that_are()
    {
        CliResult result = await Embed("a.wav", "--device", "cuda:99");
        Assert.Equal(1, result.Code);
        Assert.Contains("--device cuda:99: ", result.Error);
        Assert.Contains("ecapa devices", result.Error);
    }

    [Fact]
    public async Task Lists_folders_and_outputs_that_cannot_be_used_stop_the_run_before_it_begins()
    {
        string good = Sample("awb_1.wav");
        Directory.CreateDirectory(_folder["nothing"]);
        string twice = _folder.Write("twice.scp", $"a {good}\nb {good}\na {good}\n");
        string malformed = _folder.Write("malformed.scp", $"a {good}\nlonely\n");
        foreach ((string[] args, string message) in new (string[], string)[]
        {
            ([good, _folder["nothing"]], $"error: {_folder["nothing"]}: no audio files"),
            ([_folder["*.flac"]], "matches no file"),
            (["--scp", twice], $"error: {twice}, line 3: the name 'a' is already that of line 1"),
            (["--scp", malformed], $"error: {malformed}, line 2: 'lonely' has no path"),
            ([good, "-o", _folder["no/such/e.npy"]], "there is no folder"),
        })
        {
            CliResult result = await Embed(args);
            Assert.True(result.Code == 1 && result.Error.Contains(message), $"{string.Join(' ', args)}: {result}");
            Assert.Equal("", result.Output);
        }
        Assert.Equal(["malformed.scp", "nothing", "twice.scp"], _folder.Entries());
    }

    [Theory]
    [InlineData("--failed", "no/such.scp", 1, "there is no folder")]
    [InlineData("--stats-json", "no/such.json", 1, "there is no folder")]
    [InlineData("--failed", ".", 1, "it is a folder")]
    [InlineData("--output", "", 2, "--output '' is empty")]
    [InlineData("--failed", "", 2, "--failed '' is empty")]
    [InlineData("--stats-json", "", 2, "--stats-json '' is empty")]
    public async Task A_file_that_cannot_be_written_is_known_before_any_work(string option, string file, int code, string message)
    {
        string path = file.Length == 0 ? "" : _folder[file];
        string[] output = option == "--output" ? ["--format", "csv"] : ["-o", _folder["e.csv"]];
        CliResult result = await Embed([Sample("awb_1.wav"), .. output, option, path]);
        Assert.True(result.Code == code && result.Error.Contains(message), result.ToString());
        Assert.Empty(_folder.Entries());
    }

    [Fact]
    public async Task An_output_that_would_overwrite_the_list_is_refused()
    {
        string content = $"a {Sample("awb_1.wav")}\n";
        string list = _folder.Write("wav.scp", content);
        CliResult result = await Embed("--scp", list, "-o", _folder["wav.ark"]);
        Assert.Equal(2, result.Code);
        Assert.Contains($"would overwrite '{list}'", result.Error);
        Assert.Equal(content, File.ReadAllText(list));
    }

    [NeedsFact(typeof(Unix))]
    public async Task Outputs_that_are_one_file_or_a_file_that_is_read_are_refused_whatever_they_are_called()
    {
        string list = _folder.Write("wav.scp", $"a {Sample("awb_1.wav")}\n"), audio = _folder["a.wav"];
        File.Copy(Sample("awb_1.wav"), audio);
        Directory.CreateDirectory(_folder["other"]);
        Directory.CreateSymbolicLink(_folder["other/back"], _folder.FullPath);
        File.CreateSymbolicLink(_folder["link.csv"], list);
        string[] before = _folder.Entries();
        foreach ((string[] args, string message) in new (string[], string)[]
        {
            (["--scp", list, "-o", _folder["link.csv"]], $"--output {_folder["link.csv"]} would overwrite '{list}', which is read"),
            (["--scp", list, "-o", _folder["e.csv"], "--failed", _folder["other/back/wav.scp"]], $"would overwrite '{list}', which is read"),
            ([audio, "-o", _folder["other/../a.wav"], "--format", "csv"], $"would overwrite '{audio}', which is read"),
            ([audio, "-o", _folder["e.csv"], "--stats-json", _folder["other/back/e.csv.journal"]], "would be written twice, for --output"),
            ([audio, "-o", _folder["e.csv"], "--stats-json", _folder["e.csv.failed.scp"]], "would be written twice, for the list of failed files"),
        })
        {
            CliResult result = await Embed(args);
            Assert.True(result.Code == 2 && result.Error.Contains(message), $"{string.Join(' ', args)}: {result}");
        }
        Assert.Equal(before, _folder.Entries());
    }

    [Fact]
    public async Task A_name_that_kaldi_cannot_hold_is_refused_before_any_work()
    {
        string audio = _folder["my take.wav"];
        File.Copy(Sample("awb_1.wav"), audio);
        CliResult result = await Embed(audio, "-o", _folder["e.ark"]);
        Assert.Equal(1, result.Code);
        Assert.Contains("cannot have white space", result.Error);
        Assert.Equal(["my take.wav"], _folder.Entries());
        Assert.Equal(0, (await Embed(audio, "-o", _folder["e.csv"])).Code);
    }

    [Fact]
    public async Task A_list_may_come_from_standard_input()
    {
        CliResult result = await Ecapa.RunAsync(
            ["embed", "--model", Tiny, "--scp", "-"], System.Text.Encoding.UTF8.GetBytes($"only {Sample("awb_1.wav")}\r\n"));
        Assert.Equal(0, result.Code);
        Assert.StartsWith("{\"name\":\"only\"", result.Output);
    }

    [Fact]
    public async Task On_a_terminal_a_bar_says_how_far_it_is()
    {
        CliResult result = await Ecapa.RunAsync(
            ["embed", "--model", Tiny, Samples, _folder["gone.wav"], "-o", _folder["e.npy"]], terminal: true);
        Assert.Equal(1, result.Code);
        Assert.Contains("files", result.Error);
        Assert.Contains("s of audio per s", result.Error);
        Assert.Contains("gone.wav", result.Error);
    }

    [Theory]
    [InlineData(AnsiSupport.Yes, "\u001b[Ja message\n")]
    [InlineData(AnsiSupport.No, "a message\n")]
    public void On_a_terminal_a_message_erases_what_is_left_of_the_bar(AnsiSupport ansi, string expected)
    {
        using StringWriter terminal = new();
        AnsiConsole.Create(new AnsiConsoleSettings { Ansi = ansi, Out = new AnsiConsoleOutput(terminal) })
            .Write(new AboveBar(new Text("a message")));
        Assert.Equal(expected, terminal.ToString().ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task A_run_stopped_before_its_first_row_leaves_an_earlier_output_as_it_was()
    {
        string earlier = _folder.Write("e.npy", "an earlier run's");
        using CancellationTokenSource interrupt = new();
        await interrupt.CancelAsync();
        CliResult result = await Ecapa.RunAsync(["embed", "--model", Tiny, Samples, "-o", earlier], interrupt: interrupt.Token);
        Assert.Equal(130, result.Code);
        Assert.Contains("interrupted: 0 of 8 files, nothing is written", result.Error);
        Assert.Equal("an earlier run's", File.ReadAllText(earlier));
        Assert.Equal(["e.npy"], _folder.Entries());
    }

    [Fact]
    public async Task A_run_without_a_single_embedding_claims_no_speed()
    {
        CliResult result = await Embed(_folder["gone.wav"]);
        Assert.Equal(1, result.Code);
        Assert.EndsWith("embedded 0 of 1 file, 1 failed", result.Error.TrimEnd());
    }

    [Fact]
    public async Task Warnings_about_standard_input_name_it()
    {
        byte[] wav = File.ReadAllBytes(Sample("awb_1.wav"));
        using Process process = Ecapa.Start("embed", "--model", Tiny, "-");
        await process.StandardInput.BaseStream.WriteAsync(wav.AsMemory(0, wav.Length / 2));
        process.StandardInput.Close();
        CliResult result = await Ecapa.EndAsync(process);
        Assert.Equal(0, result.Code);
        Assert.Contains("warning: standard input: cut off", result.Error);
    }

    [Theory]
    [InlineData("embed a.wav --threads many", "error: --threads takes a number from 1 to 1024, not 'many'.")]
    [InlineData("classify a.wav --top 0", "error: --top takes a number from 1, not '0'.")]
    [InlineData("frobnicate", "error: There is no command 'frobnicate'.")]
    public async Task A_slip_on_the_command_line_is_one_plain_sentence(string line, string sentence)
    {
        CliResult result = await Ecapa.RunAsync(line.Split(' '));
        Assert.Equal(2, result.Code);
        string[] said = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Equal(sentence, said[0]);
        Assert.Equal(2, said.Length);
    }
}
