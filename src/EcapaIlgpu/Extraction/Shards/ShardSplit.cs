using EcapaIlgpu.Audio;
using EcapaIlgpu.Extraction.Journals;

namespace EcapaIlgpu.Extraction.Shards;

/// <summary>
/// Splits a list into shards of about the same total length of audio: the longest input first, each to the shard that has least so far
/// (Graham's LPT rule: the longest shard is at most 4/3 of the best possible one). Ties go to the earlier input and the earlier shard, so
/// that every machine that sees the same files splits alike.
/// </summary>
internal static class ShardSplit
{
    /// <summary>
    /// What an input costs whatever its length, in milliseconds of audio: it also keeps empty and missing files from all going to one
    /// shard.
    /// </summary>
    private const long CostOfAnInput = 50;

    /// <summary>Lengths come from many small reads, which wait for the disk or the network and not for the processor.</summary>
    private const int ReadsAtOnce = 16;

    /// <summary>The inputs of one shard.</summary>
    /// <param name="inputs">The whole list.</param>
    /// <param name="shard">Which shard.</param>
    /// <param name="cancellation">Stops reading lengths.</param>
    public static OrdinalSet InputsOf(IReadOnlyCollection<AudioInput> inputs, Shard shard, CancellationToken cancellation)
    {
        long[] milliseconds = new long[inputs.Count];
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = ReadsAtOnce, CancellationToken = cancellation };
        Parallel.ForEach(inputs, parallel, (input, _, i) => milliseconds[i] = (long)AudioLength.Estimate(input.Path).TotalMilliseconds);
        return InputsOf(milliseconds, shard);
    }

    /// <summary>As <see cref="InputsOf(IReadOnlyCollection{AudioInput}, Shard, CancellationToken)"/>, for known lengths.</summary>
    /// <param name="milliseconds">The length of every input.</param>
    /// <param name="shard">Which shard.</param>
    public static OrdinalSet InputsOf(IReadOnlyList<long> milliseconds, Shard shard)
    {
        OrdinalSet inputs = new(milliseconds.Count);
        PriorityQueue<int, (long Load, int Index)> shards = new(Enumerable.Range(1, shard.Count).Select(i => (i, (0L, i))));
        int[] longestFirst = [.. Enumerable.Range(0, milliseconds.Count)];
        Array.Sort(longestFirst, (one, other) => (milliseconds[other], one).CompareTo((milliseconds[one], other)));
        foreach (int ordinal in longestFirst)
        {
            shards.TryDequeue(out int index, out (long Load, int Index) place);
            shards.Enqueue(index, (place.Load + milliseconds[ordinal] + CostOfAnInput, index));
            if (index == shard.Index)
                inputs.Add(ordinal);
        }
        return inputs;
    }
}
