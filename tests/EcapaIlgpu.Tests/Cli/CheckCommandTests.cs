using System.Text.Json;

namespace EcapaIlgpu.Tests.Cli;

/// <summary>
/// <c>ecapa check</c>: the table, the filters and the exit codes; that the numbers are right is <c>KernelCaseTests</c>' matter.
/// </summary>
public sealed class CheckCommandTests
{
    [Theory]
    [InlineData("cpu", "network", "1e8")]
    [InlineData("cpu-kernels", "UtteranceLinear", "1e5")] // in float32 only, whatever the precision
    public async Task Every_case_has_a_row_with_its_errors_and_verdict(string device, string operation, string most)
    {
        CliResult result = await Ecapa.RunAsync("check", "--device", device, "--operation", operation, "--most-work", most, "--json");
        Assert.Equal(0, result.Code);
        JsonElement[] rows =
            [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.NotEmpty(rows);
        Assert.All(rows, row =>
        {
            Assert.Equal(device, row.GetProperty("device").GetString());
            Assert.Equal("fp32", row.GetProperty("precision").GetString());
            Assert.Equal(operation, row.GetProperty("operation").GetString());
            Assert.InRange(row.GetProperty("relative_l2").GetDouble(), 0, row.GetProperty("bound").GetDouble());
            Assert.InRange(row.GetProperty("cosine").GetDouble(), 0.9999999, 1.0000001);
            Assert.True(row.GetProperty("passed").GetBoolean());
        });
        Assert.Contains($"all {rows.Length} cases are within their bounds", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_precision_has_rows_with_its_own_bounds()
    {
        CliResult result = await Ecapa.RunAsync(
            "check", "--device", "cpu-kernels", "--precision", "bf16", "--operation", "ScaleAndAdd", "--most-work", "1e4", "--json");
        Assert.Equal(0, result.Code);
        JsonElement[] rows =
            [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.NotEmpty(rows);
        Assert.All(rows, row =>
        {
            Assert.Equal("bf16", row.GetProperty("precision").GetString());
            Assert.Equal(2e-2, row.GetProperty("bound").GetDouble());
            Assert.Equal(0.9995, row.GetProperty("least_cosine").GetDouble());
            // Coarser than float32 could be: it really is stored in 16 bits.
            Assert.InRange(row.GetProperty("relative_l2").GetDouble(), 1e-4, 2e-2);
        });
    }

    [Fact]
    public async Task A_precision_that_a_named_device_does_not_have_is_an_error_with_those_it_has()
    {
        CliResult result = await Ecapa.RunAsync("check", "--device", "cpu", "--precision", "fp16");
        Assert.Equal(1, result.Code);
        Assert.Contains("it can do fp32", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "check", "--precision", "half")]
    [InlineData(2, "check", "--precision", "auto")]
    [InlineData(2, "check", "--operation", "nothing")]
    [InlineData(2, "check", "--most-work", "-1")]
    [InlineData(2, "check", "--device", "gpu")]
    [InlineData(1, "check", "--device", "cuda:99")]
    public async Task What_cannot_be_checked_is_said(int code, params string[] args) =>
        Assert.Equal(code, (await Ecapa.RunAsync(args)).Code);
}
