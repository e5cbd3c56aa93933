namespace EcapaIlgpu.Model.Heads;

/// <summary>
/// <c>arc_margin_intertopk_subcenter</c>: arc_margin with several centres per class, where the wrong classes nearest to the embedding
/// are also drawn nearer by an angle of their own. Row <c>j * K + k</c> of the weight is centre <c>k</c> of class <c>j</c>.
/// </summary>
internal sealed class ArcMarginIntertopkSubcenterHead : CosineHead
{
    /// <summary>The margin at which the penalty's angle is the one given, and below which (nearly) there is none.</summary>
    private const double FullMargin = 0.2, NoMargin = 0.001;

    private readonly AngularMargin _margin;
    private readonly AngularMargin _penalty;
    private readonly int _topK;

    public ArcMarginIntertopkSubcenterHead(HeadTensors tensors, ProjectionOptions options)
        : base(ProjectionKind.ArcMarginIntertopkSubcenter, tensors, options, options.SubCenters)
    {
        tensors.Require(options.TopK >= 0, $"the number of hardest classes is {options.TopK}");
        tensors.ThrowIfUnfit();
        _margin = new AngularMargin(Margin, options.EasyMargin);
        _penalty = new AngularMargin(Margin > NoMargin ? options.TopKMargin * Margin / FullMargin : 0, easy: false);
        _topK = options.LargeMargin ? 0 : options.TopK;
    }

    private protected override void ApplyMargin(Span<float> cosines, int label)
    {
        // A head of no more than k_top classes, which PyTorch refuses, penalises all the others.
        float[] unchanged = cosines.ToArray();
        foreach (int j in Enumerable.Range(0, unchanged.Length).Where(j => j != label).OrderByDescending(j => unchanged[j]).Take(_topK))
            cosines[j] = (float)_penalty.Narrow(unchanged[j]);
        cosines[label] = (float)_margin.Widen(unchanged[label]);
    }
}
