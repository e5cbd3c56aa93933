using ILGPU.Compiler.IR;
using ILGPU.Compiler.Structure;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// Brings a kernel's regions into the form that running lanes by masks wants: no continues, and nothing inside a labelled region that
/// stands before the first break out of it.
/// </summary>
/// <remarks>
/// A block with a barrier may dominate a join and so begin the labelled region around that join. Moved out in front, the barrier is at the
/// level of the group again, and the divergent rest is a region without one.
/// </remarks>
internal static class LaneRegions
{
    /// <summary>The same program without <see cref="Continue"/>: each is a break out of a region around its loop's body.</summary>
    public static Region Normalize(Region region) => Rewrite(region, []);

    /// <summary>Whether a break inside a region names a label.</summary>
    public static bool Breaks(Region region, Label label) => region.Whole.Any(part => part is Break leave && leave.Label == label);

    /// <summary>The parameters that are set inside a region.</summary>
    public static IEnumerable<BlockParameter> Parameters(Region region) =>
        region.Whole.OfType<Assign>().SelectMany(assign => assign.Items).Select(item => item.Parameter);

    private static Region Rewrite(Region region, Dictionary<Label, Label> continues)
    {
        switch (region)
        {
            case Sequence sequence:
                return Join(sequence.Items.Select(item => Rewrite(item, continues)));
            case If branch:
                return branch with { Then = Rewrite(branch.Then, continues), Else = Rewrite(branch.Else, continues) };
            case Loop { Label.HasContinue: true } loop:
                var round = new Label();
                continues.Add(loop.Label, round);
                return loop with { Body = Around(round, Rewrite(loop.Body, continues)) };
            case Loop loop:
                return loop with { Body = Rewrite(loop.Body, continues) };
            case Labeled labeled:
                return Around(labeled.Label, Rewrite(labeled.Body, continues));
            case Continue next:
                return new Break(continues[next.Label]);
            default:
                return region;
        }
    }

    private static Sequence Join(IEnumerable<Region> regions) => new([.. regions.SelectMany(region => region.InOrder)]);

    /// <summary>A labelled region that begins with the first part that breaks out of it.</summary>
    private static Sequence Around(Label label, Region body)
    {
        IReadOnlyList<Region> items = body.InOrder;
        int first = 0;
        while (first < items.Count && !Breaks(items[first], label))
            first++;
        Region[] rest = [.. items.Skip(first)];
        // A lone break at the very end goes where control goes anyway.
        if (rest is [Break])
            rest = [];
        return new Sequence([.. items.Take(first), .. rest.Length == 0 ? Array.Empty<Region>() : [new Labeled(label, new Sequence(rest))]]);
    }
}
