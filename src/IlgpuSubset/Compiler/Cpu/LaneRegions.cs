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
    public static bool Breaks(Region region, Label label) => region switch
    {
        Sequence sequence => sequence.Items.Any(item => Breaks(item, label)),
        If branch => Breaks(branch.Then, label) || Breaks(branch.Else, label),
        Loop loop => Breaks(loop.Body, label),
        Labeled labeled => Breaks(labeled.Body, label),
        Break leave => leave.Label == label,
        _ => false,
    };

    /// <summary>The parts of a region in order.</summary>
    public static IReadOnlyList<Region> Items(Region region) => region is Sequence sequence ? sequence.Items : [region];

    /// <summary>The parameters that are set inside a region.</summary>
    public static IEnumerable<BlockParameter> Parameters(Region region) => region switch
    {
        Sequence sequence => sequence.Items.SelectMany(Parameters),
        Assign assign => assign.Items.Select(item => item.Parameter),
        If branch => Parameters(branch.Then).Concat(Parameters(branch.Else)),
        Loop loop => Parameters(loop.Body),
        Labeled labeled => Parameters(labeled.Body),
        _ => [],
    };

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

    private static Sequence Join(IEnumerable<Region> regions) => new([.. regions.SelectMany(Items)]);

    /// <summary>A labelled region that begins with the first part that breaks out of it.</summary>
    private static Sequence Around(Label label, Region body)
    {
        IReadOnlyList<Region> items = Items(body);
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
