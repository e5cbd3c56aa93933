namespace EcapaIlgpu.Engines;

/// <summary>
/// The feature rows of many utterances laid end to end, with no padding between or after them:
/// <c>Frames[(Offsets[u] + t) * FeatureDim + bin]</c> is frame <c>t</c> of utterance <c>u</c>.
/// </summary>
/// <remarks>Immutable after construction; the memory is shared with the caller, not copied, unless built by <see cref="Pack"/>.</remarks>
public sealed class PackedBatch
{
    private readonly int[] _offsets;

    /// <summary>A batch over rows that already lie end to end.</summary>
    /// <param name="frames">Row-major <c>[rows, featureDim]</c>.</param>
    /// <param name="featureDim">Numbers per frame (80 mel bins).</param>
    /// <param name="offsets">First row of each utterance, then the number of rows; strictly increasing, starting at 0.</param>
    /// <exception cref="ArgumentException">The offsets do not describe the rows, or an utterance has no frame.</exception>
    public PackedBatch(ReadOnlyMemory<float> frames, int featureDim, ReadOnlySpan<int> offsets)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(featureDim);
        if (offsets.IsEmpty || offsets[0] != 0)
            throw new ArgumentException("Offsets start at row 0 and have one entry more than there are utterances.", nameof(offsets));
        for (int u = 1; u < offsets.Length; u++)
        {
            if (offsets[u] <= offsets[u - 1])
            {
                throw new ArgumentException(
                    $"Utterance {u - 1} has no frame: its rows are {offsets[u - 1]}..{offsets[u]}.", nameof(offsets));
            }
        }
        if ((long)offsets[^1] * featureDim != frames.Length)
            throw new ArgumentException($"{frames.Length} numbers are not {offsets[^1]} rows of {featureDim}.", nameof(frames));
        Frames = frames;
        FeatureDim = featureDim;
        _offsets = offsets.ToArray();
    }

    /// <summary>The rows, <c>[Rows, FeatureDim]</c>.</summary>
    public ReadOnlyMemory<float> Frames { get; }

    /// <summary>Numbers per frame.</summary>
    public int FeatureDim { get; }

    /// <summary>First row of each utterance, then <see cref="Rows"/>.</summary>
    public ReadOnlySpan<int> Offsets => _offsets;

    /// <summary>Number of utterances.</summary>
    public int Count => _offsets.Length - 1;

    /// <summary>Number of frames of all utterances together.</summary>
    public int Rows => _offsets[^1];

    /// <summary>Copies utterances (each <c>[frames, featureDim]</c>) end to end.</summary>
    /// <exception cref="ArgumentException">An utterance is empty or not a whole number of rows.</exception>
    public static PackedBatch Pack(IReadOnlyList<ReadOnlyMemory<float>> utterances, int featureDim)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(featureDim);
        int[] offsets = new int[utterances.Count + 1];
        for (int u = 0; u < utterances.Count; u++)
        {
            if (utterances[u].Length % featureDim != 0)
            {
                throw new ArgumentException(
                    $"Utterance {u} has {utterances[u].Length} numbers, not a multiple of {featureDim}.", nameof(utterances));
            }
            offsets[u + 1] = checked(offsets[u] + (utterances[u].Length / featureDim));
        }
        float[] frames = new float[checked(offsets[^1] * featureDim)];
        for (int u = 0; u < utterances.Count; u++)
            utterances[u].CopyTo(frames.AsMemory(offsets[u] * featureDim));
        return new PackedBatch(frames, featureDim, offsets);
    }
}
