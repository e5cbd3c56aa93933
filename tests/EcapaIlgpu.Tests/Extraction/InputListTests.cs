using EcapaIlgpu.Extraction;
using EcapaIlgpu.Extraction.Journals;

namespace EcapaIlgpu.Tests.Extraction;

public sealed class InputListTests
{
    /// <summary>Some in one block, and so many that most of them lie in a file.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(100_000)]
    public void A_list_gives_what_it_was_made_of_as_often_as_asked(int count)
    {
        AudioInput[] inputs = [.. Enumerable.Range(0, count).Select(Input)];
        using InputList list = new(inputs);
        Assert.Equal(count, list.Count);
        Assert.Equal(inputs, list);
        Assert.Equal(inputs, list);
        Assert.Equal(RunIdentity.DigestOf(inputs), RunIdentity.DigestOf(list));
    }

    [Fact]
    public void Several_may_go_through_it_at_once()
    {
        AudioInput[] inputs = [.. Enumerable.Range(0, 30_000).Select(Input)];
        using InputList list = new(inputs);
        Parallel.For(0, 4, _ => Assert.Equal(inputs, list));
    }

    [Fact]
    public void Some_of_it_come_in_its_order()
    {
        using InputList list = new(Enumerable.Range(0, 20_000).Select(Input));
        OrdinalSet ordinals = new(list.Count);
        foreach (int ordinal in new[] { 19_999, 7, 12_345 })
            ordinals.Add(ordinal);
        IReadOnlyCollection<AudioInput> some = list.Of(ordinals);
        Assert.Equal(3, some.Count);
        Assert.Equal([Input(7), Input(12_345), Input(19_999)], some);
    }

    [Fact]
    public void A_list_that_cannot_be_read_to_its_end_is_none()
    {
        IEnumerable<AudioInput> broken = Enumerable.Range(0, 100_000)
            .Select(i => i < 99_999 ? Input(i) : throw new InputException("list", "is damaged"));
        Assert.Equal("list: is damaged", Assert.Throws<InputException>(() => new InputList(broken)).Message);
    }

    [Fact]
    public void Names_are_known_again_with_the_number_that_they_came_with()
    {
        SeenNames names = new();
        for (int i = 0; i < 50_000; i++)
            Assert.Null(names.Add($"name {i}", i));
        for (int i = 0; i < 50_000; i++)
            Assert.Equal(i, names.Add($"name {i}", -1));
        Assert.Null(names.Add(""));
        Assert.Equal(0, names.Add("", 1));
    }

    /// <summary>Names that are paths and that are not, texts and what a disk may hold beside.</summary>
    private static AudioInput Input(int i) => (i % 4) switch
    {
        0 => new AudioInput($"/data/speech/{i}.wav"),
        1 => new AudioInput($"日本 {i}\n", $"/data/é/{i}.wav"),
        2 => new AudioInput($"\uD800{i}", $"\uDC00{i}"),
        _ => new AudioInput("", $"{i}"),
    };
}
