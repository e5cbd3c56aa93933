using System.Buffers;
using System.Buffers.Binary;
using System.Collections;
using System.Runtime.InteropServices;
using EcapaIlgpu.Extraction.Journals;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// A list of inputs that takes the same memory however long it is: a long one lies in a temporary file. It is gone through several times,
/// and stays as it was when it was made, whatever becomes meanwhile of the file or the folder that it was read from. Safe for any number
/// of threads.
/// </summary>
/// <remarks>Where no such file can be written (a full disk, no folder for it) it is held in memory: a run does not fail for that.</remarks>
internal sealed class InputList : IReadOnlyCollection<AudioInput>, IDisposable
{
    /// <summary>Bytes that are held in memory, those of the list's end; some thousand inputs.</summary>
    private const int BlockBytes = 1 << 20;

    /// <summary>Stands for the length of a path that is the same as the name.</summary>
    private const int SameAsName = -1;

    private readonly ArrayBufferWriter<byte> _end = new();
    private readonly List<Block> _blocks = [];
    private FileStream? _file;
    private long _fileLength;
    private bool _fileFailed;

    /// <summary>Takes over inputs.</summary>
    /// <exception cref="InputException">What enumerating them throws.</exception>
    public InputList(IEnumerable<AudioInput> inputs)
    {
        try
        {
            foreach (AudioInput input in inputs)
                Add(input);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int Count { get; private set; }

    public IEnumerator<AudioInput> GetEnumerator()
    {
        byte[] room = [];
        foreach (Block block in _blocks)
        {
            byte[] bytes = block.Held ?? Read(block, ref room);
            for (int at = 0; at < block.Length;)
                yield return Decode(bytes, ref at);
        }
        for (int at = 0; at < _end.WrittenCount;)
            yield return Decode(_end.WrittenSpan, ref at);
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Some of the inputs, in the list's order.</summary>
    public IReadOnlyCollection<AudioInput> Of(OrdinalSet ordinals) => new Part(this, ordinals);

    public void Dispose() => _file?.Dispose();

    private static void Encode(string text, IBufferWriter<byte> bytes)
    {
        EncodeLength(text.Length, bytes);
        // As they are: a name on disk may be no valid text, and must come back to the letter.
        bytes.Write(MemoryMarshal.AsBytes(text.AsSpan()));
    }

    private static void EncodeLength(int length, IBufferWriter<byte> bytes)
    {
        BinaryPrimitives.WriteInt32LittleEndian(bytes.GetSpan(sizeof(int)), length);
        bytes.Advance(sizeof(int));
    }

    private static AudioInput Decode(ReadOnlySpan<byte> block, ref int at)
    {
        string name = DecodeText(block, ref at)!;
        return new AudioInput(name, DecodeText(block, ref at) ?? name);
    }

    private static string? DecodeText(ReadOnlySpan<byte> block, ref int at)
    {
        int length = BinaryPrimitives.ReadInt32LittleEndian(block[at..]);
        at += sizeof(int);
        if (length == SameAsName)
            return null;
        string text = new(MemoryMarshal.Cast<byte, char>(block.Slice(at, length * sizeof(char))));
        at += length * sizeof(char);
        return text;
    }

    private void Add(AudioInput input)
    {
        Encode(input.Name, _end);
        if (input.Path == input.Name)
            EncodeLength(SameAsName, _end);
        else
            Encode(input.Path, _end);
        Count++;
        if (_end.WrittenCount >= BlockBytes)
            WriteBlock();
    }

    private void WriteBlock()
    {
        int length = _end.WrittenCount;
        if (TryWrite(_end.WrittenSpan))
        {
            _blocks.Add(new Block(_fileLength, length, null));
            _fileLength += length;
        }
        else
        {
            _blocks.Add(new Block(0, length, _end.WrittenSpan.ToArray()));
        }
        _end.ResetWrittenCount();
    }

    private bool TryWrite(ReadOnlySpan<byte> block)
    {
        if (_fileFailed)
            return false;
        try
        {
            _file ??= CreateFile();
            RandomAccess.Write(_file.SafeFileHandle, block, _fileLength);
            return true;
        }
        // An argument out of range is .NET's word for a file larger than a limit of the user allows.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            _fileFailed = true;
            return false;
        }
    }

    private byte[] Read(Block block, ref byte[] room)
    {
        if (room.Length < block.Length)
            room = new byte[block.Length];
        for (int read = 0, got; read < block.Length; read += got)
        {
            got = RandomAccess.Read(_file!.SafeFileHandle, room.AsSpan(read, block.Length - read), block.From + read);
            if (got == 0)
                throw new InputException(Path.GetTempPath(), "the temporary file of a long list was cut off there");
        }
        return room;
    }

    private static FileStream CreateFile()
    {
        string path = Path.Combine(Path.GetTempPath(), $"ecapa-{Guid.NewGuid():N}");
        FileStream file = new(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Delete, bufferSize: 0, FileOptions.DeleteOnClose);
        // Where a file may be open without a name nothing is left of it even of a process that is killed.
        if (!OperatingSystem.IsWindows())
            File.Delete(path);
        return file;
    }

    /// <summary>Some inputs, one after the other.</summary>
    /// <param name="From">Where they begin in the file.</param>
    /// <param name="Length">Bytes.</param>
    /// <param name="Held">The bytes, where they are not in the file.</param>
    private readonly record struct Block(long From, int Length, byte[]? Held);

    private sealed class Part(InputList list, OrdinalSet ordinals) : IReadOnlyCollection<AudioInput>
    {
        public int Count => ordinals.Count;

        public IEnumerator<AudioInput> GetEnumerator() => list.Where((_, ordinal) => ordinals.Contains(ordinal)).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
