using EcapaIlgpu.Cli;

namespace EcapaIlgpu.Tests.Cli.Beyond;

/// <summary><c>ecapa profile</c> of kernels that run on tensor cores.</summary>
public class TensorProfileCommandTests
{
    [Fact]
    public async Task Each_row_says_what_it_is_held_against_and_the_facts_say_what_a_third_is_of()
    {
        CliResult result = await Ecapa.RunAsync(
            "profile", "--device", "cpu-kernels", "--precision", "3xtf32", "--batch", "1x3", "--runs", "1");
        Assert.True(result.Code == ExitCode.Done, result.Error);
        string[] lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(
            lines,
            line => line.EndsWith("in tf32 (tensor cores); 3xtf32 multiplies three times: a third of tf32", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("profiling  costs ", StringComparison.Ordinal));
        string[] table = [.. lines.SkipWhile(line => !line.StartsWith("kernel ", StringComparison.Ordinal))];
        foreach (string row in table[1..^1])
            Assert.Equal(row.StartsWith("Tensor", StringComparison.Ordinal), row.Contains("  tf32 / 3  ", StringComparison.Ordinal));
        Assert.Contains("  each its own  ", table[^1], StringComparison.Ordinal);
        // A processor has no graphs.
        Assert.DoesNotContain(lines, line => line.StartsWith("graph ", StringComparison.Ordinal));
    }
}
