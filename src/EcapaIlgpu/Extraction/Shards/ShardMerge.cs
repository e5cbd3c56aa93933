using EcapaIlgpu.Extraction.Journals;
using EcapaIlgpu.Extraction.Writers;
using Microsoft.Win32.SafeHandles;

namespace EcapaIlgpu.Extraction.Shards;

/// <summary>What shards gave together.</summary>
/// <param name="Description">What people call the output.</param>
/// <param name="Rows">Rows in it.</param>
/// <param name="Inputs">Inputs of the list.</param>
/// <param name="Failed">Inputs without a row.</param>
/// <param name="FailedPath">Where they are listed, where there are any.</param>
internal sealed record MergedShards(string Description, int Rows, int Inputs, int Failed, string FailedPath);

/// <summary>
/// Joins the outputs of all shards of a list into the output that one run would have given, to the byte. Everything is checked before
/// anything is written, but for the rows themselves, which are checked as they are copied.
/// </summary>
internal static class ShardMerge
{
    /// <summary>Joins shards.</summary>
    /// <param name="output">The file to write, in the shards' format.</param>
    /// <param name="shards">The shards' outputs, in any order; of a pair of files either.</param>
    /// <param name="failedPath">Where to list the inputs that failed; null for the place that goes with the output.</param>
    /// <param name="cancellation">Stops copying; nothing is left then.</param>
    /// <exception cref="InputException">
    /// A shard is missing, given twice, unfinished, changed, or of another model, list or options than the first; or would be overwritten.
    /// </exception>
    public static MergedShards Merge(string output, IReadOnlyList<string> shards, string? failedPath, CancellationToken cancellation)
    {
        List<OpenShard> open = [];
        try
        {
            foreach (string shard in shards)
                open.Add(OpenShard.Open(shard));
            RunIdentity whole = Check(open);
            foreach (OpenShard shard in open)
                shard.RequireFinished(cancellation);

            if (EmbeddingWriter.FormatOf(output) is { } asked && asked != whole.Format)
            {
                string found = RunIdentity.NameOf(whole.Format);
                throw new InputException(
                    output,
                    $"its ending asks for {RunIdentity.NameOf(asked)}, and the shards are {found}: shards are joined in their own format");
            }
            if (OutputFile.IsDevice(output))
                throw new InputException(output, "is a device; rows are put into order in files, so give the name of one");
            RowFormat format = RowFormat.InFiles(whole.Format, output, whole.EmbeddingSize);
            failedPath ??= RunOutput.FailedPathOf(format.Paths[0]);
            RefuseToOverwrite(output, RunOutput.FilesOf(whole.Format, output), failedPath, open);
            using JournaledOutput merged = JournaledOutput.Open(
                format, whole, UnfinishedRun.Discard, () => OrdinalSet.All(whole.Inputs), cancellation)!;
            try
            {
                merged.CopyInOrder([.. open.Select(shard => shard.Rows())], cancellation);
                merged.Complete();
            }
            catch
            {
                // Merging again takes seconds: unlike embeddings, half a merge is not worth keeping.
                merged.Abandon();
                throw;
            }
            using FailedInputs failed = new(failedPath);
            failed.Complete(JournaledOutput.FailuresIn(format));
            return new MergedShards(format.Description, merged.Rows, whole.Inputs, failed.Count, failedPath);
        }
        finally
        {
            open.ForEach(shard => shard.Dispose());
        }
    }

    /// <summary>Checks that the shards are those of one list, each once and none missing.</summary>
    /// <returns>The run that they are together.</returns>
    private static RunIdentity Check(List<OpenShard> open)
    {
        OpenShard first = open[0];
        RunIdentity whole = first.Header.Run with { Shard = null };
        int count = first.Shard.Count;
        Dictionary<int, OpenShard> byIndex = [];
        foreach (OpenShard shard in open)
        {
            if (whole.DifferenceFrom(shard.Header.Run with { Shard = null }, $"in {first.Name}", "in this one") is { } difference)
                throw new InputException(shard.Name, $"does not belong with {first.Name}; they differ in {difference}");
            if (shard.Shard.Count != count)
            {
                throw new InputException(
                    shard.Name,
                    $"is shard {shard.Shard}, and {first.Name} is shard {first.Shard}: the list was split differently for them");
            }
            if (!byIndex.TryAdd(shard.Shard.Index, shard))
            {
                throw new InputException(
                    shard.Name, $"is shard {shard.Shard}, and so is {byIndex[shard.Shard.Index].Name}; name every shard once");
            }
        }
        string[] missing = [.. Enumerable.Range(1, count).Where(i => !byIndex.ContainsKey(i)).Select(i => new Shard(i, count).ToString())];
        if (missing.Length > 0)
        {
            string areMissing = missing.Length == 1 ? "is missing" : "are missing";
            throw new InputException(first.Name, $"is shard {first.Shard}, and of the others {Shown.Names(missing)} {areMissing}");
        }
        CheckSplit(open, whole.Inputs);
        return whole;
    }

    /// <summary>
    /// Checks that every input is in one shard. Where machines saw different files (one was not mounted, say), they split the list
    /// differently.
    /// </summary>
    private static void CheckSplit(List<OpenShard> open, int inputs)
    {
        OrdinalSet seen = new(inputs);
        foreach (OpenShard shard in open)
        {
            foreach (int ordinal in shard.Header.ShardInputs!)
            {
                if (!seen.Add(ordinal))
                    throw SplitDiffers(shard.Name, $"has input {ordinal + 1} of the list, and so has another shard");
            }
        }
        if (seen.Count < inputs)
            throw SplitDiffers(open[0].Name, $"and the other shards lack {inputs - seen.Count} of the {inputs} inputs of the list");
    }

    private static InputException SplitDiffers(string name, string problem) => new(name,
        $"{problem}: the machines did not see the same files when they split the list. Embed the shards again where all files can be read");

    private static void RefuseToOverwrite(string output, IReadOnlyList<string> rows, string failedPath, List<OpenShard> open)
    {
        string? clash = WrittenFiles.ClashOf(
            [.. rows.Select(path => (path, $"the output {output}")), (failedPath, $"the list of failed files {failedPath}")],
            open.SelectMany(shard => shard.Format.Paths.Append(JournaledOutput.JournalPathOf(shard.Format))));
        if (clash is not null)
            throw new InputException(output, clash);
        WrittenFiles.RequirePlaces([failedPath]);
    }

    /// <summary>A shard's files, open.</summary>
    private sealed class OpenShard : IDisposable
    {
        private readonly SafeFileHandle _journal;
        private readonly List<SafeFileHandle> _files = [];
        private readonly long _headerEnd;

        private OpenShard(string name, RowFormat format, SafeFileHandle journal, JournalHeader header, long headerEnd)
        {
            Name = name;
            Format = format;
            Header = header;
            _journal = journal;
            _headerEnd = headerEnd;
        }

        public string Name { get; }

        public RowFormat Format { get; }

        public JournalHeader Header { get; }

        public Shard Shard => Header.Run.Shard!.Value;

        public static OpenShard Open(string name)
        {
            // Of a pair of files the second may have been named.
            string output = File.Exists(JournaledOutput.JournalPathOf(name))
                ? name
                : EmbeddingWriter.FilesOf(EmbeddingWriter.FormatOf(name) ?? default, name)[0];
            string journalPath = JournaledOutput.JournalPathOf(output);
            if (!File.Exists(journalPath))
            {
                throw new InputException(name, File.Exists(OutputFile.PartialPath(journalPath))
                    ? "its run is under way or was killed: wait for it, or run it again with --resume"
                    : $"has no journal ({journalPath}) beside it; the outputs of 'ecapa embed --shard i/n' have, "
                        + "and are what can be merged");
            }
            SafeFileHandle journal = JournaledOutput.OpenForReading(journalPath);
            try
            {
                if (JournalState.ReadHeader(journal, journalPath) is not var (header, end))
                    throw new InputException(journalPath, "is cut off in its first line: the file is damaged");
                if (header.Run.Shard is null)
                    throw new InputException(name, "is no shard: it is of a whole list");
                OpenShard shard = new(name, RowFormat.InFiles(header.Run.Format, output, header.Run.EmbeddingSize), journal, header, end);
                shard.OpenFiles();
                return shard;
            }
            catch
            {
                journal.Dispose();
                throw;
            }
        }

        /// <summary>
        /// Checks, by the journal alone, that every input of the shard has been tried and that the files are as long as it says.
        /// </summary>
        public void RequireFinished(CancellationToken cancellation)
        {
            JournalReader reader = new(_journal, _headerEnd);
            int entries = 0, last = -1;
            long row = FirstRow, line = 0;
            while (reader.TryReadEntry(out JournalEntry entry))
            {
                cancellation.ThrowIfCancellationRequested();
                if (entry.Ordinal <= last || !Header.ShardInputs!.Contains(entry.Ordinal))
                    throw Damaged();
                last = entry.Ordinal;
                row += entry.RowBytes;
                line += entry.LineBytes;
                entries++;
            }
            bool asLong = RandomAccess.GetLength(_files[0]) == row && (_files.Count == 1 || RandomAccess.GetLength(_files[1]) == line);
            if (!reader.AtEnd || !asLong)
                throw Damaged();
            if (entries < Header.ShardInputs!.Count)
            {
                throw new InputException(
                    Name, $"its run ended with {entries} of {Header.ShardInputs.Count} files; run it again with --resume");
            }
        }

        public RowRun Rows() => new(Name, _journal, [.. _files], new RowPlace(_headerEnd, FirstRow, 0));

        public void Dispose()
        {
            _journal.Dispose();
            _files.ForEach(file => file.Dispose());
        }

        private int FirstRow => Format.Header(0).Length;

        private void OpenFiles()
        {
            try
            {
                foreach (string path in Format.Paths)
                    _files.Add(JournaledOutput.OpenForReading(path));
            }
            catch
            {
                _files.ForEach(file => file.Dispose());
                throw;
            }
        }

        private InputException Damaged() =>
            new(Name, "is not what its journal says: the file was changed or is damaged; embed the shard again");
    }
}
