using ILGPU.Beyond;
using ILGPU.Compiler.IR;
using ILGPU.Runtime.OpenCL;

namespace ILGPU.Tests.OpenCl;

/// <summary>Binaries on disk: nothing that can happen to them or their folder is an error, or gives a wrong kernel.</summary>
[Collection(OpenClSuite.Name)]
public sealed class OpenClCacheTests(OpenClFixture fixture) : IDisposable
{
    private const string Key = "0123";

    private readonly string _folder = Directory.CreateTempSubdirectory("opencl-cache-").FullName;

    private string Entry => CLBinaryCache.File(_folder, Key);

    public void Dispose()
    {
        OpenCLCache.Folder = fixture.CacheFolder;
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Device_driver_options_and_source_each_make_another_key()
    {
        string[] keys =
        [
            CLBinaryCache.Key("device|1.0", "-O", "source"), CLBinaryCache.Key("device|1.1", "-O", "source"),
            CLBinaryCache.Key("device|1.0", "-P", "source"), CLBinaryCache.Key("device|1.0", "-O", "source "),
        ];
        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(keys[0], CLBinaryCache.Key("device|1.0", "-O", "source"));
    }

    [Fact]
    public void A_binary_that_was_written_is_read()
    {
        Assert.Null(CLBinaryCache.TryRead(_folder, Key));
        CLBinaryCache.Write(_folder, Key, [1, 2, 3]);
        Assert.Equal([1, 2, 3], CLBinaryCache.TryRead(_folder, Key));
        CLBinaryCache.Write(_folder, Key, [4]);
        Assert.Equal([4], CLBinaryCache.TryRead(_folder, Key));
        Assert.Equal([Entry], Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_damaged_binary_is_ignored_and_rewritten()
    {
        CLBinaryCache.Write(_folder, Key, [.. Enumerable.Range(0, 100).Select(i => (byte)i)]);
        byte[] whole = File.ReadAllBytes(Entry);
        for (int length = 0; length < whole.Length; length += 7)
        {
            File.WriteAllBytes(Entry, whole[..length]);
            Assert.Null(CLBinaryCache.TryRead(_folder, Key));
        }
        for (int i = 0; i < whole.Length; i++)
        {
            byte[] damaged = [.. whole];
            damaged[i] ^= 0x10;
            File.WriteAllBytes(Entry, damaged);
            Assert.Null(CLBinaryCache.TryRead(_folder, Key));
        }
        CLBinaryCache.Write(_folder, Key, [5, 6]);
        Assert.Equal([5, 6], CLBinaryCache.TryRead(_folder, Key));
    }

    [Fact]
    public void A_folder_that_cannot_be_used_is_no_error()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "no folder");
        foreach (string? folder in new[] { null, file, Path.Combine(file, "below"), Path.Combine(_folder, "nul\0name") })
        {
            CLBinaryCache.Write(folder, Key, [1]);
            Assert.Null(CLBinaryCache.TryRead(folder, Key));
        }
        // A folder in the entry's place can neither be read nor replaced.
        Directory.CreateDirectory(Entry);
        CLBinaryCache.Write(_folder, Key, [1]);
        Assert.Null(CLBinaryCache.TryRead(_folder, Key));
        Assert.DoesNotContain(Directory.GetFiles(_folder), name => name.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Fact]
    public void Writers_and_readers_of_one_binary_see_it_whole()
    {
        byte[][] versions = [.. Enumerable.Range(1, 4).Select(i => Enumerable.Repeat((byte)i, 20000 * i).ToArray())];
        Parallel.For(0, 200, i =>
        {
            if (i % 2 == 0)
                CLBinaryCache.Write(_folder, Key, versions[i / 2 % 4]);
            else if (CLBinaryCache.TryRead(_folder, Key) is { } found)
                Assert.Equal(versions[found[0] - 1], found);
        });
        Assert.NotNull(CLBinaryCache.TryRead(_folder, Key));
    }

    [NeedsFact(typeof(OpenClDevice))]
    public void A_kernel_is_loaded_from_its_binary_and_from_its_source_where_that_fails()
    {
        OpenCLCache.Folder = _folder;
        Assert.Equal(42, Compute());
        string entry = Assert.Single(Directory.GetFiles(_folder));
        byte[] whole = File.ReadAllBytes(entry);
        Assert.Equal(42, Compute());
        Assert.Equal(whole, File.ReadAllBytes(entry));

        File.WriteAllBytes(entry, [.. whole[..^5], 1, 2, 3, 4, 5]);
        Assert.Equal(42, Compute());
        Assert.NotNull(CLBinaryCache.TryRead(_folder, Path.GetFileNameWithoutExtension(entry)));

        // Whole, but nothing that the driver knows.
        CLBinaryCache.Write(_folder, Path.GetFileNameWithoutExtension(entry), [1, 2, 3, 4, 5, 6, 7, 8]);
        Assert.Equal(42, Compute());
        Assert.True(new FileInfo(entry).Length > 100);
    }

    private long Compute()
    {
        var map = new MapKernel("cached", IrType.I32);
        map.Result(map.Add(new Instruction(Opcode.Add, IrType.I32, map.Inputs[0], Constant.Int32(2))));
        return map.Run(fixture.Accelerator, new[] { 40 })[0][0];
    }
}
