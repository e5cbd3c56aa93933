namespace EcapaIlgpu.Tests;

public class NeedTests
{
    [Fact]
    public void A_test_without_its_needs_says_what_is_missing_why_how_to_get_it_and_what_is_not_checked() => Assert.Equal(
        "There is no moon. The sky has it. To have it, wait for the night. There is no sun. The sky has it. To have it, wait for the day. "
        + "Not checked: \"The sky is full\".",
        Need.WhySkipped("The_sky_is_full", typeof(Moon), typeof(Sky), typeof(Sun)));

    [Fact]
    public void A_test_with_all_that_it_needs_runs() => Assert.Null(Need.WhySkipped("The_sky_is_there", typeof(Sky)));

    private sealed class Sky() : Need(static () => null, "It is everywhere", "look up");

    private sealed class Moon() : Need(static () => "There is no moon", "The sky has it", "wait for the night");

    private sealed class Sun() : Need(static () => "There is no sun", "The sky has it", "wait for the day");
}
