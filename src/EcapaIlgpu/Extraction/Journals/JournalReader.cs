using Microsoft.Win32.SafeHandles;

namespace EcapaIlgpu.Extraction.Journals;

/// <summary>Reads a journal line by line. A last line without its end is one that was being written, and is no line.</summary>
/// <param name="file">The journal; may be one that is being written.</param>
/// <param name="offset">Where a line begins.</param>
internal sealed class JournalReader(SafeFileHandle file, long offset = 0)
{
    private byte[] _buffer = new byte[1 << 16];
    private int _from;
    private int _to;

    /// <summary>Where the next line begins, in bytes.</summary>
    public long Offset { get; private set; } = offset;

    /// <summary>Whether nothing follows, not even a part of a line.</summary>
    public bool AtEnd => Offset >= RandomAccess.GetLength(file);

    /// <summary>Reads a line without its end; valid until the next.</summary>
    public bool TryReadLine(out ReadOnlyMemory<byte> line)
    {
        int searched = 0;
        while (true)
        {
            int end = _buffer.AsSpan(_from + searched, _to - _from - searched).IndexOf((byte)'\n');
            if (end >= 0)
            {
                line = _buffer.AsMemory(_from, searched + end);
                _from += line.Length + 1;
                Offset += line.Length + 1;
                return true;
            }
            searched = _to - _from;
            if (!Fill())
            {
                line = default;
                return false;
            }
        }
    }

    /// <summary>Reads an entry; false at the end, and where the line is none, before which <see cref="Offset"/> then is.</summary>
    public bool TryReadEntry(out JournalEntry entry)
    {
        entry = default;
        if (!TryReadLine(out ReadOnlyMemory<byte> line))
            return false;
        if (JournalEntry.TryRead(line, out entry))
            return true;
        _from -= line.Length + 1;
        Offset -= line.Length + 1;
        return false;
    }

    private bool Fill()
    {
        if (_from > 0)
        {
            _buffer.AsSpan(_from, _to - _from).CopyTo(_buffer);
            _to -= _from;
            _from = 0;
        }
        // A line is as long as what is in the file at most, so that is what memory is bounded by.
        if (_to == _buffer.Length)
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        int read = RandomAccess.Read(file, _buffer.AsSpan(_to), Offset + _to - _from);
        _to += read;
        return read > 0;
    }
}
