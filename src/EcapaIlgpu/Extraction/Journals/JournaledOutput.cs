using System.Buffers;
using System.Diagnostics;
using EcapaIlgpu.Extraction.Writers;
using Microsoft.Win32.SafeHandles;

namespace EcapaIlgpu.Extraction.Journals;

/// <summary>What becomes of a run that was killed or stopped and is found where a run is to write.</summary>
internal enum UnfinishedRun
{
    /// <summary>It is an error if rows would be lost.</summary>
    Refuse,

    /// <summary>It is continued, and so is one that finished with failures.</summary>
    Resume,

    /// <summary>It is thrown away.</summary>
    Discard,
}

/// <summary>
/// Embeddings in files, with a journal that lets another run go on where this one is stopped, at any moment and by anything. An entry is
/// added to the journal when its row is written, so what the journal tells of is in the files, and what else is in them is the row at
/// hand.
/// </summary>
/// <remarks>
/// <para>While a run is under way everything lies under the hidden names of <see cref="OutputFile.PartialPath"/>, and the journal is
/// locked. At the end the files are moved to their final names and the journal last of all, to the output's name and <c>.journal</c>: a
/// hidden journal means a run under way or killed, whose files have their hidden names, or final ones already where there is none.</para>
/// <para>Inputs that failed are tried again by a run that resumes. Rows then no longer come in the list's order, and are brought into it
/// at the end.</para>
/// <para>For one thread at a time.</para>
/// </remarks>
internal sealed class JournaledOutput : IEmbeddingWriter
{
    /// <summary>How much work a failing machine may cost; a killed process costs the row at hand.</summary>
    private static readonly TimeSpan FlushInterval = TimeSpan.FromSeconds(10);

    private readonly RowFormat _format;
    private readonly JournalHeader _header;
    private readonly OutputFile _journal;
    private readonly RowWriter _rows;
    private readonly List<RowPlace> _runs;
    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly Stopwatch _sinceFlush = Stopwatch.StartNew();
    private readonly IEnumerator<int> _ordinals;
    private RowPlace _end;
    private int _lastOrdinal = -1;
    private bool _completed;

    /// <summary>Begins new files.</summary>
    private JournaledOutput(RowFormat format, JournalHeader header, OutputFile journal, Func<string, OutputFile> open)
    {
        _format = format;
        _header = header;
        _journal = journal;
        _runs = [];
        WriteToJournal(header.WriteTo);
        _rows = RowWriter.Create(format, open);
        _end = new RowPlace(journal.Position, _rows.RowPosition, _rows.LinePosition);
        Remaining = header.Inputs;
        _ordinals = Remaining.GetEnumerator();
        InputCount = Remaining.Count;
    }

    /// <summary>Continues files.</summary>
    private JournaledOutput(RowFormat format, OutputFile journal, JournalState state)
    {
        _format = format;
        _header = state.Header;
        _journal = journal;
        _runs = [.. state.Runs];
        _lastOrdinal = state.LastOrdinal;
        _end = state.End;
        RowsBefore = state.Done.Count;
        OrdinalSet inputs = _header.Inputs;
        Remaining = inputs.Without(state.Done);
        _ordinals = Remaining.GetEnumerator();
        InputCount = inputs.Count;
        journal.CutTo(_end.Journal);
        _rows = RowWriter.Create(format, path =>
        {
            OutputFile file = OutputFile.OpenPartial(path);
            file.CutTo(path == format.Paths[0] ? _end.Row : _end.Line);
            return file;
        }, RowsBefore);
    }

    /// <summary>The inputs to embed, by their places in the list, in its order: those of the shard without a row.</summary>
    public OrdinalSet Remaining { get; }

    /// <summary>Inputs of the run, all of them: the list's, or the shard's.</summary>
    public int InputCount { get; }

    /// <summary>Rows that earlier runs wrote.</summary>
    public int RowsBefore { get; }

    public int Rows => _rows.Rows;

    public string Description => _format.Description;

    /// <summary>Where an output's journal lies when its run has ended.</summary>
    public static string JournalPathOf(RowFormat format) => JournalPathOf(format.Paths[0]);

    /// <summary>As <see cref="JournalPathOf(RowFormat)"/>, by the file of rows.</summary>
    public static string JournalPathOf(string rowsPath) => $"{rowsPath}.journal";

    /// <summary>Begins an output, or continues that of an earlier run.</summary>
    /// <param name="format">How to write and where.</param>
    /// <param name="run">Whose rows they are.</param>
    /// <param name="unfinished">What becomes of an unfinished run that is there.</param>
    /// <param name="splitList">Finds the inputs of the run's shard; not called where an earlier run has done so.</param>
    /// <param name="cancellation">Stops checking what is there.</param>
    /// <returns>The output; null if <see cref="UnfinishedRun.Resume"/> finds a run that finished without a failure.</returns>
    /// <exception cref="InputException">The output cannot be written, or an unfinished run is there that is not this one.</exception>
    public static JournaledOutput? Open(
        RowFormat format, RunIdentity run, UnfinishedRun unfinished, Func<OrdinalSet> splitList, CancellationToken cancellation)
    {
        // A second file that cannot be written must not be found out when the first is there.
        foreach (string path in format.Paths)
            OutputFile.PartialPath(path);
        string journalPath = JournalPathOf(format);
        bool isUnderWay = File.Exists(OutputFile.PartialPath(journalPath));
        if (!isUnderWay && unfinished == UnfinishedRun.Resume)
        {
            if (File.Exists(journalPath))
            {
                if (IsFinished(format, run, cancellation))
                    return null;
                CopyToPartials(format);
                isUnderWay = true;
            }
            else if (format.Paths.FirstOrDefault(File.Exists) is { } there)
            {
                throw new InputException(
                    there, $"is there, but no journal beside it ({journalPath}) that says which model and list it is of, "
                    + "so it cannot be resumed; without --resume it is made anew");
            }
        }
        OutputFile? journal = null;
        try
        {
            if (isUnderWay)
            {
                journal = OutputFile.OpenPartial(journalPath, FileShare.None);
                DeleteHalfCopies(format);
                if (unfinished == UnfinishedRun.Refuse)
                    RefuseToLoseRows(format, RowsTold.Of(format, journal.Handle));
                if (unfinished == UnfinishedRun.Resume && FindUnfinished(format, journal, run, cancellation) is { Entries: > 0 } state)
                    return new JournaledOutput(format, journal, state);
            }
            if (unfinished == UnfinishedRun.Refuse)
                RefuseToReplaceUnfinished(format);
            // Before anything is changed: the list may turn out not to be readable.
            JournalHeader header = new(run, run.Shard is null ? null : splitList());
            journal ??= OutputFile.CreatePartial(journalPath, FileShare.None);
            DeleteHalfCopies(format);
            journal.CutTo(0);
            try
            {
                return new JournaledOutput(format, header, journal, path => OutputFile.CreatePartial(path));
            }
            catch
            {
                journal.Abandon();
                throw;
            }
        }
        catch
        {
            journal?.Dispose();
            throw;
        }
    }

    /// <summary>The inputs without a row, in the list's order, once the output is complete.</summary>
    public static IEnumerable<FailedInput> FailuresIn(RowFormat format)
    {
        using SafeFileHandle journal = OpenForReading(JournalPathOf(format));
        JournalReader reader = new(journal);
        if (!reader.TryReadLine(out _))
            yield break;
        while (reader.TryReadEntry(out JournalEntry entry))
        {
            if (entry.Failure is { } failure)
                yield return failure;
        }
    }

    /// <summary>Opens a file that a writer may have open too.</summary>
    /// <exception cref="InputException">It cannot be opened.</exception>
    public static SafeFileHandle OpenForReading(string path)
    {
        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, $"cannot be read: {e.Message}", e);
        }
    }

    public void CheckName(string name) => _format.CheckName(name);

    /// <summary>Writes the row of the next input of <see cref="Remaining"/>.</summary>
    /// <inheritdoc/>
    public void Write(ExtractionResult result)
    {
        _rows.Put(result);
        AddRow(NextOrdinal());
    }

    /// <summary>Notes that the next input of <see cref="Remaining"/> has no row, and why.</summary>
    /// <param name="result">A result with an error.</param>
    /// <exception cref="InputException">The output cannot be written.</exception>
    public void WriteFailure(ExtractionResult result)
    {
        Add(new JournalEntry(NextOrdinal(), 0, 0, 0, new FailedInput(result.Input, result.Error!.Problem)));
    }

    /// <summary>Takes over the rows and failures of other outputs of the same format, in the list's order.</summary>
    /// <param name="runs">In each, ordinals ascend. Where several have an input, what the last says of it holds.</param>
    /// <param name="cancellation">Stops copying.</param>
    /// <exception cref="InputException">A row is not what its journal says, or the output cannot be written.</exception>
    public void CopyInOrder(IReadOnlyList<RowRun> runs, CancellationToken cancellation)
    {
        PriorityQueue<RowRun, (int Ordinal, int LastRunFirst)> byOrdinal = new();
        for (int i = 0; i < runs.Count; i++)
            Enqueue(i);
        while (byOrdinal.TryPeek(out RowRun? run, out (int Ordinal, int LastRunFirst) place))
        {
            cancellation.ThrowIfCancellationRequested();
            run.ReadRow();
            if (place.Ordinal > _lastOrdinal)
                Copy(run);
            byOrdinal.Dequeue();
            Enqueue(-place.LastRunFirst);
        }

        void Enqueue(int i)
        {
            if (runs[i].TryMoveNext())
                byOrdinal.Enqueue(runs[i], (runs[i].Current.Ordinal, -i));
        }
    }

    public void Complete()
    {
        if (_runs.Count > 1)
        {
            CompleteInOrder();
        }
        else
        {
            _rows.Complete();
            _journal.Commit();
        }
        _completed = true;
    }

    /// <summary>Has nothing remain of an unfinished output.</summary>
    public void Abandon()
    {
        _journal.Abandon();
        _rows.Abandon();
    }

    public void Dispose()
    {
        if (!_completed && Rows == 0)
            Abandon();
        // First, so that a hidden journal never outlives its files.
        _journal.Dispose();
        _rows.Dispose();
    }

    private static InputException Differs(RowFormat format, string difference) => new(format.Paths[0],
        $"another run wrote what is there, which this one cannot continue. It differs in {difference}. "
        + "Give it what it had, or --restart to begin anew");

    /// <summary>
    /// A run that was stopped has its rows under their final names. What tells it from one that finished, whose files may be replaced like
    /// any others, is that inputs of its journal were never tried.
    /// </summary>
    private static void RefuseToReplaceUnfinished(RowFormat format)
    {
        // Without its rows, deleted or moved away, a journal tells of nothing that could be lost.
        if (!File.Exists(format.Paths[0]) || !File.Exists(JournalPathOf(format)))
            return;
        using SafeFileHandle journal = OpenForReading(JournalPathOf(format));
        if (RowsTold.Of(format, journal) is { } told && told.Entries < told.Inputs)
            RefuseToLoseRows(format, told);
    }

    private static void RefuseToLoseRows(RowFormat format, RowsTold? told)
    {
        if (told is { Rows: > 0 })
        {
            throw new InputException(
                format.Paths[0], $"an unfinished run is there with {told.Value.Rows} of {told.Value.Inputs} files done. "
                + "--resume continues it, --restart throws it away and begins anew");
        }
    }

    /// <summary>Whether a run that ended did so with a row for every input. If not, it can be continued.</summary>
    private static bool IsFinished(RowFormat format, RunIdentity run, CancellationToken cancellation)
    {
        using SafeFileHandle journal = OpenForReading(JournalPathOf(format));
        List<SafeFileHandle> files = [];
        try
        {
            foreach (string path in format.Paths)
                files.Add(OpenForReading(path));
            JournalState? state = ReadState(format, journal, run, [.. files], cancellation);
            return state is { HasTornTail: false }
                ? state.Done.Count == state.Header.Inputs.Count
                : throw new InputException(format.Paths[0], $"is not what its journal {JournalPathOf(format)} says: "
                    + "the file was changed or is damaged; without --resume it is made anew");
        }
        finally
        {
            files.ForEach(file => file.Dispose());
        }
    }

    /// <summary>
    /// Makes the files of a run that ended those of one under way, by copies: what stands under the names stays until it is replaced.
    /// </summary>
    private static void CopyToPartials(RowFormat format)
    {
        string journalPath = JournalPathOf(format);
        // Opened first and moved last: two runs that resume at once must not both believe that the output is theirs.
        using OutputFile journal = OutputFile.CreateNext(OutputFile.PartialPath(journalPath), FileShare.None);
        foreach (string path in format.Paths)
        {
            using OutputFile copy = OutputFile.CreateNext(OutputFile.PartialPath(path));
            copy.CopyFrom(path);
            copy.Commit();
        }
        journal.CopyFrom(journalPath);
        journal.Commit();
    }

    /// <summary>Removes what a run left that was killed while it copied; only with the journal locked.</summary>
    private static void DeleteHalfCopies(RowFormat format)
    {
        foreach (string path in format.Paths.Append(JournalPathOf(format)))
        {
            OutputFile.DeleteNext(path);
            OutputFile.DeleteNext(OutputFile.PartialPath(path));
        }
    }

    /// <summary>What there is of a run that was killed; null where that is nothing.</summary>
    private static JournalState? FindUnfinished(RowFormat format, OutputFile journal, RunIdentity run, CancellationToken cancellation)
    {
        // One that was killed while it moved its files has some of them under the final names.
        string[] paths = [.. format.Paths.Select(path => File.Exists(OutputFile.PartialPath(path)) ? OutputFile.PartialPath(path) : path)];
        List<SafeFileHandle> files = [];
        JournalState? state;
        try
        {
            if (paths.All(File.Exists))
                files.AddRange(paths.Select(OpenForReading));
            state = ReadState(format, journal.Handle, run, [.. files], cancellation);
        }
        finally
        {
            files.ForEach(file => file.Dispose());
        }
        if (state is { Entries: > 0 })
        {
            foreach (string moved in format.Paths.Intersect(paths))
                OutputFile.MoveToPartial(moved);
        }
        return state;
    }

    private static JournalState? ReadState(
        RowFormat format, SafeFileHandle journal, RunIdentity run, SafeFileHandle[] files, CancellationToken cancellation)
    {
        if (JournalState.ReadHeader(journal, JournalPathOf(format)) is not { } read)
            return null;
        return read.Header.Run.DifferenceFrom(run, "there", "here") is { } difference
            ? throw Differs(format, difference)
            : JournalState.Read(read.Header, read.End, journal, files, format.Header(0).Length, cancellation);
    }

    private void Copy(RowRun run)
    {
        if (run.Current.Failure is not null)
        {
            Add(run.Current);
            return;
        }
        _rows.Put(run.Row, run.Line);
        AddRow(run.Current.Ordinal);
    }

    private int NextOrdinal() => _ordinals.MoveNext()
        ? _ordinals.Current
        : throw new InvalidOperationException("More results than inputs.");

    private void AddRow(int ordinal)
    {
        uint checksum = JournalEntry.ChecksumOf(ordinal, _rows.LastRow, _rows.LastLine);
        Add(new JournalEntry(ordinal, _rows.LastRow.Length, _rows.LastLine.Length, checksum));
    }

    private void Add(JournalEntry entry)
    {
        WriteToJournal(entry.WriteTo);
        // Only now is the row one that a later run would find.
        if (entry.Failure is null)
            _rows.MarkWhole();
        if (entry.Ordinal <= _lastOrdinal || _runs.Count == 0)
            _runs.Add(_end);
        _lastOrdinal = entry.Ordinal;
        _end = new RowPlace(_journal.Position, _rows.RowPosition, _rows.LinePosition);
        if (_sinceFlush.Elapsed < FlushInterval)
            return;
        _rows.FlushToDisk();
        _journal.FlushToDisk();
        _sinceFlush.Restart();
    }

    private void WriteToJournal(Action<IBufferWriter<byte>> write)
    {
        _line.ResetWrittenCount();
        write(_line);
        _journal.Write(_line.WrittenSpan);
        _journal.MarkWhole();
    }

    private void CompleteInOrder()
    {
        RowRun[] runs = [.. _runs.Select((start, i) => new RowRun(
            _format.Paths[0], _journal.Handle, _rows.Handles, start, i + 1 < _runs.Count ? _runs[i + 1].Journal : _end.Journal))];
        using (OutputFile journal = OutputFile.CreateNext(JournalPathOf(_format)))
        using (JournaledOutput ordered = new(_format, _header, journal, path => OutputFile.CreateNext(path)))
        {
            ordered.CopyInOrder(runs, CancellationToken.None);
            ordered.Complete();
        }
        // The files in order have their names, so these are superseded; until they are gone, a run that resumes would put them in order
        // again.
        Abandon();
    }

    /// <summary>What a journal alone tells, without a look at the rows.</summary>
    /// <param name="Rows">Inputs with a row.</param>
    /// <param name="Entries">Rows and failures.</param>
    /// <param name="Inputs">Inputs of the run.</param>
    private readonly record struct RowsTold(int Rows, int Entries, int Inputs)
    {
        /// <summary>Null of a journal that was not written to the end of its first line.</summary>
        public static RowsTold? Of(RowFormat format, SafeFileHandle journal)
        {
            if (JournalState.ReadHeader(journal, JournalPathOf(format)) is not { } read)
                return null;
            JournalReader reader = new(journal, read.End);
            int rows = 0, entries = 0;
            for (; reader.TryReadEntry(out JournalEntry entry); entries++)
                rows += entry.Failure is null ? 1 : 0;
            return new RowsTold(rows, entries, read.Header.ShardInputs?.Count ?? read.Header.Run.Inputs);
        }
    }
}
