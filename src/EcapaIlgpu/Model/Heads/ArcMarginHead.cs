namespace EcapaIlgpu.Model.Heads;

/// <summary><c>arc_margin</c> (AAM-softmax, ArcFace): <c>scale * cos(angle + margin at the label)</c>.</summary>
internal sealed class ArcMarginHead : CosineHead
{
    private readonly AngularMargin _margin;

    public ArcMarginHead(HeadTensors tensors, ProjectionOptions options)
        : base(ProjectionKind.ArcMargin, tensors, options)
    {
        tensors.ThrowIfUnfit();
        _margin = new AngularMargin(Margin, options.EasyMargin);
    }

    private protected override void ApplyMargin(Span<float> cosines, int label) => cosines[label] = (float)_margin.Widen(cosines[label]);
}
