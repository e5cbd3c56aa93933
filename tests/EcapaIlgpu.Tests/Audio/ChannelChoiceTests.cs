using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Tests.Audio;

public class ChannelChoiceTests
{
    [Fact]
    public void Default_is_the_first_channel()
    {
        Assert.Equal(ChannelChoice.First, default);
        Assert.Equal(ChannelChoice.First, ChannelChoice.Index(0));
        Assert.NotEqual(ChannelChoice.Mean, ChannelChoice.First);
    }

    [Theory]
    [InlineData("first", "0")]
    [InlineData("Mean", "mean")]
    [InlineData("0", "0")]
    [InlineData("7", "7")]
    public void Parses_what_people_write(string text, string expected)
    {
        ChannelChoice choice = ChannelChoice.Parse(text);
        Assert.Equal(expected, choice.ToString());
        Assert.Equal(choice, ChannelChoice.Parse(choice.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("left")]
    [InlineData("1.0")]
    [InlineData("99999999999")]
    public void Refuses_anything_else(string text)
    {
        Assert.False(ChannelChoice.TryParse(text, out _));
        FormatException error = Assert.Throws<FormatException>(() => ChannelChoice.Parse(text));
        Assert.Contains("counted from 0", error.Message, StringComparison.Ordinal);
    }
}
