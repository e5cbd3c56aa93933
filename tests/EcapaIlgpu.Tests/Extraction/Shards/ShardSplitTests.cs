using EcapaIlgpu.Extraction;
using EcapaIlgpu.Extraction.Journals;
using EcapaIlgpu.Extraction.Shards;
using FsCheck;
using FsCheck.Fluent;

namespace EcapaIlgpu.Tests.Extraction.Shards;

public sealed class ShardSplitTests
{
    [Fact]
    public void Every_input_is_in_one_shard_and_shards_differ_by_one_input_at_most()
    {
        Gen<(long[] Lengths, int Count)> cases =
            from lengths in Gen.ArrayOf(Gen.Frequency((3, Gen.Choose(0, 20_000)), (1, Gen.Choose(0, 10_000_000))).Select(ms => (long)ms))
            from count in Gen.Choose(1, 9)
            select (lengths, count);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(cases.ToArbitrary(), c =>
        {
            OrdinalSet[] shards = [.. Enumerable.Range(1, c.Count).Select(i => ShardSplit.InputsOf(c.Lengths, new Shard(i, c.Count)))];
            Assert.Equal(Enumerable.Range(0, c.Lengths.Length), shards.SelectMany(s => s).Order());
            // Each input went to the shard that had least: taking its last input away, none is longer than another.
            long[] loads = [.. shards.Select(s => s.Sum(i => c.Lengths[i] + 50))];
            for (int i = 0; i < c.Count; i++)
            {
                if (shards[i].Count > 0)
                    Assert.True(loads[i] - shards[i].Min(o => c.Lengths[o] + 50) <= loads.Min());
            }
        }));
    }

    [Fact]
    public void A_long_file_among_short_ones_has_a_shard_to_itself()
    {
        long[] lengths = [.. Enumerable.Repeat(10_000L, 100), 3 * 3600_000L, .. Enumerable.Repeat(10_000L, 100)];
        OrdinalSet[] shards = [.. Enumerable.Range(1, 3).Select(i => ShardSplit.InputsOf(lengths, new Shard(i, 3)))];
        Assert.Equal([100], Assert.Single(shards, s => s.Contains(100)));
        Assert.Equal([1, 100, 100], shards.Select(s => s.Count).Order());
    }

    [Fact]
    public void Files_that_cannot_be_read_are_spread_over_the_shards()
    {
        AudioInput[] missing = [.. Enumerable.Range(0, 12).Select(i => new AudioInput($"no/such/{i}.wav"))];
        for (int i = 1; i <= 4; i++)
            Assert.Equal(3, ShardSplit.InputsOf(missing, new Shard(i, 4), CancellationToken.None).Count);
    }

    [Theory]
    [InlineData("1/1", 1, 1)]
    [InlineData("8/8", 8, 8)]
    public void A_shard_is_written_as_it_is_read(string text, int index, int count)
    {
        Assert.True(Shard.TryParse(text, out Shard shard));
        Assert.Equal(new Shard(index, count), shard);
        Assert.Equal(text, shard.ToString());
    }

    [Theory]
    [InlineData("0/4")]
    [InlineData("5/4")]
    [InlineData("-1/4")]
    [InlineData("1")]
    [InlineData("1/2/3")]
    [InlineData("1/200000")]
    [InlineData("a/b")]
    [InlineData("")]
    public void What_is_no_shard_is_not_read(string text) => Assert.False(Shard.TryParse(text, out _));
}
