using System.Buffers.Binary;
using System.Text;

namespace EcapaIlgpu.Tests.Checkpoints;

/// <summary>Writes pickles opcode by opcode, as Python's pickler would or never would.</summary>
internal sealed class PickleWriter(int protocol = 2)
{
    private readonly MemoryStream _bytes = new();
    private int _memo;

    public byte[] ToArray() => _bytes.ToArray();

    public PickleWriter Raw(params ReadOnlySpan<byte> bytes)
    {
        _bytes.Write(bytes);
        return this;
    }

    public PickleWriter Begin() => protocol >= 2 ? Raw(0x80, (byte)protocol) : this;

    public PickleWriter Stop() => Raw((byte)'.');

    public PickleWriter None() => Raw((byte)'N');

    public PickleWriter Bool(bool value) => Raw((byte)(value ? 0x88 : 0x89));

    public PickleWriter Mark() => Raw((byte)'(');

    public PickleWriter Tuple() => Raw((byte)'t').Memoize();

    public PickleWriter EmptyTuple() => Raw((byte)')');

    public PickleWriter EmptyDict() => Raw((byte)'}').Memoize();

    public PickleWriter EmptyList() => Raw((byte)']').Memoize();

    public PickleWriter Reduce() => Raw((byte)'R').Memoize();

    public PickleWriter SetItems() => Raw((byte)'u');

    public PickleWriter Appends() => Raw((byte)'e');

    public PickleWriter Build() => Raw((byte)'b');

    public PickleWriter PersistentId() => Raw((byte)'Q');

    /// <summary>What a pickler writes after every object that may be referred to again.</summary>
    public PickleWriter Memoize()
    {
        if (protocol >= 4)
            return Raw(0x94);
        int index = _memo++;
        return index < 256 ? Raw((byte)'q', (byte)index) : Raw((byte)'r').Int32(index);
    }

    public PickleWriter Int(long value)
    {
        if (value is >= 0 and < 256)
            return Raw((byte)'K', (byte)value);
        if (value is >= int.MinValue and <= int.MaxValue)
            return Raw((byte)'J').Int32((int)value);
        Span<byte> littleEndian = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(littleEndian, value);
        return Raw(0x8A, 8).Raw(littleEndian);
    }

    public PickleWriter Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        (protocol >= 4 && utf8.Length < 256 ? Raw(0x8C, (byte)utf8.Length) : Raw((byte)'X').Int32(utf8.Length)).Raw(utf8);
        return Memoize();
    }

    public PickleWriter Global(string module, string name) => protocol >= 4
        ? Text(module).Text(name).Raw(0x93).Memoize()
        : Raw((byte)'c').Raw(Encoding.UTF8.GetBytes($"{module}\n{name}\n")).Memoize();

    public PickleWriter IntTuple(IEnumerable<long> values)
    {
        Mark();
        foreach (long value in values)
            Int(value);
        return Tuple();
    }

    private PickleWriter Int32(int value)
    {
        Span<byte> littleEndian = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(littleEndian, value);
        return Raw(littleEndian);
    }
}
