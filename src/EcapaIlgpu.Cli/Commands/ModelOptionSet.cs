using System.CommandLine;
using EcapaIlgpu.Audio;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Cli.Commands;

/// <summary>The options of every command that loads a model, and of those that run it.</summary>
internal sealed class ModelOptionSet
{
    private readonly Option<string?> _model = new("--model", "-m")
    {
        HelpName = "PATH",
        Description = "A wespeaker directory (config.yaml and avg_model.pt), a .pt or a .safetensors file. Without it: the bundled model.",
    };

    private readonly Option<Pooling?> _pooling = new("--pooling")
    {
        HelpName = "ASTP|TSTP|TSDP|TAP",
        Description = "The pooling, where the checkpoint leaves it open.",
        CustomParser = result =>
        {
            string name = result.Tokens[0].Value;
            // By name: the parser of enumerations would take their numbers too.
            foreach (Pooling pooling in Enum.GetValues<Pooling>())
            {
                if (name.Equals(pooling.ToString(), StringComparison.OrdinalIgnoreCase))
                    return pooling;
            }
            result.AddError($"'{name}' is no pooling; there are ASTP, TSTP, TSDP and TAP.");
            return null;
        },
    };

    private readonly Option<string> _device = new("--device", "-d")
    {
        HelpName = DeviceSelector.Syntax,
        Description = "Where to compute. auto: CUDA, then a GPU under OpenCL, then the processor. "
            + "A device that is not there is an error, never replaced by another.",
        DefaultValueFactory = _ => DeviceSelector.Auto,
    };

    private readonly Option<Precision?> _precision = new("--precision")
    {
        HelpName = PrecisionNames.Syntax,
        Description = "With how many bits to compute. auto: 3xtf32, as exact as float32, where tensor cores do it; elsewhere fp32. "
            + "What the device cannot do is an error.",
        CustomParser = result =>
        {
            string name = result.Tokens[0].Value;
            if (!PrecisionNames.TryParse(name, out Precision? precision))
                result.AddError($"'{name}' is no precision; expected {PrecisionNames.Syntax}.");
            return precision;
        },
    };

    private readonly Option<int> _threads = new("--threads", "-t")
    {
        HelpName = "N",
        Description = "Threads to compute with, and as many to read files. Without it: one per processor.",
        CustomParser = result => CliCommand.ParseCount(result, "--threads", 1024),
    };

    private readonly Option<ChannelChoice> _channel = new("--channel")
    {
        HelpName = "N|mean",
        Description = "Which channel of a file to use, counted from 0, or the mean of all. Without it: the first, as wespeaker.",
        CustomParser = result =>
        {
            if (!ChannelChoice.TryParse(result.Tokens[0].Value, out ChannelChoice choice))
                result.AddError($"'{result.Tokens[0].Value}' is no channel; give a number from 0, or mean.");
            return choice;
        },
    };

    private readonly Option<bool> _quiet = new("--quiet", "-q")
    {
        Description = "No progress, warnings or summary on standard error: only failures and the device in use.",
    };

    /// <summary>Adds <c>--model</c> and <c>--pooling</c>.</summary>
    public void AddModelTo(Command command)
    {
        command.Options.Add(_model);
        command.Options.Add(_pooling);
    }

    /// <summary>Adds <c>--pooling</c>, where the model is an argument.</summary>
    public void AddPoolingTo(Command command) => command.Options.Add(_pooling);

    /// <summary>Adds all of them.</summary>
    public void AddAllTo(Command command)
    {
        AddModelTo(command);
        AddDeviceTo(command);
        foreach (Option option in (IEnumerable<Option>)[_threads, _channel, _quiet])
            command.Options.Add(option);
    }

    /// <summary>Adds <c>--device</c> and <c>--precision</c>.</summary>
    public void AddDeviceTo(Command command)
    {
        _device.Validators.Add(result =>
        {
            string device = result.GetValue(_device)!;
            if (!DeviceSelector.IsSelector(device))
                result.AddError($"'{device}' is no device; expected {DeviceSelector.Syntax} ('ecapa devices' lists what is here).");
        });
        command.Options.Add(_device);
        command.Options.Add(_precision);
    }

    public bool Quiet(ParseResult arguments) => arguments.GetValue(_quiet);

    /// <summary>What <c>--device</c> says.</summary>
    public string Device(ParseResult arguments) => arguments.GetValue(_device)!;

    /// <summary>What <c>--precision</c> says; null to leave it to the device.</summary>
    public Precision? Precision(ParseResult arguments) => arguments.GetValue(_precision);

    /// <summary>Where <c>--model</c> points; null for the bundled model.</summary>
    public string? ModelPath(ParseResult arguments) => arguments.GetValue(_model);

    /// <summary>Loads a checkpoint without preparing to run it.</summary>
    /// <param name="path">Null for the bundled model.</param>
    /// <param name="arguments">Where <c>--pooling</c> may be.</param>
    /// <param name="console">Told what was left aside.</param>
    public EcapaModel LoadModel(string? path, ParseResult arguments, CliConsole console)
    {
        EcapaModel model = path is null
            ? EcapaModel.LoadBundled()
            : EcapaModel.Load(path, new ModelOptions { Pooling = arguments.GetValue(_pooling) });
        WarnOf(model, console);
        return model;
    }

    /// <summary>Loads the model and says what it will run on.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="console">Told what was left aside, and the device.</param>
    /// <param name="further">What the command itself adds to the options.</param>
    public SpeakerEmbedder Load(ParseResult arguments, CliConsole console, Func<EmbedderOptions, EmbedderOptions>? further = null)
    {
        EmbedderOptions options = new()
        {
            Device = Device(arguments),
            Precision = Precision(arguments),
            Pooling = arguments.GetValue(_pooling),
            Threads = arguments.GetValue(_threads),
            Audio = new AudioOptions { Channel = arguments.GetValue(_channel) },
        };
        SpeakerEmbedder embedder = SpeakerEmbedder.Load(ModelPath(arguments), further is null ? options : further(options));
        if (!Quiet(arguments))
            WarnOf(embedder.Model, console);
        console.Say($"device: {embedder.Device}");
        return embedder;
    }

    private static void WarnOf(EcapaModel model, CliConsole console)
    {
        foreach (string warning in model.Warnings)
            console.Complain("warning", warning);
    }
}
