using EcapaIlgpu.Engines;

namespace EcapaIlgpu.Tests.Engines;

/// <summary>The names of precisions, which users type and read.</summary>
public class PrecisionTests
{
    [Fact]
    public void Every_precision_is_found_by_its_name_and_auto_is_none_of_them()
    {
        foreach (Precision precision in Enum.GetValues<Precision>())
        {
            Assert.True(PrecisionNames.TryParse(precision.Name(), out Precision? found));
            Assert.Equal(precision, found);
            Assert.Contains(precision.Name(), PrecisionNames.Syntax.Split('|'));
        }
        Assert.True(PrecisionNames.TryParse(PrecisionNames.Auto, out Precision? none));
        Assert.Null(none);
    }

    [Theory]
    [InlineData("")]
    [InlineData("FP16")]
    [InlineData("half")]
    [InlineData("0")]
    public void Other_names_are_refused(string name) => Assert.False(PrecisionNames.TryParse(name, out _));
}
