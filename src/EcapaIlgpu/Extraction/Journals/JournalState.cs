using Microsoft.Win32.SafeHandles;

namespace EcapaIlgpu.Extraction.Journals;

/// <summary>What a journal and the files that it tells of hold: how far its run came, every whole row checked against its checksum.</summary>
internal sealed class JournalState
{
    private readonly List<RowPlace> _runs = [];

    private JournalState(JournalHeader header, RowPlace start)
    {
        Header = header;
        End = start;
        Done = new OrdinalSet(header.Run.Inputs);
    }

    /// <summary>Whose rows they are.</summary>
    public JournalHeader Header { get; }

    /// <summary>The inputs with a whole row.</summary>
    public OrdinalSet Done { get; }

    /// <summary>Rows and failures.</summary>
    public int Entries { get; private set; }

    /// <summary>The last entry's ordinal; -1 where there is none.</summary>
    public int LastOrdinal { get; private set; } = -1;

    /// <summary>Where the last whole row and its entry end.</summary>
    public RowPlace End { get; private set; }

    /// <summary>Whether anything follows <see cref="End"/>: the row that was being written when the run ended, or damage.</summary>
    public bool HasTornTail { get; private set; }

    /// <summary>
    /// Where the stretches begin in which ordinals ascend. There is more than one where a run went back to inputs that had failed.
    /// </summary>
    public IReadOnlyList<RowPlace> Runs => _runs;

    /// <summary>Reads the first line of a journal.</summary>
    /// <returns>The header and where it ends; null where the line was not written to its end.</returns>
    /// <exception cref="InputException">It is not the first line of a journal.</exception>
    public static (JournalHeader Header, long End)? ReadHeader(SafeFileHandle journal, string source)
    {
        JournalReader reader = new(journal);
        if (!reader.TryReadLine(out ReadOnlyMemory<byte> line))
            return null;
        return JournalHeader.TryRead(line) is { } header
            ? (header, reader.Offset)
            : throw new InputException(source, "is not a journal of 'ecapa embed', or one of another version: its first line should say "
                + "which model and list its rows are of. Where its rows are not needed, embed anew with --restart");
    }

    /// <summary>Reads and checks everything up to the first row that is not whole.</summary>
    /// <param name="header">The journal's.</param>
    /// <param name="headerEnd">Where it ends.</param>
    /// <param name="journal">The journal.</param>
    /// <param name="files">The file of rows, and that of lines where the format has one; none where they are not there.</param>
    /// <param name="firstRow">Where the first row begins.</param>
    /// <param name="cancellation">Stops reading.</param>
    public static JournalState Read(
        JournalHeader header, long headerEnd, SafeFileHandle journal, SafeFileHandle[] files, int firstRow, CancellationToken cancellation)
    {
        RowPlace start = new(headerEnd, firstRow, 0);
        JournalState state = new(header, start);
        if (files.Length == 0)
        {
            state.HasTornTail = true;
            return state;
        }
        RowRun run = new("", journal, files, start);
        while (run.TryMoveNext() && state.TryAdd(run))
            cancellation.ThrowIfCancellationRequested();
        state.HasTornTail = !run.AtEndOfJournal || state.End != run.Next
            || RandomAccess.GetLength(files[0]) != state.End.Row || (files.Length > 1 && RandomAccess.GetLength(files[1]) != state.End.Line);
        return state;
    }

    private bool TryAdd(RowRun run)
    {
        JournalEntry entry = run.Current;
        bool possible = entry.Ordinal < Header.Run.Inputs && (Header.ShardInputs?.Contains(entry.Ordinal) ?? true) && !Done.Contains(entry.Ordinal);
        if (!possible || !run.TryReadRow())
            return false;
        if (entry.Ordinal <= LastOrdinal || Entries == 0)
            _runs.Add(End);
        if (entry.Failure is null)
            Done.Add(entry.Ordinal);
        LastOrdinal = entry.Ordinal;
        End = run.Next;
        Entries++;
        return true;
    }
}
