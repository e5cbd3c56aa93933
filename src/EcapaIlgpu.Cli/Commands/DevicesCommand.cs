using System.CommandLine;
using System.Globalization;
using EcapaIlgpu.Engines.Kernels;

namespace EcapaIlgpu.Cli.Commands;

/// <summary><c>ecapa devices</c>: what this machine can compute on, and what it cannot and why.</summary>
internal sealed class DevicesCommand : CliCommand
{
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object per device and line." };

    public DevicesCommand(CliConsole console)
        : base(console, "devices", "List what this machine can compute on, and why it cannot on the rest.") => Options.Add(_json);

    public override IReadOnlyList<(string Line, string Meaning)> Examples =>
    [
        ("ecapa devices", "every device with what --device takes for it"),
        ("ecapa devices --json", "the same for a program"),
    ];

    protected override Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt)
    {
        IReadOnlyList<DeviceInfo> devices = DeviceSelector.ListTried();
        if (arguments.GetValue(_json))
            PrintJson(devices);
        else
            PrintTable(devices);
        return Task.FromResult(ExitCode.Done);
    }

    private static string NameOf(DeviceInfo device) => device.Selector == "cpu" ? $"{ProcessorName.Find()}, {device.Name}" : device.Name;

    private void PrintTable(IReadOnlyList<DeviceInfo> devices)
    {
        foreach (DeviceInfo device in devices.Where(d => d.Problem is null))
        {
            string memory = device.MemoryBytes > 0 ? FormattableString.Invariant($"{device.MemoryBytes / 1e9:0.0} GB") : "";
            string units = string.Create(CultureInfo.InvariantCulture, $"{device.Units} {(device.Units == 1 ? "unit" : "units")}");
            Console.WriteText($"{device.Selector,-12}", $" {NameOf(device)}, {memory}, {units}{(device.ChosenByAuto ? " (auto)" : "")}");
        }
        foreach (DeviceInfo device in devices.Where(d => d.Problem is not null))
            Console.WriteText($"{"-",-12}", $" {device.Name}: cannot be used: {device.Problem}");
    }

    private void PrintJson(IReadOnlyList<DeviceInfo> devices)
    {
        foreach (DeviceInfo device in devices)
        {
            Facts.PrintJson(Console.Text,
            [
                new Fact("device", "device", device.Problem is null ? device.Selector : null),
                new Fact("name", "name", NameOf(device)),
                new Fact("memory", "memory_bytes", device.MemoryBytes > 0 ? device.MemoryBytes : null),
                new Fact("units", "units", device.Units > 0 ? device.Units : null),
                new Fact("auto", "auto", device.ChosenByAuto),
                new Fact("problem", "problem", device.Problem),
            ]);
        }
    }
}
