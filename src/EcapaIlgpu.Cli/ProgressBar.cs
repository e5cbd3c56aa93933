using EcapaIlgpu.Extraction;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace EcapaIlgpu.Cli;

/// <summary>The bar: files, seconds of audio per second, time left.</summary>
internal static class ProgressBar
{
    /// <summary>Runs work under a bar.</summary>
    /// <param name="console">The terminal; null runs the work without a bar.</param>
    /// <param name="files">Files in all.</param>
    /// <param name="work">Calls its argument with every step.</param>
    public static async Task RunAsync(IAnsiConsole? console, int files, Func<Action<ExtractionProgress>, Task> work)
    {
        if (console is null)
        {
            await work(_ => { }).ConfigureAwait(false);
            return;
        }
        Numbers numbers = new(new ExtractionProgress(0, 0, files, TimeSpan.Zero, TimeSpan.Zero));
        await console.Progress().AutoClear(true).Columns(new ProgressBarColumn(), numbers).StartAsync(async context =>
        {
            ProgressTask task = context.AddTask("embedding", maxValue: files);
            await work(progress =>
            {
                numbers.Latest = progress;
                task.Value = progress.Done;
            }).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    /// <summary>How far an extraction is, in words.</summary>
    public static string Describe(ExtractionProgress progress)
    {
        string failed = progress.Failed > 0 ? $" ({progress.Failed} failed)" : "";
        string left = progress.Remaining is { } remaining ? $", {(int)remaining.TotalHours}:{remaining:mm\\:ss} left" : "";
        return FormattableString.Invariant($"{progress.Done}/{progress.Total} files{failed}, {progress.Speed:0} s of audio per s{left}");
    }

    private sealed class Numbers(ExtractionProgress first) : ProgressColumn
    {
        private readonly Lock _gate = new();
        private ExtractionProgress _latest = first;

        public ExtractionProgress Latest
        {
            get
            {
                lock (_gate)
                    return _latest;
            }
            set
            {
                lock (_gate)
                    _latest = value;
            }
        }

        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) => new Text(Describe(Latest));
    }
}
