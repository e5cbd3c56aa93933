using System.Text.Json;
using System.Xml.Linq;
using EcapaIlgpu.Cli;

namespace EcapaIlgpu.Tests.Cli;

/// <summary><c>ecapa profile</c> from arguments to output.</summary>
public sealed class ProfileCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_file_is_profiled_into_json_a_trace_and_a_picture()
    {
        ShortSpeech.Write(_folder["short.wav"], TimeSpan.FromSeconds(0.1));
        CliResult result = await Ecapa.RunAsync(
            "profile", _folder["short.wav"], "--device", "cpu-kernels", "--runs", "1", "--json", "--trace", _folder["trace.json"], "--plot",
            _folder["roofline.svg"]);
        Assert.True(result.Code == ExitCode.Done, result.Error);
        Assert.StartsWith("device: cpu-kernels", result.Error);
        using JsonDocument profile = JsonDocument.Parse(Assert.Single(result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal(1, profile.RootElement.GetProperty("utterances").GetInt32());
        Assert.Equal(8, profile.RootElement.GetProperty("frames").GetInt32());
        Assert.Contains(
            "Filterbank",
            profile.RootElement.GetProperty("kernels").EnumerateArray().Select(kernel => kernel.GetProperty("kernel").GetString()));
        using JsonDocument trace = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["trace.json"]));
        Assert.Equal(
            2 + profile.RootElement.GetProperty("total").GetProperty("launches").GetInt32(),
            trace.RootElement.GetProperty("traceEvents").GetArrayLength());
        Assert.Equal("svg", XDocument.Load(_folder["roofline.svg"]).Root!.Name.LocalName);
    }

    [Fact]
    public async Task The_table_is_aligned_and_ends_with_the_total()
    {
        CliResult result = await Ecapa.RunAsync("profile", "--device", "cpu-kernels", "--batch", "2x3", "--runs", "1");
        Assert.True(result.Code == ExitCode.Done, result.Error);
        string[] lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(lines, line => line.StartsWith("batch      2 utterances, 6 frames", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("profiling  costs ", StringComparison.Ordinal));
        string[] table = [.. lines.SkipWhile(line => !line.StartsWith("kernel ", StringComparison.Ordinal))];
        Assert.All(table, line => Assert.Equal(table[0].Length, line.Length));
        Assert.Matches(@"^total +\d+ +[\d,.]+ +100\.0 %", table[^1]);
    }

    [Fact]
    public async Task One_utterance_alone_is_timed()
    {
        CliResult result = await Ecapa.RunAsync(
            "profile", "--device", "cpu-kernels", "--latency", "--batch", "1x5", "--runs", "3", "--json");
        Assert.True(result.Code == ExitCode.Done, result.Error);
        using JsonDocument latency = JsonDocument.Parse(result.Output);
        double Seconds(string name) => latency.RootElement.GetProperty(name).GetDouble();
        Assert.Equal((5, 3), (latency.RootElement.GetProperty("frames").GetInt32(), latency.RootElement.GetProperty("runs").GetInt32()));
        Assert.Equal("fp32", latency.RootElement.GetProperty("precision").GetString());
        Assert.InRange(
            latency.RootElement.GetProperty("date").GetDateTimeOffset(), DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow);
        Assert.True(0 < Seconds("least_seconds"), result.Output);
        Assert.True(
            Seconds("least_seconds") <= Seconds("median_seconds") && Seconds("median_seconds") <= Seconds("percentile_95_seconds"),
            result.Output);
    }

    [Theory]
    [InlineData("no files", "speech.wav", "--latency", "--device", "cpu-kernels")]
    [InlineData("no --trace", "--latency", "--trace", "trace.json", "--device", "cpu-kernels")]
    [InlineData("vector engine", "--device", "cpu")]
    [InlineData("'gpu' is no device", "--device", "gpu")]
    [InlineData("such as 8x300", "--batch", "8by300")]
    [InlineData("such as 8x300", "--batch", "0x300")]
    [InlineData("one or the other", "speech.wav", "--batch", "8x300", "--device", "cpu-kernels")]
    [InlineData("--runs takes", "--runs", "0")]
    public async Task What_makes_no_sense_is_a_usage_error(string expected, params string[] arguments)
    {
        CliResult result = await Ecapa.RunAsync(["profile", .. arguments]);
        Assert.Equal(ExitCode.Usage, result.Code);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    [Fact]
    public async Task What_cannot_be_read_or_written_or_held_is_said_before_anything_runs()
    {
        CliResult missing = await Ecapa.RunAsync("profile", _folder["none.wav"], "--device", "cpu-kernels");
        Assert.Equal(ExitCode.Failed, missing.Code);
        Assert.Contains("none.wav: no such file", missing.Error, StringComparison.Ordinal);
        ShortSpeech.Write(_folder["short.wav"], TimeSpan.FromMilliseconds(20));
        CliResult tooShort = await Ecapa.RunAsync("profile", _folder["short.wav"], "--device", "cpu-kernels");
        Assert.Equal(ExitCode.Failed, tooShort.Code);
        Assert.Contains("too short", tooShort.Error, StringComparison.Ordinal);
        CliResult nowhere = await Ecapa.RunAsync("profile", "--device", "cpu-kernels", "--plot", _folder["none/roofline.svg"]);
        Assert.Equal(ExitCode.Failed, nowhere.Code);
        Assert.Contains("no folder", nowhere.Error, StringComparison.Ordinal);
        CliResult tooLarge = await Ecapa.RunAsync("profile", "--device", "cpu-kernels", "--batch", "100000x100000");
        Assert.Equal(ExitCode.Failed, tooLarge.Code);
        Assert.Contains("the batch: has more samples", tooLarge.Error, StringComparison.Ordinal);
        Assert.All(
            [missing, tooShort, nowhere, tooLarge], result => Assert.DoesNotContain("device:", result.Error, StringComparison.Ordinal));
    }
}
