namespace EcapaIlgpu.Engines.Simd;

/// <summary>Rows <c>From</c> to <c>To</c> (exclusive): some whole utterances, or a part of one.</summary>
/// <param name="From">First row.</param>
/// <param name="To">One past the last row.</param>
/// <param name="First">First row of the first utterance: before <paramref name="From"/> only inside a long utterance.</param>
/// <param name="End">One past the last row of the last utterance.</param>
internal readonly record struct FrameRange(int From, int To, int First, int End)
{
    public int Frames => To - From;

    /// <summary>The range and its neighbours up to <paramref name="halo"/> frames away, inside the utterances.</summary>
    public FrameRange Widen(int halo) => this with { From = Math.Max(First, From - halo), To = Math.Min(End, To + halo) };

    /// <summary>Cuts what lies of each utterance in this range into equal parts of at most <paramref name="frames"/> rows.</summary>
    public FrameRange[] CutUtterances(ReadOnlySpan<int> offsets, int frames)
    {
        List<FrameRange> parts = [];
        for (int u = UtteranceAt(offsets, From); u + 1 < offsets.Length && offsets[u] < To; u++)
        {
            FrameRange part = new(Math.Max(From, offsets[u]), Math.Min(To, offsets[u + 1]), offsets[u], offsets[u + 1]);
            parts.AddRange(part.CutEvenly(frames));
        }
        return [.. parts];
    }

    /// <summary>Cuts the range into equal parts of at most <paramref name="frames"/> rows.</summary>
    public FrameRange[] CutEvenly(int frames)
    {
        FrameRange[] parts = new FrameRange[(Frames + frames - 1) / frames];
        int from = From;
        for (int p = 0; p < parts.Length; p++)
        {
            int to = From + (int)((long)Frames * (p + 1) / parts.Length);
            parts[p] = this with { From = from, To = to };
            from = to;
        }
        return parts;
    }

    /// <summary>The utterance that a row belongs to.</summary>
    public static int UtteranceAt(ReadOnlySpan<int> offsets, int row)
    {
        int found = offsets.BinarySearch(row);
        return found >= 0 ? found : ~found - 1;
    }
}
