using System.ComponentModel;
using System.Runtime.InteropServices;

namespace EcapaIlgpu.Cli;

/// <summary>
/// Standard output that says when nobody reads it any more. .NET's own stream takes a broken pipe for success, and a run whose reader
/// is gone (<c>| head -1</c>) would compute for hours into nothing.
/// </summary>
internal sealed partial class StandardOutput : Stream
{
    private const int FileDescriptor = 1;
    private const int Interrupted = 4;
    private const int BrokenPipe = 32;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The stream for this system; Windows has no such call, and there the reader's end goes unnoticed.</summary>
    public static Stream Open() => OperatingSystem.IsWindows() ? Console.OpenStandardOutput() : new StandardOutput();

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override unsafe void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            nint written;
            fixed (byte* bytes = buffer)
                written = WriteDescriptor(FileDescriptor, bytes, buffer.Length);
            if (written >= 0)
            {
                buffer = buffer[(int)written..];
                continue;
            }
            int error = Marshal.GetLastPInvokeError();
            if (error == Interrupted)
                continue;
            if (error == BrokenPipe)
                throw new BrokenPipeException();
            if (error == WouldBlock)
            {
                // Somebody made the terminal or pipe non-blocking; its reader is slow, not gone.
                Thread.Sleep(1);
                continue;
            }
            throw new IOException(new Win32Exception(error).Message);
        }
    }

    public override void Flush()
    {
        // Every write goes straight to the system.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private static int WouldBlock => OperatingSystem.IsLinux() ? 11 : 35;

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint WriteDescriptor(int descriptor, byte* bytes, nint count);
}

/// <summary>
/// The reader of standard output is gone. Not an <see cref="IOException"/>, which writers explain to people: this one needs no words.
/// </summary>
internal sealed class BrokenPipeException() : Exception("The reader of standard output has closed it.");
