using System.Buffers;
using System.Text;
using EcapaIlgpu.Extraction.Journals;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// The inputs without an embedding, in a file that <see cref="WavScp"/> reads: each a line <c>name path</c> after a remark, <c># </c> and
/// the reason. The file is there if something failed, and only then.
/// </summary>
internal sealed class FailedInputs(string path) : IDisposable
{
    private readonly ArrayBufferWriter<byte> _entry = new();
    private OutputFile? _file;

    /// <summary>The file.</summary>
    public string Path => path;

    /// <summary>How many were added.</summary>
    public int Count { get; private set; }

    /// <summary>Appends one.</summary>
    /// <exception cref="InputException">The file cannot be written.</exception>
    public void Add(FailedInput failed)
    {
        // Under one name, so that what a killed run left of it is written over; and for this run alone, since another may have been given
        // the same list.
        _file ??= OutputFile.IsDevice(path) ? OutputFile.Create(path) : OutputFile.CreateNext(path, FileShare.None);
        _entry.ResetWrittenCount();
        Encoding.UTF8.GetBytes(WavScp.Remark(failed.Problem), _entry);
        Encoding.UTF8.GetBytes(WavScp.Line(failed.Input), _entry);
        _file.Write(_entry.WrittenSpan);
        _file.MarkWhole();
        Count++;
    }

    /// <summary>Puts the file in its place, or, where nothing failed, takes away that of an earlier run.</summary>
    /// <exception cref="InputException">The file cannot be written or removed.</exception>
    public void Complete()
    {
        if (_file is not null)
        {
            _file.Commit();
            return;
        }
        // A device is no earlier run's, and who may write below /dev may remove it.
        if (OutputFile.IsDevice(path))
            return;
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, $"an earlier run's file of failed inputs cannot be removed: {e.Message}", e);
        }
    }

    /// <summary>Appends the rest, and completes.</summary>
    /// <exception cref="InputException">The file cannot be written or removed.</exception>
    public void Complete(IEnumerable<FailedInput> rest)
    {
        foreach (FailedInput failed in rest)
            Add(failed);
        Complete();
    }

    public void Dispose() => _file?.Dispose();
}
