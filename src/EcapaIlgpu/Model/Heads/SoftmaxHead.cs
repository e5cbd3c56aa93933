using System.Numerics.Tensors;

namespace EcapaIlgpu.Model.Heads;

/// <summary><c>softmax</c>: <c>Linear(ReLU(BatchNorm(embedding)))</c>; no cosine and no margin, with a label or without.</summary>
internal sealed class SoftmaxHead : ProjectionHead
{
    private readonly BatchNormWeights _bn;
    private readonly ReadOnlyMemory<float> _weight;
    private readonly ReadOnlyMemory<float> _bias;

    public SoftmaxHead(HeadTensors tensors)
        : this(tensors, tensors.TakeRows("trans.2.weight", tensors.EmbeddingSize, out int classes), classes)
    {
    }

    private SoftmaxHead(HeadTensors tensors, ReadOnlyMemory<float> weight, int classes)
        : base(ProjectionKind.Softmax, classes, tensors.EmbeddingSize)
    {
        _weight = weight;
        _bias = tensors.Take("trans.2.bias", classes > 0 ? classes : null);
        _bn = new BatchNormWeights(
            tensors.Take("trans.0.weight", EmbeddingSize),
            tensors.Take("trans.0.bias", EmbeddingSize),
            tensors.Take("trans.0.running_mean", EmbeddingSize),
            tensors.Take("trans.0.running_var", EmbeddingSize));
        tensors.Ignore("trans.0.num_batches_tracked");
        tensors.ThrowIfUnfit();
    }

    private protected override void Score(ReadOnlySpan<float> embedding, int? label, Span<float> logits)
    {
        float[] hidden = new float[EmbeddingSize];
        for (int i = 0; i < hidden.Length; i++)
            hidden[i] = (float)Math.Max(0, (embedding[i] * _bn.Scale(i)) + _bn.Shift(i));
        ReadOnlySpan<float> weight = _weight.Span, bias = _bias.Span;
        for (int j = 0; j < logits.Length; j++)
            logits[j] = TensorPrimitives.Dot(weight.Slice(j * EmbeddingSize, EmbeddingSize), hidden) + bias[j];
    }
}
