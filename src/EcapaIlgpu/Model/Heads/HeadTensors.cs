using EcapaIlgpu.Checkpoints;

namespace EcapaIlgpu.Model.Heads;

/// <summary>A head's tensors as its constructor takes them one by one; what does not fit is collected and reported at once.</summary>
internal sealed class HeadTensors(IReadOnlyDictionary<string, NamedTensor> tensors, ProjectionKind kind, int embeddingSize, string source)
{
    private const int MaxLines = 20;

    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly List<string> _problems = [];

    public int EmbeddingSize => embeddingSize;

    /// <summary>Takes a tensor that has a row for each class (or each class's centre) and <paramref name="columns"/> columns.</summary>
    public ReadOnlyMemory<float> TakeRows(string name, int columns, out int rows)
    {
        rows = tensors.TryGetValue(name, out NamedTensor? tensor) && tensor.Shape is [> 0, _] ? tensor.Shape[0] : 0;
        return Take(name, rows > 0 ? [rows, columns] : [null, columns]);
    }

    /// <summary>Takes a tensor; an extent of null stands for a number of classes that is not known.</summary>
    public ReadOnlyMemory<float> Take(string name, params int?[] shape)
    {
        _known.Add(name);
        string expected = $"[{string.Join(", ", shape.Select(extent => extent?.ToString() ?? "classes"))}]";
        if (!tensors.TryGetValue(name, out NamedTensor? tensor))
            _problems.Add($"missing {name} {expected}");
        else if (!tensor.Shape.Select(extent => (int?)extent).SequenceEqual(shape))
            _problems.Add($"{name} has shape {tensor.ShapeText}, expected {expected}");
        else
            return tensor.Values;
        return default;
    }

    /// <summary>Accepts a tensor that may be there and is of no use.</summary>
    public void Ignore(string name) => _known.Add(name);

    /// <summary>Notes something else that does not fit.</summary>
    public void Require(bool condition, string problem)
    {
        if (!condition)
            _problems.Add(problem);
    }

    /// <summary>Ends the reading.</summary>
    /// <exception cref="InputException">Something was missing, surplus, wrongly shaped or out of range.</exception>
    public void ThrowIfUnfit()
    {
        IEnumerable<string> surplus = tensors.Where(t => !_known.Contains(t.Key))
            .Select(t => $"surplus {Shown.Name(t.Key)} {t.Value.ShapeText}");
        string[] problems = [.. _problems, .. surplus];
        if (problems.Length == 0)
            return;
        throw new InputException(source, $"its projection does not fit the head {kind} for embeddings of {embeddingSize} numbers:\n  "
            + string.Join("\n  ", problems.Take(MaxLines))
            + (problems.Length > MaxLines ? $"\n  and {problems.Length - MaxLines} more" : ""));
    }
}
