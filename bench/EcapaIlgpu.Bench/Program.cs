using System.CommandLine;
using System.Runtime.CompilerServices;
using BenchmarkDotNet.Running;
using EcapaIlgpu.Bench;
using EcapaIlgpu.Engines;

// `cases` and `extraction` are the light harnesses that the scripts drive; everything else goes to BenchmarkDotNet.
if (args is not ["cases" or "extraction", ..])
{
    Microbenchmarks(args);
    return 0;
}

Option<string> device =
    new("--device") { Description = "As ecapa's: cpu, cuda[:i], opencl[:i], cpu-kernels.", DefaultValueFactory = _ => "cpu" };
Option<string> precision = new("--precision")
{
    Description = $"As ecapa's: {PrecisionNames.Syntax}.",
    DefaultValueFactory = _ => PrecisionNames.Auto,
    Validators = { result =>
    {
        if (!PrecisionNames.TryParse(result.GetValueOrDefault<string>(), out _))
            result.AddError($"'{result.GetValueOrDefault<string>()}' is no precision; expected {PrecisionNames.Syntax}.");
    } },
};
Option<int> threads = new("--threads") { Description = "Threads; 0 takes every core." };
Option<string> channels = new("--channels") { Description = "Channel counts, GLOB_c<n> each.", DefaultValueFactory = _ => "512,1024" };
Option<string> cases = new("--cases")
{
    Description = "<utterances>x<frames>, or mixed (32 utterances of 100..1600 frames; 256 on cuda).",
    DefaultValueFactory = _ => "1x200,1x300,8x300,64x200,mixed",
};
Option<string> inputs = new("--inputs")
{
    Description = $"What the cases start from: {string.Join(", ", CaseWorkload.Inputs)}.",
    DefaultValueFactory = _ => CaseWorkload.Features,
};
Option<double> seconds = new("--seconds") { Description = "How long each case is repeated.", DefaultValueFactory = _ => 2.0 };
Command command = new("cases", "Whole utterances through random networks, one JSON line each, as shared/peers/torch_ecapa.py prints them.")
{
    device, precision, threads, inputs, channels, cases, seconds,
};
command.SetAction(parsed => CaseHarness.Run(
    parsed.GetValue(device)!,
    PrecisionNames.TryParse(parsed.GetValue(precision)!, out Precision? asked) ? asked : null,
    parsed.GetValue(threads),
    parsed.GetValue(inputs)!.Split(','),
    [.. parsed.GetValue(channels)!.Split(',').Select(int.Parse)],
    [.. parsed.GetValue(cases)!.Split(',').Select(name => BatchCase.Parse(name, parsed.GetValue(device)!))],
    TimeSpan.FromSeconds(parsed.GetValue(seconds)),
    Console.Out));

Option<string> folder = new("--folder") { Description = "Audio files.", Required = true };
Option<int> files = new("--files") { Description = "Files in a round.", DefaultValueFactory = _ => 200 };
Option<int> rounds = new("--rounds") { Description = "Pairs of runs.", DefaultValueFactory = _ => 5 };
Command extraction = new(
    "extraction", "The bundled model on the same utterances from rows in memory and from files, in turn; one JSON line for each pair.")
{
    device, threads, folder, files, rounds,
};
extraction.SetAction(parsed => ExtractionHarness.Run(
    parsed.GetValue(device)!, parsed.GetValue(threads), parsed.GetValue(folder)!, parsed.GetValue(files), parsed.GetValue(rounds),
    Console.Out));
return new RootCommand { command, extraction }.Parse(args).Invoke();

// On its own, so that the harness runs where BenchmarkDotNet was left out (bench/gpu).
[MethodImpl(MethodImplOptions.NoInlining)]
static void Microbenchmarks(string[] args) => BenchmarkSwitcher.FromAssembly(typeof(CaseHarness).Assembly).Run(args);
