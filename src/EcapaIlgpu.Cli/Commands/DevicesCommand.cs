using System.CommandLine;
using System.Runtime.InteropServices;
using EcapaIlgpu.Engines.Simd;

namespace EcapaIlgpu.Cli.Commands;

/// <summary><c>ecapa devices</c>: what this machine can compute on.</summary>
internal sealed class DevicesCommand : CliCommand
{
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object per device and line." };

    public DevicesCommand(CliConsole console)
        : base(console, "devices", "List what this machine can compute on.") => Options.Add(_json);

    public override IReadOnlyList<(string Line, string Meaning)> Examples => [("ecapa devices", "the processor, its vector unit and its cores")];

    protected override Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt)
    {
        MatrixKernel kernel = MatrixKernel.Create();
        Facts.Print(Console,
        [
            new Fact("device", "device", "cpu"),
            new Fact("name", "name", ProcessorName.Find()),
            new Fact("vectors", "vectors", kernel.Name),
            new Fact("vector width (bits)", "vector_bits", MatrixKernel.WidestBits),
            new Fact("processors", "processors", Environment.ProcessorCount),
            new Fact("architecture", "architecture", RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()),
            new Fact("chosen by auto", "auto", true),
        ], arguments.GetValue(_json));
        return Task.FromResult(ExitCode.Done);
    }
}
