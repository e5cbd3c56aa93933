using Microsoft.Win32.SafeHandles;

namespace EcapaIlgpu.Extraction.Journals;

/// <summary>
/// A stretch of a journal with the rows that it tells of, read one after the other; memory does not depend on how many there are.
/// </summary>
internal sealed class RowRun
{
    private readonly JournalReader _journal;
    private readonly SafeFileHandle[] _files;
    private readonly long[] _positions;
    private readonly long _end;
    private byte[] _row = [];
    private byte[] _line = [];

    /// <summary>Reads from a place in open files, which stay the caller's.</summary>
    /// <param name="name">What messages call the output that they are.</param>
    /// <param name="journal">The journal.</param>
    /// <param name="files">The file of rows, and that of lines where the format has one.</param>
    /// <param name="start">Where in them.</param>
    /// <param name="end">Where in the journal the stretch ends; null for the journal's end.</param>
    public RowRun(string name, SafeFileHandle journal, SafeFileHandle[] files, RowPlace start, long? end = null)
    {
        Name = name;
        _journal = new JournalReader(journal, start.Journal);
        _files = files;
        _positions = [.. ((long[])[start.Row, start.Line])[..files.Length]];
        _end = end ?? long.MaxValue;
    }

    /// <summary>What messages call the output.</summary>
    public string Name { get; }

    /// <summary>The entry that <see cref="TryMoveNext"/> went to.</summary>
    public JournalEntry Current { get; private set; }

    /// <summary>Its row, once <see cref="TryReadRow"/> has read it.</summary>
    public ReadOnlySpan<byte> Row => _row.AsSpan(0, Current.RowBytes);

    /// <summary>Its line, likewise.</summary>
    public ReadOnlySpan<byte> Line => _line.AsSpan(0, Current.LineBytes);

    /// <summary>Where the next entry, row and line begin.</summary>
    public RowPlace Next => new(_journal.Offset, _positions[0], _positions.Length > 1 ? _positions[1] : 0);

    /// <summary>Whether the journal was read to its very end.</summary>
    public bool AtEndOfJournal => _journal.AtEnd;

    /// <summary>Goes to the next entry; false at the end, and at what is no entry.</summary>
    public bool TryMoveNext()
    {
        if (_journal.Offset >= _end || !_journal.TryReadEntry(out JournalEntry entry))
            return false;
        Current = entry;
        return true;
    }

    /// <summary>Passes over the current entry's row, and reads it if it is as the journal says.</summary>
    public bool TryReadRow()
    {
        if (Current.Failure is not null)
            return true;
        bool read = TryRead(0, Current.RowBytes, ref _row)
            && (_files.Length == 1 ? Current.LineBytes == 0 : TryRead(1, Current.LineBytes, ref _line));
        return read && JournalEntry.ChecksumOf(Current.Ordinal, Row, Line) == Current.Checksum;
    }

    /// <summary>As <see cref="TryReadRow"/>, where a row that is not as the journal says is no row being written but damage.</summary>
    /// <exception cref="InputException">It is not.</exception>
    public void ReadRow()
    {
        if (!TryReadRow())
        {
            throw new InputException(
                Name, $"is not what its journal says (the row of input {Current.Ordinal + 1} differs): the file was changed or is damaged");
        }
    }

    private bool TryRead(int file, int count, ref byte[] bytes)
    {
        // What is there bounds the memory that is taken, whatever the journal claims.
        if (count > RandomAccess.GetLength(_files[file]) - _positions[file])
            return false;
        if (bytes.Length < count)
            bytes = new byte[count];
        int read = 0;
        while (read < count)
        {
            int got = RandomAccess.Read(_files[file], bytes.AsSpan(read, count - read), _positions[file] + read);
            if (got == 0)
                return false;
            read += got;
        }
        _positions[file] += count;
        return true;
    }
}

/// <summary>A place between two rows, in bytes from the beginning of each file.</summary>
/// <param name="Journal">In the journal.</param>
/// <param name="Row">In the file of rows.</param>
/// <param name="Line">In the file of lines; 0 where there is none.</param>
internal readonly record struct RowPlace(long Journal, long Row, long Line);
