using EcapaIlgpu.Cli;

namespace EcapaIlgpu.Tests.Cli;

public class FactsTests
{
    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void What_json_has_no_number_for_is_null_and_ends_nothing(double value)
    {
        using StringWriter output = new();
        Facts.PrintJson(output, [new Fact("relative L2", "relative_l2", value), new Fact("passed", "passed", false)]);
        Assert.Equal("""{"relative_l2":null,"passed":false}""", output.ToString().TrimEnd());
    }
}
