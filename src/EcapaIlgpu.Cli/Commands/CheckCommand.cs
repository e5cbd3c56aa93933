using System.CommandLine;
using System.Globalization;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Engines.Kernels.Checking;
using EcapaIlgpu.Engines.Simd;

namespace EcapaIlgpu.Cli.Commands;

/// <summary>
/// <c>ecapa check</c>: every operation and the whole network, on every device of this machine and in every precision, against the float64
/// reference.
/// </summary>
internal sealed class CheckCommand : CliCommand
{
    private readonly Option<string?> _device = new("--device", "-d")
    {
        HelpName = DeviceSelector.Syntax,
        Description = "Check this device only. Without it: every device that can be used.",
    };

    private readonly Option<string> _precision = new("--precision")
    {
        HelpName = Precisions,
        Description = "Check this precision only; all: every one that a device can compute in.",
        DefaultValueFactory = _ => AllPrecisions,
    };

    private readonly Option<string?> _operation = new("--operation")
    {
        HelpName = "NAME",
        Description = "Check only operations whose name contains this: Res2, ConvReluBn, network.",
    };

    private readonly Option<double> _work = new("--most-work")
    {
        HelpName = "N",
        Description = "Leave out cases of more multiply-adds than this (1e9, say), for slow devices.",
        DefaultValueFactory = _ => double.PositiveInfinity,
        CustomParser = result =>
        {
            if (double.TryParse(result.Tokens[0].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double most) && most > 0)
                return most;
            result.AddError($"--most-work must be a positive number, not '{result.Tokens[0].Value}'.");
            return 0;
        },
    };

    private const string AllPrecisions = "all";

    private const string Precisions = $"{AllPrecisions}|fp32|3xtf32|tf32|bf16|fp16";

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object per case and line." };

    public CheckCommand(CliConsole console)
        : base(console, "check", "Run every operation and the whole network on every device and compare with float64.")
    {
        _device.Validators.Add(result =>
        {
            if (result.GetValue(_device) is { } device && !DeviceSelector.IsSelector(device))
                result.AddError($"'{device}' is no device; expected {DeviceSelector.Syntax} ('ecapa devices' lists what is here).");
        });
        _precision.Validators.Add(result =>
        {
            string name = result.GetValue(_precision)!;
            if (name != AllPrecisions && (!PrecisionNames.TryParse(name, out Precision? precision) || precision is null))
                result.AddError($"'{name}' is no precision; expected {Precisions}.");
        });
        foreach (Option option in (IEnumerable<Option>)[_device, _precision, _operation, _work, _json])
            Options.Add(option);
    }

    public override IReadOnlyList<(string Line, string Meaning)> Examples =>
    [
        ("ecapa check", "all devices, precisions and cases; exit code 1 if any bound is passed"),
        ("ecapa check --device opencl --operation Res2", "one operation on one device"),
        ("ecapa check --device cuda --precision bf16", "one precision, each case with its bound"),
        ("ecapa check --device cuda:1 --json", "for a program"),
    ];

    protected override Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt)
    {
        string? name = arguments.GetValue(_operation);
        double most = arguments.GetValue(_work);
        bool json = arguments.GetValue(_json);
        bool Wanted(KernelCase c) => c.Work <= most && (name is null || c.Operation.Contains(name, StringComparison.OrdinalIgnoreCase));
        if (!KernelCases.All.Any(Wanted))
            throw new UsageException(FormattableString.Invariant($"no case is called '{name}' and has at most {most:g} multiply-adds"));

        int cases = 0, failed = 0, lost = 0;
        if (!json)
        {
            Console.WriteText(
                Line("device", "mode", "operation", "shape", "max abs", "relative L2", "bound", "1 - cosine", "bound", "verdict"), "");
        }
        Precision? only = PrecisionNames.TryParse(arguments.GetValue(_precision)!, out Precision? asked) ? asked : null;
        string? selector = arguments.GetValue(_device);
        foreach (DeviceInfo info in Targets(selector))
        {
            try
            {
                IReadOnlyList<Precision> able = DeviceSelector.Precisions(info.Selector);
                // A device that was asked for by name must do what is asked for; of all devices, those that can.
                if (only is { } precision && selector is not null)
                    PrecisionSupport.Require(precision, able, info.Selector, info.Name);
                Precision[] chosen = [.. able.Where(candidate => only is null || candidate == only)];
                Console.Say($"device: {info.Selector} ({info.Name}), {(chosen.Length > 0
                    ? string.Join(", ", chosen.Select(PrecisionNames.Name))
                    : $"cannot compute in {only!.Value.Name()}")}");
                foreach (CaseResult result in chosen.SelectMany(candidate => Results(info.Selector, candidate, Wanted)))
                {
                    interrupt.ThrowIfCancellationRequested();
                    cases++;
                    failed += result.Passed ? 0 : 1;
                    Print(info.Selector, result, json);
                }
            }
            catch (Exception e) when (e is DeviceException || (e is InputException && selector is null))
            {
                // The other devices are checked all the same.
                lost++;
                Console.Complain("error", $"{info.Selector}: {e.Message}");
            }
        }
        if (cases == 0 && lost == 0)
            throw new InputException($"--precision {arguments.GetValue(_precision)}", "no device and case is left to check in it.");
        string verdict = failed == 0 ? $"all {cases} cases are within their bounds" : $"{failed} of {cases} cases are out of their bounds";
        Console.Say(lost == 0 ? verdict : $"{verdict}, {lost} {(lost == 1 ? "device" : "devices")} failed");
        return Task.FromResult(failed + lost == 0 ? ExitCode.Done : ExitCode.Failed);
    }

    /// <summary>The devices to check.</summary>
    private static IEnumerable<DeviceInfo> Targets(string? selector)
    {
        DeviceInfo[] usable = [.. DeviceSelector.List().Where(device => device.Problem is null)];
        if (selector is null)
            return usable;
        DeviceInfo[] chosen = [.. usable.Where(device => selector == DeviceSelector.Auto
            ? device.ChosenByAuto
            : device.Selector == selector || device.Selector == $"{selector}:0"
                || (selector.EndsWith(":all", StringComparison.Ordinal)
                    && device.Selector.StartsWith(selector[..^3], StringComparison.Ordinal)))];
        if (chosen.Length == 0)
            DeviceSelector.Open(selector).Dispose();
        return chosen;
    }

    /// <summary>The vector engine has no kernels: there the whole network is the operation.</summary>
    private static IEnumerable<CaseResult> Results(string selector, Precision precision, Func<KernelCase, bool> wanted)
    {
        if (selector == "cpu")
        {
            foreach (NetworkCase network in NetworkCase.All.Where(network => wanted(network.OnKernels)))
                yield return network.OnKernels.Judge(network.Run(weights => new SimdEngine(weights)), precision);
            yield break;
        }
        using DeviceSession session = DeviceSelector.Open(selector);
        using CaseDevice device = session.Run(() => new CaseDevice(session.Accelerator, precision));
        foreach (KernelCase kernelCase in KernelCases.All.Where(kernelCase => kernelCase.AppliesTo(precision) && wanted(kernelCase)))
            yield return session.Run(() => kernelCase.Check(device));
    }

    private static string Line(
        string device, string precision, string operation, string shape, string maxAbs, string relativeL2, string mostL2, string cosine,
        string mostCosine, string verdict) =>
        $"{device,-12} {precision,-6} {operation,-26} {shape,-54} {maxAbs,8} {relativeL2,11} {mostL2,7} {cosine,10} {mostCosine,7}  "
        + verdict;

    private void Print(string device, CaseResult result, bool json)
    {
        KernelCase kernelCase = result.Case;
        if (json)
        {
            Facts.PrintJson(Console.Text,
            [
                new Fact("device", "device", device),
                new Fact("precision", "precision", result.Precision.Name()),
                new Fact("operation", "operation", kernelCase.Operation),
                new Fact("shape", "shape", kernelCase.Shape),
                new Fact("max abs", "max_abs", result.MaxAbs),
                new Fact("relative L2", "relative_l2", result.RelativeL2),
                new Fact("bound", "bound", result.Bound.RelativeL2),
                new Fact("cosine", "cosine", result.Cosine),
                new Fact("least cosine", "least_cosine", result.Bound.Cosine),
                new Fact("passed", "passed", result.Passed),
            ]);
        }
        else
        {
            static string Small(double value) => value.ToString("0.0e+0", CultureInfo.InvariantCulture);
            Console.WriteText("", Line(
                device, result.Precision.Name(), kernelCase.Operation, kernelCase.Shape, Small(result.MaxAbs), Small(result.RelativeL2),
                Small(result.Bound.RelativeL2), Small(Math.Max(0, 1 - result.Cosine)), Small(1 - result.Bound.Cosine),
                result.Passed ? "ok" : "FAILED"));
        }
        Console.Text.Flush();
    }
}
