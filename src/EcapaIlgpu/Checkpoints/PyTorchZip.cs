using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using EcapaIlgpu.Checkpoints.Pickle;

namespace EcapaIlgpu.Checkpoints;

/// <summary>
/// Reads <c>torch.save</c>'s archives (PyTorch 1.6 and later): <c>NAME/data.pkl</c> and <c>NAME/data/KEY</c> per storage, all of them stored.
/// </summary>
internal sealed class PyTorchZip
{
    // Weights do not compress; an archive that grows more than this was made to hurt.
    private const int MaxExpansion = 4;
    // A pickle does, and may be most of a small file.
    private const int FreeBytes = 1 << 16;
    private const string PickleName = "data.pkl";

    private readonly string _source;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = new(StringComparer.Ordinal);
    private readonly string _folder;
    private long _bytesLeft;

    private PyTorchZip(ZipArchive archive, string source, int fileLength)
    {
        _source = source;
        _bytesLeft = ((long)fileLength * MaxExpansion) + FreeBytes;
        List<string> pickles = [];
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            // Of two entries with one name the last counts, as for Python's zipfile.
            _entries[entry.FullName] = entry;
            if (entry.FullName == PickleName || entry.FullName.EndsWith('/' + PickleName, StringComparison.Ordinal))
                pickles.Add(entry.FullName);
        }
        if (pickles is not [string pickle])
        {
            throw new InputException(source, pickles.Count == 0
                ? $"is a zip archive without a {PickleName}; a PyTorch checkpoint was expected."
                : $"is a zip archive with more than one {PickleName}: {Shown.Names(pickles)}.");
        }
        _folder = pickle[..^PickleName.Length];
    }

    public static List<NamedTensor> Read(ReadOnlyMemory<byte> file, string source)
    {
        ArraySegment<byte> segment = MemoryMarshal.TryGetArray(file, out ArraySegment<byte> array) ? array : file.ToArray();
        using MemoryStream stream = new(segment.Array!, segment.Offset, segment.Count, writable: false);
        using ZipArchive archive = Unzip(source, () => new ZipArchive(stream, ZipArchiveMode.Read));
        return Unzip(source, () => new PyTorchZip(archive, source, file.Length)).ReadTensors(file.Length);
    }

    /// <summary>Runs one access to the archive; what the framework throws on damage becomes an error about the file.</summary>
    private static T Unzip<T>(string source, Func<T> access)
    {
        try
        {
            return access();
        }
        catch (Exception e) when (e is InvalidDataException or IOException or NotSupportedException or ArgumentException or ArithmeticException)
        {
            throw new InputException(source, $"is a damaged or truncated zip archive: {e.Message}", e);
        }
    }

    private List<NamedTensor> ReadTensors(int fileLength)
    {
        if (_entries.ContainsKey(_folder + "constants.pkl"))
            throw new InputException(_source, "is a TorchScript program, not a checkpoint; save model.state_dict() of the original model.");
        if (_entries.TryGetValue(_folder + "byteorder", out ZipArchiveEntry? byteOrder) && Encoding.ASCII.GetString(ReadEntry(byteOrder)) != "little")
            throw new InputException(_source, "was saved on a big-endian machine; save it again on a little-endian one.");
        object? pickled = PickleMachine.Run(new ByteReader(ReadEntry(_entries[_folder + PickleName]), _source));
        return [.. PyTorchStateDict.Read(pickled, _source, fileLength, ReadStorage)];
    }

    private ReadOnlyMemory<byte> ReadStorage(PickleStorage storage)
    {
        string name = $"{_folder}data/{storage.Key}";
        if (!_entries.TryGetValue(name, out ZipArchiveEntry? entry))
            throw new InputException(_source, $"refers to the storage {Shown.Name(name)}, which is not in the archive.");
        if ((Int128)storage.Count * storage.Type.ElementSize != entry.Length)
        {
            throw new InputException(_source, $"declares {storage.Count} elements of {storage.Type.ElementSize} bytes for the storage {Shown.Name(name)}, "
                + $"whose entry has {entry.Length} bytes.");
        }
        return ReadEntry(entry);
    }

    private byte[] ReadEntry(ZipArchiveEntry entry)
    {
        _bytesLeft -= entry.Length;
        if (entry.Length < 0 || _bytesLeft < 0)
            throw new InputException(_source, $"expands to more than {MaxExpansion} times its size, at {Shown.Name(entry.FullName)}; no checkpoint does.");
        return Unzip(_source, () =>
        {
            byte[] bytes = new byte[entry.Length];
            using Stream content = entry.Open();
            content.ReadExactly(bytes);
            return bytes;
        });
    }
}
