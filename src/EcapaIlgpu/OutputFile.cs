using Microsoft.Win32.SafeHandles;

namespace EcapaIlgpu;

/// <summary>
/// A file that appears under its name only when it is complete: it is written beside, under a hidden temporary name, and moved into place.
/// Writes go straight to the file, unbuffered, so that a row is either in it or not when the disk fills up or the run is stopped.
/// </summary>
/// <remarks>
/// Two kinds differ in what remains when a run ends without <see cref="Commit"/>: nothing of a file from <see cref="Create"/>; the whole
/// unfinished file, under a name that the next run finds (<see cref="PartialPath"/>), of one from <see cref="CreatePartial"/> or <see
/// cref="OpenPartial"/>.
/// </remarks>
internal sealed class OutputFile : IDisposable
{
    private const string NextMark = ".next";
    private const int WouldBlockOnLinux = 11;
    private const int WouldBlockOnMac = 35;
    private const int SharingViolation = unchecked((int)0x80070020);

    private readonly Stream _stream;
    private readonly string _name;
    private readonly string? _temporaryPath;
    private readonly string? _finalPath;
    private readonly bool _ownsStream;
    private long _wholeBytes;
    private bool _leaveBehind;

    private OutputFile(
        Stream stream, string name, bool ownsStream, string? temporaryPath = null, string? finalPath = null, bool leaveBehind = false)
    {
        _stream = stream;
        _name = name;
        _ownsStream = ownsStream;
        _temporaryPath = temporaryPath;
        _finalPath = finalPath;
        _leaveBehind = leaveBehind;
    }

    /// <summary>Bytes written so far.</summary>
    public long Position { get; private set; }

    /// <summary>The file as it is being written, for reading back; only where it is one.</summary>
    public SafeFileHandle Handle => ((FileStream)_stream).SafeFileHandle;

    /// <summary>
    /// Begins a file. Devices (see <see cref="IsDevice"/>), where a file cannot be moved into place, are written directly.
    /// </summary>
    /// <exception cref="InputException">The folder does not exist or cannot be written.</exception>
    public static OutputFile Create(string path) => Open(path, () =>
    {
        if (IsDevice(path))
        {
            FileStream device = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            return new OutputFile(device, path, ownsStream: true);
        }
        string final = FinalPath(path);
        string temporary = Beside(final, $".{Guid.NewGuid():N}");
        FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        return new OutputFile(stream, path, ownsStream: true, temporary, final);
    });

    /// <summary>Begins a file that another run can continue, in the place of an unfinished one that may be there.</summary>
    /// <inheritdoc cref="OpenPartial" path="/param[@name='path']|/param[@name='share']|/exception"/>
    public static OutputFile CreatePartial(string path, FileShare share = FileShare.Read) => Open(path, () =>
    {
        OutputFile file = OpenPartialFile(path, FileMode.OpenOrCreate, share);
        // Not FileMode.Create, which would empty another run's file before finding that it is in use.
        file._stream.SetLength(0);
        return file;
    });

    /// <summary>Opens a file that an earlier run left unfinished, unchanged; <see cref="CutTo"/> says where it goes on.</summary>
    /// <param name="path">Its final path.</param>
    /// <param name="share">What other openers may do meanwhile; <see cref="FileShare.None"/> keeps a second run out.</param>
    /// <exception cref="InputException">The folder does not exist or cannot be written, or the file is in use.</exception>
    public static OutputFile OpenPartial(string path, FileShare share = FileShare.Read) =>
        Open(path, () => OpenPartialFile(path, FileMode.Open, share));

    /// <summary>
    /// Begins a file that takes the place of another when it is complete, under a name that it always has until then: where the process
    /// is killed, the next one writes over it. For one run at a time.
    /// </summary>
    /// <inheritdoc cref="OpenPartial" path="/param|/exception"/>
    public static OutputFile CreateNext(string path, FileShare share = FileShare.Read) => Open(path, () =>
    {
        string final = FinalPath(path);
        string next = Beside(final, NextMark);
        FileStream stream = new(next, FileMode.OpenOrCreate, FileAccess.ReadWrite, share, bufferSize: 0);
        OutputFile file = new(stream, path, ownsStream: true, next, final);
        file._stream.SetLength(0);
        return file;
    });

    /// <summary>Removes what a killed process may have left of <see cref="CreateNext"/>.</summary>
    /// <exception cref="InputException">It cannot be removed.</exception>
    public static void DeleteNext(string path) => Open(path, () =>
    {
        File.Delete(Beside(FinalPath(path), NextMark));
        return 0;
    });

    /// <summary>Makes a file that has its final name already an unfinished one again.</summary>
    /// <exception cref="InputException">It cannot be moved.</exception>
    public static void MoveToPartial(string path) => Open(path, () =>
    {
        File.Move(FinalPath(path), PartialPath(path));
        return 0;
    });

    /// <summary>Where an unfinished file lies that belongs under a path: a hidden name in the same folder.</summary>
    /// <exception cref="InputException">No file can have that path: there is a folder of that name, or none to put it into.</exception>
    public static string PartialPath(string path) => Beside(FinalPath(path), "");

    /// <summary>Whether a path is a device, which has no place beside it.</summary>
    public static bool IsDevice(string path)
    {
        string full = Path.GetFullPath(path);
        // Files in shared memory are files like any others.
        return full.StartsWith("/dev/", StringComparison.Ordinal) && !full.StartsWith("/dev/shm/", StringComparison.Ordinal);
    }

    /// <summary>Writes to a stream that is already there, standard output say; it stays open.</summary>
    public static OutputFile Over(Stream stream, string name) => new(stream, name, ownsStream: false);

    /// <summary>Appends bytes.</summary>
    /// <exception cref="InputException">They cannot be written.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _stream.Write(bytes);
        }
        // An argument out of range is .NET's word for a file larger than its file system, or a limit of the user, allows.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            throw CannotWrite(e);
        }
        Position += bytes.Length;
    }

    /// <summary>Appends what is in another file.</summary>
    /// <exception cref="InputException">It cannot be read, or not be written.</exception>
    public void CopyFrom(string path)
    {
        try
        {
            using FileStream source = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            byte[] block = new byte[1 << 18];
            for (int read; (read = source.Read(block)) > 0;)
                Write(block.AsSpan(0, read));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, $"cannot be read: {e.Message}", e);
        }
        MarkWhole();
    }

    /// <summary>Says that what has been written makes whole rows: it is kept if writing fails later.</summary>
    public void MarkWhole() => _wholeBytes = Position;

    /// <summary>Cuts off what follows, and goes on from there.</summary>
    /// <exception cref="InputException">The file cannot be cut.</exception>
    public void CutTo(long wholeBytes) => Attempt(() =>
    {
        if (_stream.Length != wholeBytes)
            _stream.SetLength(wholeBytes);
        _stream.Position = Position = _wholeBytes = wholeBytes;
    });

    /// <summary>Has what was written survive a failure of the machine, not only of this process.</summary>
    /// <exception cref="InputException">The device does not take it.</exception>
    public void FlushToDisk() => Attempt(() => (_stream as FileStream)?.Flush(flushToDisk: true));

    /// <summary>
    /// Cuts off what follows the last whole row, rewrites the beginning where asked, and closes the file: what could fail for want of room
    /// has then been done, and only <see cref="Move"/> is left. A device or stream is flushed and stays open.
    /// </summary>
    /// <param name="head">Bytes that replace the first ones.</param>
    /// <exception cref="InputException">The file cannot be completed.</exception>
    public void Finish(byte[]? head = null) => Attempt(() =>
    {
        if (_finalPath is null)
        {
            _stream.Flush();
            return;
        }
        if (_stream.Length != _wholeBytes)
            _stream.SetLength(_wholeBytes);
        if (head is not null)
        {
            _stream.Position = 0;
            _stream.Write(head);
        }
        // The name must not reach the disk before the bytes do: after a power cut it would stand over an empty file.
        FlushToDisk();
        _stream.Dispose();
    });

    /// <summary>Removes the file whose place this one takes, if there is one.</summary>
    /// <exception cref="InputException">It cannot be removed.</exception>
    public void DeletePredecessor() => Attempt(() =>
    {
        if (_finalPath is not null)
            File.Delete(_finalPath);
    });

    /// <summary>Moves the file into place after <see cref="Finish"/>.</summary>
    /// <exception cref="InputException">It cannot be moved.</exception>
    public void Move() => Attempt(() =>
    {
        if (_finalPath is not null)
            File.Move(_temporaryPath!, _finalPath, overwrite: true);
        _leaveBehind = true;
    });

    /// <summary><see cref="Finish"/>, then <see cref="Move"/>.</summary>
    /// <exception cref="InputException">The file cannot be completed or moved.</exception>
    public void Commit()
    {
        Finish();
        Move();
    }

    /// <summary>Has nothing remain of an unfinished file when it is closed.</summary>
    public void Abandon() => _leaveBehind = false;

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        if (_ownsStream)
            _stream.Dispose();
        if (_temporaryPath is null || _leaveBehind)
            return;
        try
        {
            File.Delete(_temporaryPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The reason for the failure is already on its way to the caller; a stray temporary file is no better reason.
        }
    }

    private static T Open<T>(string path, Func<T> open)
    {
        try
        {
            return open();
        }
        catch (IOException e) when (e.HResult is WouldBlockOnLinux or WouldBlockOnMac or SharingViolation)
        {
            throw new InputException(path, "another run is writing to it; wait for that one to end, or write elsewhere", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, $"cannot be written: {e.Message}", e);
        }
    }

    private static OutputFile OpenPartialFile(string path, FileMode mode, FileShare share)
    {
        string final = FinalPath(path);
        string partial = Beside(final, "");
        FileStream stream = new(partial, mode, FileAccess.ReadWrite, share, bufferSize: 0);
        return new OutputFile(stream, path, ownsStream: true, partial, final, leaveBehind: true);
    }

    /// <summary>The file that a path stands for: writing through a link replaces what it points at, not the link.</summary>
    private static string FinalPath(string path)
    {
        string full = Path.GetFullPath(path);
        full = (File.Exists(full) ? File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName : null) ?? full;
        if (Directory.Exists(full))
            throw new InputException(path, "cannot be written: it is a folder; give the name of a file");
        string folder = Path.GetDirectoryName(full)!;
        return Directory.Exists(folder)
            ? full
            : throw new InputException(path, $"cannot be written: there is no folder '{folder}'; create it first");
    }

    private static string Beside(string final, string mark) =>
        Path.Combine(Path.GetDirectoryName(final)!, $".{Path.GetFileName(final)}{mark}.partial");

    private void Attempt(Action step)
    {
        try
        {
            step();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(e);
        }
    }

    private InputException CannotWrite(Exception e) => new(_name, $"cannot be written: {e.Message}", e);
}
