namespace EcapaIlgpu.Model.Heads;

/// <summary>The projection heads of wespeaker (<c>projection_args.project_type</c>): what turns an embedding into class scores.</summary>
public enum ProjectionKind
{
    /// <summary><c>softmax</c>: BatchNorm, ReLU, Linear.</summary>
    Softmax,

    /// <summary><c>add_margin</c>: scale * (cos - margin at the label).</summary>
    AddMargin,

    /// <summary><c>arc_margin</c>: scale * cos(angle + margin at the label).</summary>
    ArcMargin,

    /// <summary><c>arc_margin_intertopk_subcenter</c>: several centres per class and a penalty on the hardest others.</summary>
    ArcMarginIntertopkSubcenter,

    /// <summary><c>sphere</c>: the multiplicative margin of SphereFace, margin 4.</summary>
    Sphere,

    /// <summary><c>sphereface2</c>: one binary classifier per class.</summary>
    SphereFace2,
}

/// <summary>Where sphereface2 puts its margin.</summary>
public enum SphereFace2Margin
{
    /// <summary>Added to the adjusted cosine.</summary>
    C,

    /// <summary>Added to the angle.</summary>
    A,
}

/// <summary>What a head's tensors do not say; from <c>projection_args</c> of a config.yaml, or wespeaker's defaults.</summary>
public sealed record ProjectionOptions
{
    /// <summary>Which head; null lets the tensor names decide (<c>trans.*</c> is softmax, <c>weight</c> and <c>bias</c> are
    /// sphereface2; a lone <c>weight</c> is taken as arc_margin, whose scores without a label are those of every cosine head).</summary>
    public ProjectionKind? Kind { get; init; }

    /// <summary>The factor on cosines.</summary>
    public float Scale { get; init; } = 32f;

    /// <summary>The margin at the label, as the training schedule last set it; 0 for inference.</summary>
    public float Margin { get; init; }

    /// <summary>Whether arc_margin leaves angles beyond 90 degrees alone instead of switching to a linear penalty.</summary>
    public bool EasyMargin { get; init; }

    /// <summary>sphere: how many batches training has seen, 1 on the first (<c>iter</c>); the margin comes in slowly with it.</summary>
    public long Iteration { get; init; } = 1;

    /// <summary>arc_margin_intertopk_subcenter: centres per class, the best of which counts (<c>K</c>).</summary>
    public int SubCenters { get; init; } = 3;

    /// <summary>
    /// arc_margin_intertopk_subcenter: how many of the other classes, hardest first, are penalised (<c>k_top</c>); none with
    /// <see cref="LargeMargin"/>.
    /// </summary>
    public int TopK { get; init; } = 5;

    /// <summary>arc_margin_intertopk_subcenter: the penalty's angle at margin 0.2, growing with the margin (<c>mp</c>).</summary>
    public float TopKMargin { get; init; } = 0.06f;

    /// <summary>arc_margin_intertopk_subcenter: large-margin fine-tuning, which penalises no other class (<c>do_lm</c>).</summary>
    public bool LargeMargin { get; init; }

    /// <summary>sphereface2: how the margin enters its loss (<c>margin_type</c>).</summary>
    public SphereFace2Margin SphereFace2Margin { get; init; } = SphereFace2Margin.C;

    /// <summary>sphereface2: exponent of the similarity adjustment (<c>t</c>).</summary>
    public float SphereFace2Exponent { get; init; } = 3f;

    /// <summary>sphereface2: weight of the own class against all others (<c>lanbuda</c>).</summary>
    public float SphereFace2Balance { get; init; } = 0.7f;
}
