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
    /// Cuts a batch into ranges of at most <paramref name="frames"/> rows: whole utterances together while they fit, a longer one into equal parts.
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
                CutUtterance(first, end, frames, ranges);
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
        for (int u = 0; u + 1 < offsets.Length; u++)
        {
            int from = Math.Max(From, offsets[u]), to = Math.Min(To, offsets[u + 1]);
            if (from < to)
            {
                int before = parts.Count;
                CutUtterance(from, to, frames, parts);
                for (int p = before; p < parts.Count; p++)
                    parts[p] = parts[p] with { First = offsets[u], End = offsets[u + 1] };
            }
        }
        return [.. parts];
    }

    private static void CutUtterance(int first, int end, int frames, List<FrameRange> ranges)
    {
        int pieces = (end - first + frames - 1) / frames;
        for (int p = 0; p < pieces; p++)
        {
            ranges.Add(new FrameRange(
                first + (int)((long)(end - first) * p / pieces), first + (int)((long)(end - first) * (p + 1) / pieces), first, end));
        }
    }
}
