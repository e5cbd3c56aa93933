using System.Diagnostics;
using ILGPU.Beyond;

namespace EcapaIlgpu.Tests.Cli.Beyond;

/// <summary>Compiled kernels on disk, as processes share them.</summary>
public sealed class KernelCacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [NeedsFact(typeof(OpenClDevice))]
    public async Task Two_processes_that_fill_the_cache_at_once_both_succeed_and_a_third_finds_it_whole()
    {
        string cache = _folder["cache"];
        // PoCL keeps binaries of its own: one cache must not hide what the other does.
        (string, string)[] environment =
            [(OpenCLCache.Variable, cache), ("POCL_CACHE_DIR", Directory.CreateDirectory(_folder["pocl"]).FullName)];
        using Process first = Ecapa.Start(environment, "devices"), second = Ecapa.Start(environment, "devices");
        foreach (CliResult result in await Task.WhenAll(Ecapa.EndAsync(first), Ecapa.EndAsync(second)))
            AssertUsable(result);

        Dictionary<string, DateTime> entries = Entries();
        Assert.NotEmpty(entries);
        Assert.All(entries.Keys, name => Assert.EndsWith(".clbin", name));
        using Process third = Ecapa.Start(environment, "devices");
        AssertUsable(await Ecapa.EndAsync(third));
        // Whole entries are read and not written again.
        Assert.Equal(entries, Entries());

        Dictionary<string, DateTime> Entries() =>
            Directory.GetFiles(cache).ToDictionary(file => Path.GetFileName(file)!, File.GetLastWriteTimeUtc);
    }

    [NeedsFact(typeof(OpenClDevice))]
    public async Task A_cache_folder_that_cannot_be_written_is_no_error()
    {
        using Process process = Ecapa.Start([(OpenCLCache.Variable, _folder.Write("a file", "no folder"))], "devices");
        AssertUsable(await Ecapa.EndAsync(process));
    }

    /// <summary>The list of devices tries each: a kernel was compiled for it and has run.</summary>
    private static void AssertUsable(CliResult devices)
    {
        Assert.True(devices.Code == 0, devices.Error);
        Assert.Contains(devices.Output.Split('\n'), line => line.StartsWith("opencl:0 ", StringComparison.Ordinal));
    }
}
