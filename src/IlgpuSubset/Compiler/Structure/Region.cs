using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Structure;

/// <summary>A piece of a kernel's control flow in the shape of a structured program.</summary>
internal abstract record Region
{
    /// <summary>Whether all threads of the group must arrive together somewhere inside.</summary>
    public abstract bool ContainsBarrier { get; }

    /// <summary>The regions that it is made of, in the program's order.</summary>
    public virtual IReadOnlyList<Region> Parts => [];

    /// <summary>The items where it is a sequence, else itself alone.</summary>
    public IReadOnlyList<Region> InOrder => this is Sequence sequence ? sequence.Items : [this];

    /// <summary>It and all inside it, each before its parts, in the program's order.</summary>
    public IEnumerable<Region> Whole
    {
        get
        {
            var open = new Stack<Region>([this]);
            while (open.TryPop(out Region? region))
            {
                yield return region;
                IReadOnlyList<Region> parts = region.Parts;
                for (int i = parts.Count - 1; i >= 0; i--)
                    open.Push(parts[i]);
            }
        }
    }
}

/// <summary>One region after another.</summary>
internal sealed record Sequence(IReadOnlyList<Region> Items) : Region
{
    /// <inheritdoc/>
    public override bool ContainsBarrier { get; } = Items.Any(item => item.ContainsBarrier);

    /// <inheritdoc/>
    public override IReadOnlyList<Region> Parts => Items;
}

/// <summary>The instructions of a block, without its branch.</summary>
internal sealed record Straight(Block Block) : Region
{
    /// <inheritdoc/>
    public override bool ContainsBarrier { get; } = Block.Instructions.Any(i => i.IsGroupWide);
}

/// <summary>All parameters get their values at once: a value may be one of the parameters.</summary>
internal sealed record Assign(IReadOnlyList<(BlockParameter Parameter, Value Value)> Items) : Region
{
    /// <inheritdoc/>
    public override bool ContainsBarrier => false;
}

/// <summary>One of two regions.</summary>
/// <param name="Condition">An i1.</param>
/// <param name="IsUniform">Whether all threads of the group that arrive go one way.</param>
/// <param name="Then">Where the condition holds.</param>
/// <param name="Else">Where it does not.</param>
internal sealed record If(Value Condition, bool IsUniform, Region Then, Region Else) : Region
{
    /// <inheritdoc/>
    public override bool ContainsBarrier { get; } = Then.ContainsBarrier || Else.ContainsBarrier;

    /// <inheritdoc/>
    public override IReadOnlyList<Region> Parts => [Then, Else];
}

/// <summary>Repeats its body, also where the body's end is reached, until a <see cref="Break"/> leaves it.</summary>
/// <param name="Label">What breaks and continues name.</param>
/// <param name="IsUniform">Whether all threads of the group that arrive leave in the same round.</param>
/// <param name="Body">What is repeated.</param>
internal sealed record Loop(Label Label, bool IsUniform, Region Body) : Region
{
    /// <inheritdoc/>
    public override bool ContainsBarrier { get; } = Body.ContainsBarrier;

    /// <inheritdoc/>
    public override IReadOnlyList<Region> Parts => [Body];
}

/// <summary>Runs its body once; a <see cref="Break"/> to its label leaves it early.</summary>
/// <param name="Label">What breaks name.</param>
/// <param name="Body">What is run.</param>
internal sealed record Labeled(Label Label, Region Body) : Region
{
    /// <inheritdoc/>
    public override bool ContainsBarrier { get; } = Body.ContainsBarrier;

    /// <inheritdoc/>
    public override IReadOnlyList<Region> Parts => [Body];
}

/// <summary>Goes behind the <see cref="Loop"/> or <see cref="Labeled"/> of the label, which may be several levels out.</summary>
internal sealed record Break(Label Label) : Region
{
    /// <inheritdoc/>
    public override bool ContainsBarrier => false;
}

/// <summary>Goes to the start of the <see cref="Loop"/> of the label, which may be several levels out.</summary>
internal sealed record Continue(Label Label) : Region
{
    /// <inheritdoc/>
    public override bool ContainsBarrier => false;
}

/// <summary>A place that control can go to.</summary>
internal sealed class Label
{
    /// <summary>Whether any <see cref="Break"/> names it.</summary>
    public bool HasBreak { get; set; }

    /// <summary>Whether any <see cref="Continue"/> names it.</summary>
    public bool HasContinue { get; set; }
}
