using System.Buffers;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace EcapaIlgpu.Extraction.Writers;

/// <summary>Writes rows of any format: to one file or stream, or to a file and the lines beside it.</summary>
internal sealed class RowWriter : IEmbeddingWriter
{
    private readonly RowFormat _format;
    private readonly OutputFile _rows;
    private readonly OutputFile? _lines;
    private readonly ArrayBufferWriter<byte> _row = new();
    private readonly ArrayBufferWriter<byte> _line = new();

    /// <summary>Writes to files, which become this writer's to close.</summary>
    /// <param name="format">How.</param>
    /// <param name="rows">Where rows go; where it is empty, it begins with the header.</param>
    /// <param name="lines">Where lines go, for a format that has them.</param>
    /// <param name="rowsThere">Rows that the files hold already.</param>
    public RowWriter(RowFormat format, OutputFile rows, OutputFile? lines = null, int rowsThere = 0)
    {
        _format = format;
        _rows = rows;
        _lines = lines;
        Rows = rowsThere;
        if (rows.Position > 0)
            return;
        try
        {
            rows.Write(format.Header(0));
            rows.MarkWhole();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int Rows { get; private set; }

    public string Description => _format.Description;

    /// <summary>Bytes of rows, the header included.</summary>
    public long RowPosition => _rows.Position;

    /// <summary>Bytes of lines; 0 for a format without.</summary>
    public long LinePosition => _lines?.Position ?? 0;

    /// <summary>The files, for reading back.</summary>
    public SafeFileHandle[] Handles => _lines is null ? [_rows.Handle] : [_rows.Handle, _lines.Handle];

    /// <summary>The row that was put last.</summary>
    public ReadOnlySpan<byte> LastRow => _row.WrittenSpan;

    /// <summary>The line that was put last; empty for a format without.</summary>
    public ReadOnlySpan<byte> LastLine => _line.WrittenSpan;

    /// <summary>Writes to the files of a format.</summary>
    /// <param name="format">How.</param>
    /// <param name="open">Opens each of its files.</param>
    /// <param name="rowsThere">Rows that the files hold already.</param>
    public static RowWriter Create(RowFormat format, Func<string, OutputFile> open, int rowsThere = 0)
    {
        OutputFile rows = open(format.Paths[0]);
        try
        {
            return new RowWriter(format, rows, format.HasLines ? open(format.Paths[1]) : null, rowsThere);
        }
        catch
        {
            rows.Dispose();
            throw;
        }
    }

    public void CheckName(string name) => _format.CheckName(name);

    public void Write(ExtractionResult result)
    {
        Put(result);
        MarkWhole();
    }

    /// <summary>Writes a row that counts only once <see cref="MarkWhole"/> says so.</summary>
    public void Put(ExtractionResult result)
    {
        _row.ResetWrittenCount();
        _format.EncodeRow(result, _row);
        PutRow(_format.HasLines ? Encoding.UTF8.GetBytes(result.Name) : []);
    }

    /// <summary>As <see cref="Put(ExtractionResult)"/>, a row and its line from another file of the same format.</summary>
    public void Put(ReadOnlySpan<byte> row, ReadOnlySpan<byte> line)
    {
        _row.ResetWrittenCount();
        _row.Write(row);
        PutRow(_format.HasLines ? _format.NameIn(line) : []);
    }

    /// <summary>Counts the row that was put last.</summary>
    public void MarkWhole()
    {
        _lines?.MarkWhole();
        _rows.MarkWhole();
        Rows++;
    }

    /// <summary>Has what was written survive a failure of the machine.</summary>
    public void FlushToDisk()
    {
        _lines?.FlushToDisk();
        _rows.FlushToDisk();
    }

    public void Complete()
    {
        _lines?.Finish();
        _rows.Finish(_format.HeaderCountsRows ? _format.Header(Rows) : null);
        // The lines of another run must never stand beside these rows, nor these beside its rows: whoever is killed between the moves
        // leaves rows without lines.
        _lines?.DeletePredecessor();
        _rows.Move();
        _lines?.Move();
    }

    /// <summary>Has nothing remain of the files when they are closed.</summary>
    public void Abandon()
    {
        _lines?.Abandon();
        _rows.Abandon();
    }

    public void Dispose()
    {
        _rows.Dispose();
        _lines?.Dispose();
    }

    private void PutRow(ReadOnlySpan<byte> name)
    {
        _line.ResetWrittenCount();
        if (_lines is not null)
        {
            _format.EncodeLine(name, _rows.Position, _line);
            _lines.Write(LastLine);
        }
        _rows.Write(LastRow);
    }
}
