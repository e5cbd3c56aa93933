using System.Security.Cryptography;

namespace EcapaIlgpu.Checkpoints;

/// <summary>
/// The named tensors of a file: a PyTorch state dict (zip or legacy format) or safetensors, told apart by content. Nothing in a file
/// is executed, and reading takes memory in proportion to the file's size (the file itself and its numbers as float32).
/// </summary>
/// <remarks>Immutable after loading; safe to share between threads.</remarks>
public sealed class Checkpoint
{
    private const string WrapperPrefix = "module.";
    private static readonly byte[] ZipStart = "PK\x03\x04"u8.ToArray();
    private static readonly byte[] GitLfsStart = "version https://git-lfs"u8.ToArray();

    private Checkpoint(ReadOnlyMemory<byte> file, string name)
    {
        Name = name;
        Format = Detect(file.Span, name);
        Dictionary<string, string> metadata = new(StringComparer.Ordinal);
        List<NamedTensor> tensors = Format switch
        {
            CheckpointFormat.PyTorchZip => PyTorchZip.Read(file, name),
            CheckpointFormat.PyTorchLegacy => PyTorchLegacy.Read(file, name),
            _ => SafetensorsReader.Read(file, name, metadata),
        };
        Metadata = metadata;
        OrderedDictionary<string, NamedTensor> named = new(tensors.Count, StringComparer.Ordinal);
        foreach (NamedTensor tensor in tensors)
        {
            string key = tensor.Name.StartsWith(WrapperPrefix, StringComparison.Ordinal) ? tensor.Name[WrapperPrefix.Length..] : tensor.Name;
            if (!named.TryAdd(key, tensor with { Name = key }))
                throw new InputException(name, $"has two tensors that are called {Shown.Name(key)} without the prefix {WrapperPrefix}");
        }
        Tensors = named;
        Digest = Convert.ToHexStringLower(SHA256.HashData(file.Span));
    }

    /// <summary>Where it came from, for messages.</summary>
    public string Name { get; }

    /// <summary>The container.</summary>
    public CheckpointFormat Format { get; }

    /// <summary>
    /// The tensors in the file's order. Wrappers (<c>{"state_dict": ...}</c>, <c>{"model": ...}</c>) and the prefix <c>module.</c> of
    /// DataParallel are taken off; entries that are not tensors are left out.
    /// </summary>
    public IReadOnlyDictionary<string, NamedTensor> Tensors { get; }

    /// <summary>safetensors' <c>__metadata__</c>; empty for the other formats.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>SHA-256 of the file's bytes in lower-case hexadecimal, as <c>sha256sum</c> prints it.</summary>
    public string Digest { get; }

    /// <summary>Reads a checkpoint file.</summary>
    /// <param name="path">A file in any of the formats of <see cref="CheckpointFormat"/>.</param>
    /// <exception cref="InputException">The file cannot be read, or is not a checkpoint that can be used.</exception>
    public static Checkpoint Load(string path)
    {
        if (Directory.Exists(path))
            throw new InputException(path, "is a folder where a checkpoint file was expected.");
        byte[] file;
        try
        {
            file = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputException(path, $"the checkpoint cannot be read: {e.Message}", e);
        }
        return new Checkpoint(file, path);
    }

    /// <summary>Reads a checkpoint from a stream, to its end.</summary>
    /// <param name="stream">Left open.</param>
    /// <param name="name">Names the stream in messages.</param>
    /// <exception cref="InputException">The stream is not a checkpoint that can be used.</exception>
    public static Checkpoint Load(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using MemoryStream copy = new();
        try
        {
            if (stream.CanSeek)
                copy.Capacity = (int)Math.Min(Math.Max(stream.Length - stream.Position, 0), Array.MaxLength);
            // Throws where a stream is longer than memory can address.
            stream.CopyTo(copy);
        }
        catch (IOException e)
        {
            throw new InputException(name, $"the checkpoint cannot be read: {e.Message}", e);
        }
        return new Checkpoint(copy.GetBuffer().AsMemory(0, (int)copy.Length), name);
    }

    /// <summary>Reads a checkpoint that is already in memory.</summary>
    /// <param name="file">The bytes of the file; not used after the call.</param>
    /// <param name="name">Names them in messages.</param>
    /// <exception cref="InputException">They are not a checkpoint that can be used.</exception>
    public static Checkpoint Load(ReadOnlyMemory<byte> file, string name) => new(file, name);

    private static CheckpointFormat Detect(ReadOnlySpan<byte> file, string name)
    {
        const int HeaderLengthBytes = 8;
        if (file.StartsWith(ZipStart))
            return CheckpointFormat.PyTorchZip;
        if (file.Length > HeaderLengthBytes && file[HeaderLengthBytes] == '{')
            return CheckpointFormat.Safetensors;
        // PROTO of a binary pickle; protocol 1 has none and starts with the magic number in decimal.
        if (file is [0x80, ..] || file.StartsWith("L1195470371"u8))
            return CheckpointFormat.PyTorchLegacy;
        throw new InputException(name, file.IsEmpty ? "is empty; a checkpoint was expected."
            : file.StartsWith(GitLfsStart) ? "is a Git LFS pointer, not the checkpoint itself; fetch it with: git lfs pull"
            : "is not a checkpoint: PyTorch (.pt, zip or legacy) and safetensors files can be read.");
    }
}
