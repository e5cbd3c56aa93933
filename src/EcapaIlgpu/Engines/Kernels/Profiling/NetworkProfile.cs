namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <summary>Where the time of a whole forward goes on a device.</summary>
internal sealed record NetworkProfile
{
    /// <summary>The device, as <c>--device</c> takes it.</summary>
    public required string Selector { get; init; }

    /// <summary>The device's name.</summary>
    public required string DeviceName { get; init; }

    /// <summary>With how many bits the network was computed.</summary>
    public required Precision Precision { get; init; }

    /// <summary>When the first run began.</summary>
    public required DateTimeOffset Date { get; init; }

    /// <summary>The network.</summary>
    public required string Model { get; init; }

    /// <summary>Channels of the network.</summary>
    public required int Channels { get; init; }

    /// <summary>Utterances of the batch.</summary>
    public required int Utterances { get; init; }

    /// <summary>Frames of all utterances together.</summary>
    public required int Frames { get; init; }

    /// <summary>Runs of each kind that count.</summary>
    public required int Runs { get; init; }

    /// <summary>The device's limits.</summary>
    public required DeviceCeilings Ceilings { get; init; }

    /// <summary>The kernels, those that take longest first; their shares sum to 1.</summary>
    public required IReadOnlyList<KernelProfile> Kernels { get; init; }

    /// <summary>Every launch of the run whose time was the median.</summary>
    public required IReadOnlyList<LaunchTime> Launches { get; init; }

    /// <summary>Time of a run, copies to and from the device included, kernels launched one by one, without markers: the median.</summary>
    public required double RunSeconds { get; init; }

    /// <summary>
    /// Time of the fastest and of the slowest run without markers: an overhead smaller than their difference says little.
    /// </summary>
    public required (double Least, double Most) RunSecondsRange { get; init; }

    /// <summary>Time of a run with a marker before and after each launch: the median.</summary>
    public required double ProfiledRunSeconds { get; init; }

    /// <summary>
    /// Time of a run that replays a captured graph in place of launches: the fastest, the median and the slowest; null where none is.
    /// </summary>
    public (double Least, double Median, double Most)? GraphRunSeconds { get; init; }

    /// <summary>What profiling added to a run, as a share of it. Below zero where the runs differ by more than markers cost.</summary>
    public double Overhead => (ProfiledRunSeconds / RunSeconds) - 1;

    /// <summary>What all kernels together are held against: each against its own ceiling.</summary>
    public OperationsCeiling TotalCeiling
    {
        get
        {
            OperationsCeiling[] ceilings = [.. Kernels.Select(kernel => Ceilings.Of(kernel.Multiplied))];
            double seconds = Kernels.Zip(ceilings, (kernel, ceiling) => kernel.Operations / ceiling.PerSecond).Sum();
            return ceilings.Distinct().Count() == 1 ? ceilings[0] : new("each its own", Total.Operations / seconds);
        }
    }

    /// <summary>All kernels together.</summary>
    public KernelProfile Total => new(
        "total", Kernels.Sum(k => k.Launches), Kernels.Sum(k => k.Seconds), Kernels.Sum(k => k.Share), Kernels.Sum(k => k.Operations),
        Kernels.Sum(k => k.Bytes));

    /// <summary>The batch in words.</summary>
    public string BatchText => FormattableString.Invariant($"{Utterances} utterance{(Utterances == 1 ? "" : "s")}, {Frames:#,0} frames");
}
