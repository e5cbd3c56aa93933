using ILGPU.Beyond;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace ILGPU.Tests.OpenCl;

/// <summary>The first OpenCL device, opened once, with a cache folder of its own.</summary>
public sealed class OpenClFixture : IDisposable
{
    private readonly Lazy<(Context Context, Accelerator Accelerator)> _opened;
    private readonly string? _cacheBefore = OpenCLCache.Folder;

    public OpenClFixture()
    {
        CacheFolder = Directory.CreateTempSubdirectory("opencl-tests-").FullName;
        OpenCLCache.Folder = CacheFolder;
        _opened = new(() =>
        {
            Context context = Context.Create(builder => builder.OpenCL().Profiling());
            return (context, context.GetCLDevice(0).CreateAccelerator(context));
        });
    }

    /// <summary>Where binaries go while these tests run.</summary>
    public string CacheFolder { get; }

    internal CLAccelerator Accelerator => (CLAccelerator)_opened.Value.Accelerator;

    public void Dispose()
    {
        if (_opened.IsValueCreated)
        {
            Accelerator.Dispose();
            _opened.Value.Context.Dispose();
        }
        OpenCLCache.Folder = _cacheBefore;
        Directory.Delete(CacheFolder, recursive: true);
    }
}

/// <summary>Tests of OpenCL run one after another: they share an accelerator, and the cache folder is the process's.</summary>
[CollectionDefinition(Name)]
public sealed class OpenClSuite : ICollectionFixture<OpenClFixture>
{
    public const string Name = "OpenCL";
}
