namespace EcapaIlgpu.Engines.Reference;

/// <summary>
/// Activations of one utterance, <c>[frames, channels]</c> in float64, channels last. A vector per utterance (a gate, a pooled
/// vector, an embedding) is a matrix of one frame.
/// </summary>
internal sealed class FrameMatrix(int frames, int channels)
{
    public int Frames { get; } = frames;

    public int Channels { get; } = channels;

    /// <summary>Row-major.</summary>
    public double[] Values { get; } = new double[checked(frames * channels)];

    /// <summary>The channels of one frame.</summary>
    public Span<double> this[int frame] => Values.AsSpan(frame * Channels, Channels);

    /// <summary>Widens rows of float32.</summary>
    public static FrameMatrix FromRows(ReadOnlySpan<float> rows, int channels)
    {
        if (rows.Length % channels != 0)
            throw new ArgumentException($"{rows.Length} numbers are not rows of {channels}.", nameof(rows));
        FrameMatrix matrix = new(rows.Length / channels, channels);
        for (int i = 0; i < rows.Length; i++)
            matrix.Values[i] = rows[i];
        return matrix;
    }

    /// <summary>Lays matrices of the same number of frames side by side on the channel axis.</summary>
    public static FrameMatrix Concatenate(IReadOnlyList<FrameMatrix> parts)
    {
        FrameMatrix whole = new(parts[0].Frames, parts.Sum(p => p.Channels));
        int first = 0;
        foreach (FrameMatrix part in parts)
        {
            for (int t = 0; t < whole.Frames; t++)
                part[t].CopyTo(whole[t][first..]);
            first += part.Channels;
        }
        return whole;
    }

    /// <summary>A copy of some neighbouring channels.</summary>
    public FrameMatrix Slice(int firstChannel, int count)
    {
        FrameMatrix slice = new(Frames, count);
        for (int t = 0; t < Frames; t++)
            this[t].Slice(firstChannel, count).CopyTo(slice[t]);
        return slice;
    }

    /// <summary>The same row at each of <paramref name="frames"/> frames.</summary>
    public FrameMatrix RepeatRow(int frames)
    {
        FrameMatrix repeated = new(frames, Channels);
        for (int t = 0; t < frames; t++)
            this[0].CopyTo(repeated[t]);
        return repeated;
    }

    /// <summary>A function of every number.</summary>
    public FrameMatrix Map(Func<double, double> function)
    {
        FrameMatrix mapped = new(Frames, Channels);
        for (int i = 0; i < Values.Length; i++)
            mapped.Values[i] = function(Values[i]);
        return mapped;
    }

    /// <summary>A function of the numbers at the same place of two matrices of the same shape.</summary>
    public FrameMatrix Zip(FrameMatrix other, Func<double, double, double> function)
    {
        if (other.Frames != Frames || other.Channels != Channels)
            throw new ArgumentException($"[{other.Frames}, {other.Channels}] does not match [{Frames}, {Channels}].", nameof(other));
        FrameMatrix zipped = new(Frames, Channels);
        for (int i = 0; i < Values.Length; i++)
            zipped.Values[i] = function(Values[i], other.Values[i]);
        return zipped;
    }

    /// <summary>Element by element sum.</summary>
    public FrameMatrix Add(FrameMatrix other) => Zip(other, (a, b) => a + b);
}
