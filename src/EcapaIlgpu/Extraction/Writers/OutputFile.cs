namespace EcapaIlgpu.Extraction.Writers;

/// <summary>
/// A file that appears under its name only when it is complete: it is written beside, under a hidden temporary name, and moved into place.
/// Rows go straight to the file, unbuffered, so that a row is either in it or not when the disk fills up or the run is stopped.
/// </summary>
internal sealed class OutputFile : IDisposable
{
    private readonly Stream _stream;
    private readonly string _name;
    private readonly string? _temporaryPath;
    private readonly string? _finalPath;
    private readonly bool _ownsStream;
    private long _completeRows;
    private bool _committed;

    private OutputFile(Stream stream, string name, bool ownsStream, string? temporaryPath = null, string? finalPath = null)
    {
        _stream = stream;
        _name = name;
        _ownsStream = ownsStream;
        _temporaryPath = temporaryPath;
        _finalPath = finalPath;
    }

    /// <summary>Bytes written so far.</summary>
    public long Position { get; private set; }

    /// <summary>Begins a file. Devices (anything below <c>/dev</c>, where a file cannot be moved into place) are written directly.</summary>
    /// <exception cref="InputException">The folder does not exist or cannot be written.</exception>
    public static OutputFile Create(string path)
    {
        string full = Path.GetFullPath(path);
        try
        {
            if (full.StartsWith("/dev/", StringComparison.Ordinal))
            {
                FileStream device = new(full, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
                return new OutputFile(device, path, ownsStream: true);
            }
            // Writing through a link replaces what it points at, not the link.
            full = (File.Exists(full) ? File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName : null) ?? full;
            if (Directory.Exists(full))
                throw new InputException(path, "cannot be written: it is a folder; give the name of a file");
            string folder = Path.GetDirectoryName(full)!;
            if (!Directory.Exists(folder))
                throw new InputException(path, $"cannot be written: there is no folder '{folder}'; create it first");
            string temporary = Path.Combine(folder, $".{Path.GetFileName(full)}.{Guid.NewGuid():N}.partial");
            FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
            return new OutputFile(stream, path, ownsStream: true, temporary, full);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, $"cannot be written: {e.Message}", e);
        }
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
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(e);
        }
        Position += bytes.Length;
    }

    /// <summary>Says that what has been written makes whole rows: it is kept if writing fails later.</summary>
    public void MarkWhole() => _completeRows = Position;

    /// <summary>Cuts off what follows the last whole row, rewrites the beginning where asked, and moves the file into place.</summary>
    /// <param name="head">Bytes that replace the first ones.</param>
    /// <exception cref="InputException">The file cannot be completed or moved.</exception>
    public void Commit(ReadOnlySpan<byte> head = default)
    {
        try
        {
            if (_finalPath is not null)
            {
                if (_stream.Length != _completeRows)
                    _stream.SetLength(_completeRows);
                if (!head.IsEmpty)
                {
                    _stream.Position = 0;
                    _stream.Write(head);
                }
                _stream.Dispose();
                File.Move(_temporaryPath!, _finalPath, overwrite: true);
            }
            else
            {
                _stream.Flush();
            }
            _committed = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(e);
        }
    }

    /// <summary>Closes the file; without <see cref="Commit"/> nothing of it remains.</summary>
    public void Dispose()
    {
        if (_ownsStream)
            _stream.Dispose();
        if (_temporaryPath is null || _committed)
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

    private InputException CannotWrite(Exception e) => new(_name, $"cannot be written: {e.Message}", e);
}
