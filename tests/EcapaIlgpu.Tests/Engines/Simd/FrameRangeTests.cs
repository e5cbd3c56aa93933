using EcapaIlgpu.Engines.Simd;
using FsCheck;
using FsCheck.Fluent;

namespace EcapaIlgpu.Tests.Engines.Simd;

public class FrameRangeTests
{
    [Fact]
    public void Pieces_cover_every_row_of_a_range_once_within_the_limit_and_keep_to_an_utterance()
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
        foreach (FrameRange range in new FrameRange(0, offsets[^1], 0, offsets[^1]).CutEvenly(limit))
        {
            if (range.From != row || range.Frames < 1 || range.Frames > limit)
                return false;
            foreach (FrameRange piece in range.CutUtterances(offsets, 7))
            {
                int u = Array.IndexOf(offsets, piece.First);
                if (piece.From != row || piece.Frames is < 1 or > 7 || u < 0 || offsets[u + 1] != piece.End)
                    return false;
                row = piece.To;
            }
            if (row != range.To)
                return false;
        }
        return row == offsets[^1];
    }
}
