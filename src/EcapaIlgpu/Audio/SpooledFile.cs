using System.Buffers;

namespace EcapaIlgpu.Audio;

/// <summary>
/// A stream copied into a temporary file, which goes when this is disposed. libsndfile must seek and ffmpeg must have a path (an MP4
/// file's index may lie at its end), and a file takes disk, where a copy in memory would take as much memory as the stream is long.
/// </summary>
internal sealed class SpooledFile : IDisposable
{
    private SpooledFile(FileStream stream) => Stream = stream;

    /// <summary>The copy, at its start.</summary>
    public FileStream Stream { get; }

    /// <summary>Where it lies.</summary>
    public string Path => Stream.Name;

    /// <summary>Copies a stream from where it stands to its end.</summary>
    public static SpooledFile CopyOf(Stream stream, CancellationToken cancellation)
    {
        string path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"ecapa-{Guid.NewGuid():N}");
        SpooledFile spooled = new(new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read));
        byte[] block = ArrayPool<byte>.Shared.Rent(1 << 16);
        try
        {
            for (int got = stream.Read(block); got > 0; got = stream.Read(block))
            {
                cancellation.ThrowIfCancellationRequested();
                spooled.Stream.Write(block, 0, got);
            }
            spooled.Stream.Flush();
            spooled.Stream.Position = 0;
            return spooled;
        }
        catch
        {
            spooled.Dispose();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    public void Dispose()
    {
        Stream.Dispose();
        File.Delete(Path);
    }
}
