namespace EcapaIlgpu.Engines.Simd;

/// <summary>Rows <c>From</c> to <c>To</c> (exclusive) of a batch: some whole utterances, or a part of one.</summary>
/// <param name="From">First row.</param>
/// <param name="To">One past the last row.</param>
/// <param name="First">First row of the first utterance: before <paramref name="From"/> only inside a long utterance.</param>
/// <param name="End">One past the last row of the last utterance.</param>
internal readonly record struct FrameRange(int From, int To, int First, int End)
{
    public int Frames => To - From;

    /// <summary>The range and its neighbours up to <paramref name="halo"/> frames away, inside the utterances.</summary>
    public FrameRange Widen(int halo) => this with { From = Math.Max(First, From - halo), To = Math.Min(End, To + halo) };

    /// <summary>
    /// Cuts a batch into ranges of at most <paramref name="frames"/> rows: whole utterances together while they fit, a longer one into
    /// equal parts.
    /// </summary>
    public static FrameRange[] Cut(ReadOnlySpan<int> offsets, int frames)
    {
        List<FrameRange> ranges = [];
        int from = 0;
        for (int u = 0; u + 1 < offsets.Length; u++)
        {
            int first = offsets[u], end = offsets[u + 1];
            if (end - from > frames && first > from)
            {
                ranges.Add(new FrameRange(from, first, from, first));
                from = first;
            }
            if (end - first > frames)
            {
                new FrameRange(first, end, first, end).CutEvenly(frames, ranges);
                from = end;
            }
        }
        if (offsets[^1] > from)
            ranges.Add(new FrameRange(from, offsets[^1], from, offsets[^1]));
        return [.. ranges];
    }

    /// <summary>Cuts what lies of each utterance in this range into equal parts of at most <paramref name="frames"/> rows.</summary>
    public FrameRange[] CutUtterances(ReadOnlySpan<int> offsets, int frames)
    {
        List<FrameRange> parts = [];
        for (int u = UtteranceAt(offsets, From); u + 1 < offsets.Length && offsets[u] < To; u++)
        {
            FrameRange part = new(Math.Max(From, offsets[u]), Math.Min(To, offsets[u + 1]), offsets[u], offsets[u + 1]);
            part.CutEvenly(frames, parts);
        }
        return [.. parts];
    }

    /// <summary>The utterance that a row belongs to.</summary>
    public static int UtteranceAt(ReadOnlySpan<int> offsets, int row)
    {
        int found = offsets.BinarySearch(row);
        return found >= 0 ? found : ~found - 1;
    }

    private void CutEvenly(int frames, List<FrameRange> parts)
    {
        int count = (Frames + frames - 1) / frames;
        for (int p = 0; p < count; p++)
            parts.Add(this with { From = From + (int)((long)Frames * p / count), To = From + (int)((long)Frames * (p + 1) / count) });
    }
}
