using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace ILGPU.Runtime.OpenCL;

/// <summary>
/// Built programs on disk, one file each, named by a hash of device, driver, options and source. Nothing here is ever an error: a
/// folder that cannot be read or written, or a file that is damaged, means that the program is built from its source.
/// </summary>
/// <remarks>
/// Processes may share a folder: a file is written under a name of its own and then moved into place, so that readers see a whole
/// file or none. A file is a mark, the SHA-256 of the binary, and the binary: drivers may crash on a damaged one. Thread-safe.
/// </remarks>
internal static class CLBinaryCache
{
    private const int HeaderBytes = sizeof(ulong) + SHA256.HashSizeInBytes;

    /// <summary>Files longer than this are not binaries of kernels, and are not read.</summary>
    private const long LongestFile = 256 << 20;

    private static readonly ulong Mark = BinaryPrimitives.ReadUInt64LittleEndian("ECLBIN01"u8);

    /// <summary>The name under which a program is kept.</summary>
    public static string Key(string device, string options, string source) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{device}\n{options}\n{source}")));

    /// <summary>Where a program is kept.</summary>
    public static string File(string folder, string key) => Path.Combine(folder, key + ".clbin");

    /// <summary>A binary that was written whole; null if there is none.</summary>
    public static byte[]? TryRead(string? folder, string key)
    {
        if (folder is null)
            return null;
        try
        {
            var file = new FileInfo(File(folder, key));
            if (!file.Exists || file.Length is < HeaderBytes or > LongestFile)
                return null;
            byte[] bytes = System.IO.File.ReadAllBytes(file.FullName);
            if (bytes.Length <= HeaderBytes)
                return null;
            ReadOnlySpan<byte> binary = bytes.AsSpan(HeaderBytes);
            return BinaryPrimitives.ReadUInt64LittleEndian(bytes) == Mark
                && SHA256.HashData(binary).AsSpan().SequenceEqual(bytes.AsSpan(sizeof(ulong), SHA256.HashSizeInBytes))
                ? binary.ToArray()
                : null;
        }
        catch (Exception exception) when (IsOfFileSystem(exception))
        {
            return null;
        }
    }

    /// <summary>Keeps a binary, if the folder can be written.</summary>
    public static void Write(string? folder, string key, ReadOnlySpan<byte> binary)
    {
        if (folder is null || binary.IsEmpty)
            return;
        byte[] bytes = new byte[HeaderBytes + binary.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Mark);
        SHA256.HashData(binary, bytes.AsSpan(sizeof(ulong)));
        binary.CopyTo(bytes.AsSpan(HeaderBytes));
        string? temporary = null;
        try
        {
            Directory.CreateDirectory(folder);
            temporary = Path.Combine(folder, $"{key}.{Guid.NewGuid():N}.tmp");
            System.IO.File.WriteAllBytes(temporary, bytes);
            System.IO.File.Move(temporary, File(folder, key), overwrite: true);
        }
        catch (Exception exception) when (IsOfFileSystem(exception))
        {
            TryDelete(temporary);
        }
    }

    private static void TryDelete(string? path)
    {
        try
        {
            if (path is not null)
                System.IO.File.Delete(path);
        }
        catch (Exception exception) when (IsOfFileSystem(exception))
        {
            // It could be written but not deleted; nothing reads it.
        }
    }

    private static bool IsOfFileSystem(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException
            or System.Security.SecurityException;
}
