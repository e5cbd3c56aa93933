namespace EcapaIlgpu.Model.Heads;

/// <summary>
/// <c>sphere</c> (A-softmax, SphereFace): the angle at the label times 4, times the embedding's norm instead of a scale.
/// </summary>
/// <remarks>
/// The margin is blended in during training: with weight 1 / (1 + lambda), lambda = max(5, 1000 / (1 + 0.12 * iteration)). wespeaker
/// counts the iterations inside the head, at every call and even in evaluation; here <see cref="ProjectionOptions.Iteration"/> gives
/// the count and a call changes nothing.
/// </remarks>
internal sealed class SphereHead : CosineHead
{
    private readonly double _blend;

    public SphereHead(HeadTensors tensors, ProjectionOptions options)
        : base(ProjectionKind.Sphere, tensors, options)
    {
        tensors.Require(options.Iteration >= 0, $"the iteration is {options.Iteration}");
        tensors.ThrowIfUnfit();
        _blend = 1 / (1 + Math.Max(5, 1000 / (1 + (0.12 * options.Iteration))));
    }

    private protected override double Factor(ReadOnlySpan<float> embedding) => Norm(embedding);

    private protected override void ApplyMargin(Span<float> cosines, int label)
    {
        double cosine = cosines[label], squared = cosine * cosine;
        double cosineOfFourfold = (8 * squared * squared) - (8 * squared) + 1;
        // (-1)^k cos(4 angle) - 2 k continues cos(4 angle) so that it keeps falling up to 180 degrees.
        int k = (int)Math.Floor(4 * Math.Acos(cosine) / 3.14159265);
        double psi = (k % 2 == 0 ? cosineOfFourfold : -cosineOfFourfold) - (2 * k);
        cosines[label] = (float)(cosine + (_blend * (psi - cosine)));
    }
}
