using System.Diagnostics;
using CudaEmulation;
using EcapaIlgpu.Cli;
using EcapaIlgpu.Model;
using EcapaIlgpu.Tests.Model;

namespace EcapaIlgpu.Tests.Cli.Beyond;

/// <summary>
/// What <c>ecapa</c> says and leaves behind when a GPU's driver fails, on a driver in software that fails when it is told to.
/// </summary>
public sealed class FailingDriverTests : IDisposable
{
    private const string Log = "ptxas fatal : the compiler of this driver is out of order";

    private readonly TemporaryFolder _folder = new();
    private readonly EmulatedDriver _driver = new(new EmulatedGpu { Name = "Emulated GPU" });
    private readonly IDisposable _installation;

    public FailingDriverTests() => _installation = _driver.Install();

    public void Dispose()
    {
        _installation.Dispose();
        _driver.Dispose();
        _folder.Dispose();
    }

    [NeedsFact(typeof(Unix))]
    public async Task A_device_that_vanishes_in_the_middle_ends_the_run_and_rows_that_were_written_stay()
    {
        string model = SmallModel(), first = ShortSpeech.Write(_folder["first.wav"], TimeSpan.FromSeconds(0.03));
        // One batch alone says how many launches there are in one: it is the second that must fail.
        Assert.Equal(0, (await Ecapa.RunAsync("embed", "--model", model, "--device", "cuda", first)).Code);
        int two = 2 * _driver.Launches;
        _driver.LoseDeviceAtLaunch = two + 2;

        // The second file's samples arrive when the first has been embedded, so that they are two batches.
        string second = _folder["second.wav"];
        using (Process make = Ecapa.StartProcess("mkfifo", second))
            Assert.Equal(0, (await Ecapa.EndAsync(make)).Code);
        Task<CliResult> run = Ecapa.RunAsync("embed", "--model", model, "--device", "cuda", first, second, "-o", _folder["e.jsonl"]);
        // Its row is written, not only computed: another call of the engine takes the second file.
        string rows = OutputFile.PartialPath(_folder["e.jsonl"]);
        Assert.True(
            SpinWait.SpinUntil(() => run.IsCompleted || (File.Exists(rows) && new FileInfo(rows).Length > 0), Ecapa.Patience),
            "the first file was not embedded");
        Assert.False(run.IsCompleted, "the run ended early");
        await File.WriteAllBytesAsync(second, await File.ReadAllBytesAsync(first));
        CliResult result = await run;

        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("error: Emulated GPU: the device failed: ", result.Error);
        Assert.Contains("CUDA_ERROR_UNKNOWN", result.Error);
        Assert.Contains("stopped: 1 of 2 files written to", result.Error);
        Assert.Contains("first.wav", Assert.Single(File.ReadAllLines(_folder["e.jsonl"])));
    }

    [Fact]
    public async Task A_driver_that_compiles_no_kernel_is_unusable_and_its_log_is_shown()
    {
        _driver.CompilerLog = Log;
        CliResult devices = await Ecapa.RunAsync("devices");
        Assert.Equal(ExitCode.Done, devices.Code);
        string line = Assert.Single(devices.Output.Split('\n'), l => l.Contains("cuda:0 Emulated GPU: cannot be used: "));
        Assert.StartsWith("- ", line);
        Assert.Contains(Log, devices.Output);

        foreach (string[] command in (string[][])[
            ["check", "--device", "cuda", "--most-work", "1e5"],
            ["profile", "--device", "cuda", "--batch", "1x1", "--runs", "1", "--model", SmallModel()],
            ["embed", "--device", "cuda", "--model", SmallModel(), TestFiles.InTestdata("samples/awb_1.wav")]])
        {
            CliResult result = await Ecapa.RunAsync(command);
            Assert.Equal((command[0], ExitCode.Failed), (command[0], result.Code));
            Assert.Contains("error: ", result.Error);
            Assert.Contains(Log, result.Error);
        }
    }

    [Fact]
    public async Task A_device_that_fails_under_check_is_said_and_the_others_are_checked()
    {
        _driver.FailAtLaunch = 1;
        CliResult result = await Ecapa.RunAsync(
            "check", "--operation", "SqueezeExcite.ScaleAndAdd", "--precision", "fp32", "--most-work", "200");
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("error: cuda:0: Emulated GPU: the device failed: ", result.Error);
        Assert.Contains("cpu-kernels  fp32   SqueezeExcite.ScaleAndAdd", result.Output);
        Assert.Contains("within their bounds, 1 device failed", result.Error);
    }

    [Fact]
    public async Task A_fault_under_profile_is_an_error_like_any_other()
    {
        _driver.LoseDeviceAtLaunch = 1;
        CliResult result = await Ecapa.RunAsync("profile", "--device", "cuda", "--batch", "1x1", "--runs", "1", "--model", SmallModel());
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("error: Emulated GPU: the device failed: ", result.Error);
    }

    /// <summary>A file of the smallest network that reads the filterbank.</summary>
    private string SmallModel()
    {
        string path = _folder["small.safetensors"];
        if (!File.Exists(path))
            TinyModels.Write(path, new EcapaConfig { Channels = 8, EmbeddingSize = 4, Pooling = Pooling.Tstp });
        return path;
    }
}
