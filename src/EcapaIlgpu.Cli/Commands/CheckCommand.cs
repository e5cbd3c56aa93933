using System.CommandLine;
using System.Globalization;
using EcapaIlgpu.Engines.Kernels;
using EcapaIlgpu.Engines.Kernels.Checking;
using EcapaIlgpu.Engines.Simd;

namespace EcapaIlgpu.Cli.Commands;

/// <summary><c>ecapa check</c>: every operation and the whole network, on every device of this machine, against the float64 reference.</summary>
internal sealed class CheckCommand : CliCommand
{
    private readonly Option<string?> _device = new("--device", "-d")
    {
        HelpName = DeviceSelector.Syntax,
        Description = "Check this device only. Without it: every device that can be used.",
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

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object per case and line." };

    public CheckCommand(CliConsole console)
        : base(console, "check", "Run every operation and the whole network on every device and compare with float64.")
    {
        _device.Validators.Add(result =>
        {
            if (result.GetValue(_device) is { } device && !DeviceSelector.IsSelector(device))
                result.AddError($"'{device}' is no device; expected {DeviceSelector.Syntax} ('ecapa devices' lists what is here).");
        });
        foreach (Option option in (IEnumerable<Option>)[_device, _operation, _work, _json])
            Options.Add(option);
    }

    public override IReadOnlyList<(string Line, string Meaning)> Examples =>
    [
        ("ecapa check", "all devices, all cases; exit code 1 if any bound is passed"),
        ("ecapa check --device opencl --operation Res2", "one operation on one device"),
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
            Console.WriteText(Line("device", "operation", "shape", "max abs", "relative L2", "1 - cosine", "verdict"), "");
        foreach (DeviceInfo info in Targets(arguments.GetValue(_device)))
        {
            Console.Say($"device: {info.Selector} ({info.Name})");
            try
            {
                foreach (CaseResult result in Results(info.Selector, Wanted))
                {
                    interrupt.ThrowIfCancellationRequested();
                    cases++;
                    failed += result.Passed ? 0 : 1;
                    Print(info.Selector, result, json);
                }
            }
            catch (DeviceException e)
            {
                // The other devices are checked all the same.
                lost++;
                Console.Complain("error", $"{info.Selector}: {e.Message}");
            }
        }
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
            : device.Selector == selector || device.Selector == $"{selector}:0")];
        if (chosen.Length == 0)
            DeviceSelector.Open(selector).Dispose();
        return chosen;
    }

    /// <summary>The vector engine has no kernels: there the whole network is the operation.</summary>
    private static IEnumerable<CaseResult> Results(string selector, Func<KernelCase, bool> wanted)
    {
        if (selector == "cpu")
        {
            foreach (NetworkCase network in NetworkCase.All.Where(network => wanted(network.OnKernels)))
                yield return network.OnKernels.Judge(network.Run(weights => new SimdEngine(weights)));
            yield break;
        }
        using DeviceSession session = DeviceSelector.Open(selector);
        using CaseDevice device = session.Run(() => new CaseDevice(session.Accelerator));
        foreach (KernelCase kernelCase in KernelCases.All.Where(wanted))
            yield return session.Run(() => kernelCase.Check(device));
    }

    private static string Line(string device, string operation, string shape, string maxAbs, string relativeL2, string cosine, string verdict) =>
        $"{device,-12} {operation,-26} {shape,-54} {maxAbs,8} {relativeL2,11} {cosine,10}  {verdict}";

    private void Print(string device, CaseResult result, bool json)
    {
        KernelCase kernelCase = result.Case;
        if (json)
        {
            Facts.PrintJson(Console.Text,
            [
                new Fact("device", "device", device),
                new Fact("operation", "operation", kernelCase.Operation),
                new Fact("shape", "shape", kernelCase.Shape),
                new Fact("max abs", "max_abs", result.MaxAbs),
                new Fact("relative L2", "relative_l2", result.RelativeL2),
                new Fact("bound", "bound", kernelCase.Bound),
                new Fact("cosine", "cosine", result.Cosine),
                new Fact("passed", "passed", result.Passed),
            ]);
        }
        else
        {
            static string Small(double value) => value.ToString("0.0e+0", CultureInfo.InvariantCulture);
            Console.WriteText("", Line(
                device, kernelCase.Operation, kernelCase.Shape, Small(result.MaxAbs), Small(result.RelativeL2), Small(Math.Max(0, 1 - result.Cosine)),
                result.Passed ? "ok" : $"FAILED: relative L2 may be {Small(kernelCase.Bound)}, 1 - cosine {Small(1 - KernelCase.LeastCosine)}"));
        }
        Console.Text.Flush();
    }
}
