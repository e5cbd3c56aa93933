namespace EcapaIlgpu.Extraction;

/// <summary>
/// A file on its way from the list to its result. Changes hands from the thread that lists to one that reads, to one that embeds; never
/// held by two at once.
/// </summary>
internal sealed class PendingFile(AudioInput input, long held)
{
    private readonly TaskCompletionSource<ExtractionResult> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public AudioInput Input { get; } = input;

    /// <summary>Bytes of the <see cref="LookAheadBudget"/>.</summary>
    public long Held { get; set; } = held;

    /// <summary>What was read; null before, and where reading failed.</summary>
    public Utterance? Utterance { get; set; }

    /// <summary>Completed once what became of the file is known.</summary>
    public Task<ExtractionResult> Result => _result.Task;

    /// <summary>Says what became of the file and lets go of its memory.</summary>
    public void Complete(ExtractionResult result)
    {
        Utterance?.Dispose();
        Utterance = null;
        _result.SetResult(result);
    }
}
