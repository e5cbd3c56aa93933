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

/// <summary>What a head's tensors do not say; from <c>projection_args</c> of a config.yaml, or wespeaker's defaults.</summary>
public sealed record ProjectionOptions
{
    /// <summary>Which head; null lets the tensor names decide (<c>trans.*</c> is softmax; a lone <c>weight</c> is taken as arc_margin, whose
    /// scores without a label are those of every cosine head).</summary>
    public ProjectionKind? Kind { get; init; }

    /// <summary>The factor on cosines.</summary>
    public float Scale { get; init; } = 32f;

    /// <summary>The margin at the label, as the training schedule last set it; 0 for inference.</summary>
    public float Margin { get; init; }

    /// <summary>Whether arc_margin leaves angles beyond 90 degrees alone instead of switching to a linear penalty.</summary>
    public bool EasyMargin { get; init; }
}
