using System.Globalization;
using System.Text.Json;

namespace EcapaIlgpu.Tests.Cli;

/// <summary>The commands about models and scores: similarity, classify, info, convert, devices, help.</summary>
public sealed class ModelCommandTests : IDisposable
{
    private static readonly string WithHead = TestFiles.InTestdata("models/wespeaker_tiny_softmax6_legacy.pt");
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Sample(string name) => TestFiles.InTestdata($"samples/{name}");

    private static JsonElement Json(CliResult result)
    {
        Assert.Equal(0, result.Code);
        return JsonDocument.Parse(result.Output).RootElement;
    }

    [Fact]
    public async Task Similarity_of_many_files_is_a_table_in_which_voices_find_each_other()
    {
        string[] voices = ["awb", "kal16", "rms", "slt"];
        string[] files = [.. voices.SelectMany(voice => new[] { Sample($"{voice}_1.wav"), Sample($"{voice}_2.wav") })];
        JsonElement table = Json(await Ecapa.RunAsync(["similarity", .. files, "--json"]));
        Assert.Equal(files, table.GetProperty("names").EnumerateArray().Select(n => n.GetString()));
        float[][] cosines =
            [.. table.GetProperty("cosines").EnumerateArray().Select(row => row.EnumerateArray().Select(c => c.GetSingle()).ToArray())];
        double[] expected = TestFiles.ReadNpy(TestFiles.InTestdata("goldens/cosine_demo_model_samples.npy")).Values;
        Assert.True(Closeness.MaxAbs(expected, [.. cosines.SelectMany(row => row)]) < 1e-4);

        CliResult forPeople = await Ecapa.RunAsync(["similarity", .. files]);
        string[] lines = forPeople.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(9, lines.Length);
        Assert.Matches(@"awb_1\.wav +1\.00 +0\.85", lines[1]);
    }

    [Fact]
    public async Task Similarity_tells_voices_apart_with_the_bundled_model()
    {
        JsonElement same = Json(await Ecapa.RunAsync("similarity", Sample("slt_1.wav"), Sample("slt_2.wav"), "--json"));
        JsonElement different = Json(await Ecapa.RunAsync("similarity", Sample("slt_1.wav"), Sample("awb_1.wav"), "--json"));
        double cosine = same.GetProperty("cosine").GetDouble();
        Assert.True(cosine > different.GetProperty("cosine").GetDouble() + 0.3, $"{same} {different}");
        Assert.Equal((cosine + 1) / 2, same.GetProperty("wespeaker").GetDouble(), 1e-6);

        CliResult forPeople = await Ecapa.RunAsync("similarity", Sample("slt_1.wav"), Sample("slt_2.wav"));
        string[] lines = forPeople.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("cosine (-1 to 1)", lines[0]);
        Assert.EndsWith(cosine.ToString("0.0000", CultureInfo.InvariantCulture), lines[0]);
        Assert.StartsWith("wespeaker (cosine+1)/2", lines[1]);
        Assert.DoesNotContain("warning", forPeople.Error);
    }

    [Fact]
    public async Task Similarity_warns_of_short_speech_and_fails_with_the_file_it_cannot_read()
    {
        ShortSpeech.Write(_folder["short.wav"], TimeSpan.FromSeconds(1));
        CliResult result = await Ecapa.RunAsync("similarity", Sample("slt_1.wav"), _folder["short.wav"], "--model", WithHead);
        Assert.Equal(0, result.Code);
        Assert.Contains("short.wav: only 1.0 s", result.Error);

        result = await Ecapa.RunAsync("similarity", Sample("slt_1.wav"), _folder["gone.wav"], "--model", WithHead);
        Assert.Equal(1, result.Code);
        Assert.Contains(_folder["gone.wav"], result.Error);
        Assert.Equal("", result.Output);
    }

    [Fact]
    public async Task Classify_ranks_the_classes_by_probability()
    {
        string names = _folder.Write("names.txt", "ann\nbob\ncleo\ndan\neve\nfred\n");
        CliResult result = await Ecapa.RunAsync(
            "classify", Sample("slt_1.wav"), Sample("awb_1.wav"), "--model", WithHead, "--classes", names, "--top", "6", "--json");
        Assert.Equal(0, result.Code);
        JsonElement[] rows =
            [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)];
        Assert.Equal(12, rows.Length);
        foreach (JsonElement[] file in rows.Chunk(6))
        {
            double[] probabilities = [.. file.Select(r => r.GetProperty("probability").GetDouble())];
            Assert.Equal(1, probabilities.Sum(), 1e-5);
            Assert.Equal(probabilities.OrderDescending(), probabilities);
            Assert.Equal(
                ["ann", "bob", "cleo", "dan", "eve", "fred"],
                file.OrderBy(r => r.GetProperty("index").GetInt32()).Select(r => r.GetProperty("class").GetString()));
        }

        CliResult top = await Ecapa.RunAsync("classify", Sample("slt_1.wav"), "--model", WithHead, "--top", "1");
        Assert.Equal(
            $"{Sample("slt_1.wav")}  {rows[0].GetProperty("index")}  {rows[0].GetProperty("probability").GetSingle():0.0000}\n",
            top.Output);
    }

    [Fact]
    public async Task Classify_says_what_it_lacks()
    {
        CliResult noHead = await Ecapa.RunAsync(
            "classify", Sample("slt_1.wav"), "--model", TestFiles.InTestdata("models/wespeaker_tiny_glob.pt"));
        Assert.Equal(1, noHead.Code);
        Assert.Contains("has no projection head", noHead.Error);
        CliResult fewNames = await Ecapa.RunAsync(
            "classify", Sample("slt_1.wav"), "--model", WithHead, "--classes", _folder.Write("names.txt", "ann\nbob\n"));
        Assert.Equal(1, fewNames.Code);
        Assert.Contains("has 2 lines, and the model has 6 classes", fewNames.Error);
    }

    [Fact]
    public async Task Info_describes_the_bundled_model()
    {
        JsonElement info = Json(await Ecapa.RunAsync("info", "--json"));
        Assert.Equal("ECAPA_TDNN_GLOB_c512", info.GetProperty("architecture").GetString());
        Assert.Equal(6_190_720, info.GetProperty("parameters").GetInt64());
        Assert.Equal(2 * 5_181_440 * 100L, info.GetProperty("operations_per_second").GetInt64());
        Assert.Equal("ASTP", info.GetProperty("pooling").GetString());
        Assert.Equal(64, info.GetProperty("sha256").GetString()!.Length);
        Assert.Equal(JsonValueKind.Null, info.GetProperty("head").ValueKind);

        CliResult forPeople = await Ecapa.RunAsync("info", WithHead);
        Assert.Contains("Softmax", forPeople.Output);
        Assert.Matches("classes +6\n", forPeople.Output);
    }

    [Fact]
    public async Task A_checkpoint_that_is_none_is_named()
    {
        foreach (string[] args in new string[][] { ["info"], ["convert", "x"], ["similarity", "a", "b", "--model"] })
        {
            string broken = _folder.Write("broken.pt", "no tensors here");
            string[] line = args[0] == "convert" ? ["convert", broken, _folder["out.safetensors"]] : [.. args, broken];
            CliResult result = await Ecapa.RunAsync(line);
            Assert.Equal(1, result.Code);
            Assert.StartsWith($"error: {broken}", result.Error);
            Assert.DoesNotContain("   at ", result.Error);
        }
        Assert.Equal(["broken.pt"], _folder.Entries());
    }

    [Fact]
    public async Task Convert_keeps_every_bit_in_float32()
    {
        string converted = _folder["m.safetensors"], half = _folder["half.safetensors"];
        Assert.Equal(0, (await Ecapa.RunAsync("convert", WithHead, converted)).Code);
        Assert.Equal(0, (await Ecapa.RunAsync("convert", WithHead, half, "--dtype", "float16")).Code);
        Assert.InRange(new FileInfo(half).Length, 0.45 * new FileInfo(converted).Length, 0.6 * new FileInfo(converted).Length);
        CliResult before = await Ecapa.RunAsync("classify", Sample("slt_1.wav"), "--model", WithHead, "--json");
        CliResult after = await Ecapa.RunAsync("classify", Sample("slt_1.wav"), "--model", converted, "--json");
        Assert.Equal(0, before.Code);
        Assert.Equal(before.Output, after.Output);
    }

    [Fact]
    public async Task Devices_lists_the_processor()
    {
        CliResult result = await Ecapa.RunAsync("devices", "--json");
        JsonElement[] devices =
            [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        JsonElement cpu = Assert.Single(devices, d => d.GetProperty("device").GetString() == "cpu");
        Assert.Equal(Environment.ProcessorCount, cpu.GetProperty("units").GetInt32());
        Assert.True(cpu.GetProperty("memory_bytes").GetInt64() > 0);
        Assert.Single(devices, d => d.GetProperty("auto").GetBoolean());
        // What can be used has a selector, what cannot has a reason.
        Assert.All(devices, d => Assert.NotEqual(d.GetProperty("device").ValueKind, d.GetProperty("problem").ValueKind));
    }

    [Theory]
    [InlineData("embed")]
    [InlineData("similarity")]
    [InlineData("classify")]
    [InlineData("convert")]
    [InlineData("info")]
    [InlineData("devices")]
    public async Task Help_has_examples_that_parse(string command)
    {
        CliResult help = await Ecapa.RunAsync(command, "--help");
        Assert.Equal(0, help.Code);
        string shown = help.Output[help.Output.IndexOf("Examples:", StringComparison.Ordinal)..];
        string[] examples = [.. shown.Split('\n').Where(l => l.Contains($"ecapa {command}"))];
        Assert.NotEmpty(examples);
        foreach (string example in examples)
        {
            // As far as the files, which do not exist: a usage error would be exit code 2.
            string line = example[example.IndexOf($"ecapa {command}", StringComparison.Ordinal)..]["ecapa ".Length..];
            CliResult run = await Ecapa.RunAsync(
                [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(a => a.EndsWith('/') ? _folder[a] : a)]);
            Assert.NotEqual(2, run.Code);
        }
    }
}
