using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using EcapaIlgpu.Audio;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Engines.Kernels.Profiling;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Features;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Cli.Commands;

/// <summary><c>ecapa profile</c>: where the time of a forward goes, kernel by kernel, against what the device can do.</summary>
internal sealed class ProfileCommand : CliCommand
{
    private static readonly JsonWriterOptions JsonOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const int DefaultLatencyRuns = 100;

    private readonly Argument<string[]> _inputs = new("inputs")
    {
        Arity = ArgumentArity.ZeroOrMore,
        Description = "Audio files, folders or patterns, computed as one batch. Without any: --batch.",
    };

    private readonly Option<(int Utterances, int Frames)> _batch = new("--batch", "-b")
    {
        HelpName = "UTTERANCESxFRAMES",
        Description = "Utterances of noise and frames of 10 ms in each. Without it: 8x300.",
        DefaultValueFactory = _ => (8, 300),
        CustomParser = ParseBatch,
    };

    private readonly Option<int> _runs = new("--runs")
    {
        HelpName = "N",
        Description = "How often to run with markers, and as often without; medians are printed.",
        DefaultValueFactory = _ => 5,
        CustomParser = result => ParseCount(result, "--runs", 10000),
    };

    private readonly Option<string?> _trace = new("--trace")
    {
        HelpName = "FILE",
        Description = "Write every launch of a run as a timeline (JSON) for Perfetto or chrome://tracing.",
    };

    private readonly Option<string?> _plot = new("--plot")
    {
        HelpName = "FILE",
        Description = "Write a roofline picture (SVG).",
    };

    private readonly Option<bool> _latency = new("--latency")
    {
        Description = "Time one utterance alone instead, from 16-bit samples in memory to its embedding: of --batch's frames, or 3 s. "
            + "100 runs where --runs does not say.",
    };

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object instead of a table." };
    private readonly ModelOptionSet _model = new();

    public ProfileCommand(CliConsole console)
        : base(console, "profile", "Time each kernel of a run against the device's measured limits.")
    {
        Arguments.Add(_inputs);
        foreach (Option option in (IEnumerable<Option>)[_batch, _runs, _trace, _plot, _latency, _json])
            Options.Add(option);
        _model.AddModelTo(this);
        _model.AddDeviceTo(this);
    }

    public override IReadOnlyList<(string Line, string Meaning)> Examples =>
    [
        ("ecapa profile --device cuda --batch 64x300", "the kernels of 64 utterances of 3 s, slowest first"),
        ("ecapa profile speech/ --trace run.json --plot roofline.svg", "real files, with a timeline and a roofline picture"),
        ("ecapa profile --device cpu-kernels --runs 20 --json", "the same numbers for a program"),
        ("ecapa profile --device cuda --latency", "how long one file of 3 s takes, alone and warm"),
    ];

    protected override Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt)
    {
        string selector = Device(_model.Device(arguments));
        string[] named = arguments.GetValue(_inputs)!;
        if (named.Length > 0 && arguments.GetResult(_batch) is { Implicit: false })
            throw new UsageException("--batch makes noise up, files are read: give one or the other.");
        bool latency = arguments.GetValue(_latency);
        if (latency && (named.Length > 0 || arguments.GetValue(_trace) is not null || arguments.GetValue(_plot) is not null))
            throw new UsageException("--latency times noise and prints three numbers: give no files, no --trace and no --plot.");
        EcapaModel model = _model.LoadModel(_model.ModelPath(arguments), arguments, Console);
        model.RequireFilterbank();
        if (latency)
        {
            PrintLatency(selector, model, arguments, interrupt);
            return Task.FromResult(ExitCode.Done);
        }
        SampleBatch batch = named.Length > 0 ? ReadFiles(named, interrupt) : Noise(arguments.GetValue(_batch));
        // Files that cannot be written are found out about before the minutes that a profile may take.
        using OutputFile? trace = arguments.GetValue(_trace) is { } tracePath ? OutputFile.Create(tracePath) : null;
        using OutputFile? plot = arguments.GetValue(_plot) is { } plotPath ? OutputFile.Create(plotPath) : null;

        using DeviceSession session = DeviceSelector.Open(selector);
        Precision precision = PrecisionSupport.Choose(session.Accelerator, _model.Precision(arguments), selector);
        Console.Say($"device: {selector} ({session.Accelerator.Name}, {precision.Name()})");
        NetworkProfile profile = session.Run(() => NetworkProfiler.Profile(
            session, selector, precision, model.Weights, model.Source, batch, arguments.GetValue(_runs), cancellation: interrupt));
        Save(trace, stream => WriteJson(stream, json => ChromeTrace.Write(json, profile)));
        Save(plot, stream => RooflinePlot.Write(stream, profile));
        if (arguments.GetValue(_json))
        {
            Console.Text.Flush();
            WriteJson(Console.Output, json => ProfileJson.Write(json, profile));
            Console.Text.WriteLine();
        }
        else
        {
            ProfileTable.Print(Console, profile);
        }
        return Task.FromResult(ExitCode.Done);
    }

    private void PrintLatency(string selector, EcapaModel model, ParseResult arguments, CancellationToken interrupt)
    {
        int frames = arguments.GetResult(_batch) is { Implicit: false }
            ? arguments.GetValue(_batch).Frames
            : UtteranceLatency.DefaultFrames;
        int runs = arguments.GetResult(_runs) is { Implicit: false } ? arguments.GetValue(_runs) : DefaultLatencyRuns;
        using DeviceSession session = DeviceSelector.Open(selector);
        Precision precision = PrecisionSupport.Choose(session.Accelerator, _model.Precision(arguments), selector);
        Console.Say($"device: {selector} ({session.Accelerator.Name}, {precision.Name()})");
        using KernelEngine engine = session.Run(() => new KernelEngine(model.Weights, session.Accelerator, precision));
        UtteranceLatency latency;
        try
        {
            latency = UtteranceLatency.Measure(engine, frames, runs, interrupt);
        }
        catch (Exception e) when (e is OverflowException or OutOfMemoryException)
        {
            throw TooLarge(e);
        }
        if (!arguments.GetValue(_json))
        {
            ProfileTable.Print(Console, latency);
            return;
        }
        Console.Text.Flush();
        WriteJson(Console.Output, json => ProfileJson.Write(json, selector, session.Accelerator.Name, precision, model.Source, latency));
        Console.Text.WriteLine();
    }

    private static (int Utterances, int Frames) ParseBatch(ArgumentResult result)
    {
        string value = result.Tokens[0].Value;
        string[] parts = value.Split('x');
        if (parts.Length == 2 && Count(parts[0], out int utterances) && Count(parts[1], out int frames))
            return (utterances, frames);
        result.AddError($"--batch takes utterances and frames such as 8x300, not '{value}'.");
        return default;

        static bool Count(string text, out int count) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count > 0;
    }

    /// <summary>The device whose kernels to time: the CPU's where the best choice for embedding would have none.</summary>
    private static string Device(string selector)
    {
        if (selector == "cpu")
        {
            throw new UsageException(
                "--device cpu is the vector engine, which has no kernels to profile; give cuda, opencl or cpu-kernels.");
        }
        if (selector != DeviceSelector.Auto)
            return selector;
        string chosen = DeviceSelector.List().Single(device => device.ChosenByAuto).Selector;
        return chosen == "cpu" ? "cpu-kernels" : chosen;
    }

    private static SampleBatch Noise((int Utterances, int Frames) batch)
    {
        try
        {
            return SampleBatch.Noise(batch.Utterances, batch.Frames);
        }
        catch (Exception e) when (e is OverflowException or OutOfMemoryException)
        {
            throw TooLarge(e);
        }
    }

    private SampleBatch ReadFiles(string[] named, CancellationToken interrupt)
    {
        List<ReadOnlyMemory<float>> utterances = [];
        foreach (AudioInput input in AudioListing.Expand(named))
        {
            Waveform waveform = input.Path == AudioFile.StandardInput
                ? AudioFile.Read(Console.Input, "standard input", null, interrupt)
                : AudioFile.Read(input.Path, null, interrupt);
            FeatureExtractor.RequireFrame(waveform, input.Name);
            utterances.Add(waveform.Samples);
        }
        try
        {
            return new SampleBatch(utterances);
        }
        catch (Exception e) when (e is OverflowException or OutOfMemoryException)
        {
            throw TooLarge(e);
        }
    }

    private static InputException TooLarge(Exception e) =>
        new("the batch", "has more samples than fit in memory; profile fewer or shorter utterances.", e);

    private static void Save(OutputFile? file, Action<Stream> write)
    {
        if (file is null)
            return;
        using MemoryStream content = new();
        write(content);
        file.Write(content.GetBuffer().AsSpan(0, (int)content.Length));
        file.MarkWhole();
        file.Commit();
    }

    private static void WriteJson(Stream stream, Action<Utf8JsonWriter> write)
    {
        using Utf8JsonWriter json = new(stream, JsonOptions);
        write(json);
    }
}
