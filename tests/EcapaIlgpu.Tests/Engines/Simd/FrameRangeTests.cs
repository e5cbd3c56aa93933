using EcapaIlgpu.Engines.Simd;
using FsCheck;
using FsCheck.Fluent;

namespace EcapaIlgpu.Tests.Engines.Simd;

public class FrameRangeTests
{
    [Fact]
    public void Ranges_cover_every_row_once_within_the_limit_and_split_only_what_is_too_long()
    {
        Gen<int> length = Gen.Choose(1, 50);
        Arbitrary<int[]> lengths = Gen.ArrayOf(length).Where(l => l.Length > 0).ToArbitrary();
        Check.One(Config.QuickThrowOnFailure, Prop.ForAll(lengths, Gen.Choose(1, 60).ToArbitrary(), (l, limit) => HoldsFor(l, limit)));
    }

    [Fact]
    public void A_wider_range_stays_inside_its_utterances()
    {
        FrameRange range = new(100, 150, 90, 155);
        Assert.Equal(new FrameRange(93, 155, 90, 155), range.Widen(7));
        Assert.Equal(new FrameRange(90, 155, 90, 155), range.Widen(28));
    }

    private static bool HoldsFor(int[] lengths, int limit)
    {
        int[] offsets = [0, .. lengths.Select((_, u) => lengths.Take(u + 1).Sum())];
        int row = 0;
        foreach (FrameRange range in FrameRange.Cut(offsets, limit))
        {
            if (range.From != row || range.Frames < 1 || range.Frames > limit)
                return false;
            bool whole = range.From == range.First && range.To == range.End;
            bool partOfOne = Enumerable.Range(0, lengths.Length)
                .Any(u => offsets[u] == range.First && offsets[u + 1] == range.End && lengths[u] > limit);
            if (!(whole || partOfOne) || !offsets.Contains(range.First) || !offsets.Contains(range.End))
                return false;
            int covered = range.From;
            foreach (FrameRange part in range.CutUtterances(offsets, 7))
            {
                int u = Array.IndexOf(offsets, part.First);
                if (part.From != covered || part.Frames > 7 || u < 0 || offsets[u + 1] != part.End)
                    return false;
                covered = part.To;
            }
            if (covered != range.To)
                return false;
            row = range.To;
        }
        return row == offsets[^1];
    }
}
