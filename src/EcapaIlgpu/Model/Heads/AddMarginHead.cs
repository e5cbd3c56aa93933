namespace EcapaIlgpu.Model.Heads;

/// <summary><c>add_margin</c> (AM-softmax): <c>scale * (cos - margin at the label)</c>.</summary>
internal sealed class AddMarginHead : CosineHead
{
    public AddMarginHead(HeadTensors tensors, ProjectionOptions options)
        : base(ProjectionKind.AddMargin, tensors, options) => tensors.ThrowIfUnfit();

    private protected override void ApplyMargin(Span<float> cosines, int label) => cosines[label] -= Margin;
}
