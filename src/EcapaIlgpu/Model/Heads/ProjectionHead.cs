using EcapaIlgpu.Checkpoints;

namespace EcapaIlgpu.Model.Heads;

/// <summary>
/// The classifier that a network was trained with: embedding in, one score (logit) per training speaker or class out.
/// Source of the formulas: wespeaker/models/projections.py.
/// </summary>
/// <remarks>Immutable; safe to share between threads.</remarks>
public abstract class ProjectionHead
{
    private protected ProjectionHead(ProjectionKind kind, int classCount, int embeddingSize)
    {
        Kind = kind;
        ClassCount = classCount;
        EmbeddingSize = embeddingSize;
    }

    /// <summary>Which head this is.</summary>
    public ProjectionKind Kind { get; }

    /// <summary>Number of classes.</summary>
    public int ClassCount { get; }

    /// <summary>Length of the embeddings it takes.</summary>
    public int EmbeddingSize { get; }

    /// <summary>Builds the head that a checkpoint's tensors and configuration describe.</summary>
    /// <param name="tensors">The head's tensors, named without the checkpoint's prefix <c>projection.</c>.</param>
    /// <param name="options">What the tensors do not say.</param>
    /// <param name="embeddingSize">Length of the network's embeddings.</param>
    /// <param name="source">The checkpoint's name, for messages.</param>
    /// <exception cref="InputException">Tensors missing, surplus or wrongly shaped, or an option out of range: all are listed.</exception>
    public static ProjectionHead FromTensors(
        IReadOnlyDictionary<string, NamedTensor> tensors, ProjectionOptions options, int embeddingSize, string source)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(embeddingSize);
        ProjectionKind kind = options.Kind ?? KindOf(tensors);
        HeadTensors read = new(tensors, kind, embeddingSize, source);
        return kind switch
        {
            ProjectionKind.Softmax => new SoftmaxHead(read),
            ProjectionKind.AddMargin => new AddMarginHead(read, options),
            ProjectionKind.ArcMargin => new ArcMarginHead(read, options),
            ProjectionKind.ArcMarginIntertopkSubcenter => new ArcMarginIntertopkSubcenterHead(read, options),
            ProjectionKind.Sphere => new SphereHead(read, options),
            ProjectionKind.SphereFace2 => new SphereFace2Head(read, options),
            _ => throw new ArgumentOutOfRangeException(nameof(options), kind, "No such head."),
        };
    }

    /// <summary>The scores of all classes, for inference: no margin.</summary>
    /// <param name="embedding">One embedding, <c>[EmbeddingSize]</c>, as the network gives it.</param>
    /// <param name="logits">Receives the scores, <c>[ClassCount]</c>.</param>
    /// <exception cref="ArgumentException">A span of another length.</exception>
    public void Logits(ReadOnlySpan<float> embedding, Span<float> logits)
    {
        CheckLengths(embedding, logits);
        Score(embedding, null, logits);
    }

    /// <inheritdoc cref="Logits(ReadOnlySpan{float}, Span{float})"/>
    /// <returns>The scores, <c>[ClassCount]</c>.</returns>
    public float[] Logits(ReadOnlySpan<float> embedding)
    {
        float[] logits = new float[ClassCount];
        Logits(embedding, logits);
        return logits;
    }

    /// <summary>The scores of all classes as in training, where the right class has to beat the others by the margin.</summary>
    /// <param name="embedding">One embedding, <c>[EmbeddingSize]</c>, as the network gives it.</param>
    /// <param name="label">The right class.</param>
    /// <param name="logits">Receives the scores, <c>[ClassCount]</c>.</param>
    /// <exception cref="ArgumentException">A span of another length, or no such class.</exception>
    public void Logits(ReadOnlySpan<float> embedding, int label, Span<float> logits)
    {
        CheckLengths(embedding, logits);
        CheckLabel(label);
        Score(embedding, label, logits);
    }

    private protected abstract void Score(ReadOnlySpan<float> embedding, int? label, Span<float> logits);

    private protected void CheckEmbedding(ReadOnlySpan<float> embedding)
    {
        if (embedding.Length != EmbeddingSize)
            throw new ArgumentException($"An embedding of {embedding.Length} numbers; this head takes {EmbeddingSize}.", nameof(embedding));
    }

    private protected void CheckLabel(int label)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(label);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(label, ClassCount);
    }

    private static ProjectionKind KindOf(IReadOnlyDictionary<string, NamedTensor> tensors) =>
        tensors.Keys.Any(name => name.StartsWith("trans.", StringComparison.Ordinal)) ? ProjectionKind.Softmax
        : tensors.ContainsKey("bias") ? ProjectionKind.SphereFace2
        : ProjectionKind.ArcMargin;

    private void CheckLengths(ReadOnlySpan<float> embedding, Span<float> logits)
    {
        CheckEmbedding(embedding);
        if (logits.Length != ClassCount)
            throw new ArgumentException($"Room for {logits.Length} scores; this head has {ClassCount} classes.", nameof(logits));
    }
}
