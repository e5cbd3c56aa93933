using System.Diagnostics;

namespace EcapaIlgpu.Extraction;

/// <summary>What a file goes through, in this order.</summary>
internal enum ExtractionStage
{
    /// <summary>Drawing it from the list.</summary>
    List,

    /// <summary>Reading, decoding, resampling.</summary>
    Read,

    /// <summary>Computing filterbank rows, where the engine does not.</summary>
    Features,

    /// <summary>Copying it into a batch.</summary>
    Pack,

    /// <summary>The engine.</summary>
    Embed,

    /// <summary>Whatever the caller does with a result, as a rule writing it.</summary>
    Write,
}

/// <summary>How busy one stage was.</summary>
/// <param name="Stage">Which.</param>
/// <param name="Threads">Threads that share the stage's work.</param>
/// <param name="Busy">Share of these threads' time spent on the stage, 0 to 1; the rest they worked for other stages or waited.</param>
/// <param name="Speed">Seconds of audio per second that the stage would do if it never waited.</param>
internal readonly record struct StageLoad(ExtractionStage Stage, int Threads, double Busy, double Speed);

/// <summary>Where the time of an extraction goes. Any number of threads may add to it.</summary>
internal sealed class ExtractionStatistics
{
    private static readonly int StageCount = Enum.GetValues<ExtractionStage>().Length;

    private readonly long[] _ticks = new long[StageCount];
    private readonly long[] _audioTicks = new long[StageCount];
    private readonly int[] _threads = new int[StageCount];
    private readonly long _start = Stopwatch.GetTimestamp();
    private long _end;

    /// <summary>From the beginning to <see cref="End"/>, or to now.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start, _end == 0 ? Stopwatch.GetTimestamp() : _end);

    /// <summary>The stages that had anything to do.</summary>
    public IReadOnlyList<StageLoad> Loads
    {
        get
        {
            TimeSpan elapsed = Elapsed;
            return [.. Enum.GetValues<ExtractionStage>().Where(s => Volatile.Read(ref _ticks[(int)s]) > 0).Select(s => Load(s, elapsed))];
        }
    }

    /// <summary>The busiest stage, which no other can be faster than; null where nothing was done.</summary>
    public static StageLoad? Slowest(IReadOnlyList<StageLoad> loads) => loads.Count == 0 ? null : loads.MaxBy(load => load.Busy);

    /// <summary>Says how many threads share a stage.</summary>
    public void Threads(ExtractionStage stage, int count) => _threads[(int)stage] = count;

    /// <summary>Adds the time since <paramref name="start"/> to a stage.</summary>
    /// <param name="stage">Which.</param>
    /// <param name="start">A timestamp of <see cref="Stopwatch"/>.</param>
    /// <param name="audio">Length of the audio that was worked on.</param>
    /// <returns>Now, to start the next stage from.</returns>
    public long Spent(ExtractionStage stage, long start, TimeSpan audio)
    {
        long now = Stopwatch.GetTimestamp();
        Add(stage, Stopwatch.GetElapsedTime(start, now), audio);
        return now;
    }

    /// <summary>Adds time to a stage.</summary>
    public void Add(ExtractionStage stage, TimeSpan time, TimeSpan audio)
    {
        Interlocked.Add(ref _ticks[(int)stage], time.Ticks);
        Interlocked.Add(ref _audioTicks[(int)stage], audio.Ticks);
    }

    /// <summary>Says that the extraction is over.</summary>
    public void End() => _end = Stopwatch.GetTimestamp();

    private StageLoad Load(ExtractionStage stage, TimeSpan elapsed)
    {
        int threads = Math.Max(_threads[(int)stage], 1);
        double seconds = TimeSpan.FromTicks(Volatile.Read(ref _ticks[(int)stage])).TotalSeconds / threads;
        double audio = TimeSpan.FromTicks(Volatile.Read(ref _audioTicks[(int)stage])).TotalSeconds;
        return new StageLoad(stage, threads, seconds / elapsed.TotalSeconds, audio / seconds);
    }
}
