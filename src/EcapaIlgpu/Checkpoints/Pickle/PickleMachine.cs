using System.Globalization;
using System.Text;

namespace EcapaIlgpu.Checkpoints.Pickle;

/// <summary>
/// Runs one pickle, protocols 0 to 4, as far as <c>torch.save</c> uses them. It can build numbers, strings, lists, tuples,
/// dictionaries and descriptions of tensors; nothing is imported or called, and a global outside <see cref="PickleGlobals"/> ends it.
/// Work and memory are bounded by the length of the pickle: no opcode copies what it did not read.
/// </summary>
internal sealed class PickleMachine
{
    // A real pickle batches items by the thousand and nests a few levels; more than this is an attack on memory.
    private const int MaxStack = 100_000;
    private const int MaxRank = 64; // PyTorch's own limit of dimensions.
    private const int MaxIntegerBytes = 16;
    private static readonly object?[] EmptyTuple = [];
    private static readonly object True = true;
    private static readonly object False = false;

    private readonly ByteReader _reader;
    private readonly Dictionary<string, PickleStorage> _storages;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly List<object?> _memo = [];
    private long _objectsLeft;

    private PickleMachine(ByteReader reader, Dictionary<string, PickleStorage> storages)
    {
        _reader = reader;
        _storages = storages;
        // Containers and memo entries of a real state dict take tens of bytes each in the pickle; here they take about as many.
        _objectsLeft = 4096 + (reader.Remaining / 3);
    }

    /// <summary>Runs the pickle at the reader's position and leaves the reader behind its STOP.</summary>
    /// <param name="reader">Where the pickle begins.</param>
    /// <param name="storages">Receives every storage that the pickle refers to, by key.</param>
    /// <exception cref="InputException">The pickle is damaged or asks for something it may not have.</exception>
    public static object? Run(ByteReader reader, Dictionary<string, PickleStorage>? storages = null) =>
        new PickleMachine(reader, storages ?? new(StringComparer.Ordinal)).Run();

    private object? Run()
    {
        while (true)
        {
            int at = _reader.Position;
            byte opcode = _reader.ReadByte();
            switch (opcode)
            {
                case 0x80: // PROTO
                    byte protocol = _reader.ReadByte();
                    if (protocol > 5)
                        throw _reader.Error($"pickle protocol {protocol} at byte {at}; 0 to 5 are known.");
                    break;
                case 0x95: // FRAME: a hint for buffering, of no use with the whole file at hand.
                    _reader.ReadInt64();
                    break;
                case (byte)'.': // STOP
                    return Pop();

                case (byte)'N': Push(null); break;
                case 0x88: Push(True); break;
                case 0x89: Push(False); break;
                case (byte)'K': Push((long)_reader.ReadByte()); break; // BININT1
                case (byte)'M': Push((long)_reader.ReadUInt16()); break; // BININT2
                case (byte)'J': Push((long)_reader.ReadInt32()); break; // BININT
                case 0x8A: Push(ReadInteger(_reader.ReadByte())); break; // LONG1
                case 0x8B: Push(ReadInteger(_reader.ReadInt32())); break; // LONG4
                case (byte)'I': Push(ParseInteger(ReadTextLine())); break; // INT
                case (byte)'L': Push(ParseInteger(ReadTextLine().TrimEnd('L'))); break; // LONG
                case (byte)'G': Push(_reader.ReadDoubleBigEndian()); break; // BINFLOAT
                case (byte)'F': Push(ParseFloat(ReadTextLine())); break; // FLOAT

                case (byte)'X': Push(ReadText(Encoding.UTF8, (uint)_reader.ReadInt32())); break; // BINUNICODE
                case 0x8C: Push(ReadText(Encoding.UTF8, _reader.ReadByte())); break; // SHORT_BINUNICODE
                case 0x8D: Push(ReadText(Encoding.UTF8, _reader.ReadInt64())); break; // BINUNICODE8
                case (byte)'V': Push(ReadTextLine()); break; // UNICODE
                case (byte)'S': Push(ReadTextLine().Trim('\'', '"')); break; // STRING
                case (byte)'T': Push(ReadText(Encoding.Latin1, _reader.ReadInt32())); break; // BINSTRING, Python 2's str
                case (byte)'U': Push(ReadText(Encoding.Latin1, _reader.ReadByte())); break; // SHORT_BINSTRING
                case (byte)'B': Push(ReadText(Encoding.Latin1, (uint)_reader.ReadInt32())); break; // BINBYTES
                case (byte)'C': Push(ReadText(Encoding.Latin1, _reader.ReadByte())); break; // SHORT_BINBYTES
                case 0x8E: Push(ReadText(Encoding.Latin1, _reader.ReadInt64())); break; // BINBYTES8

                case (byte)'}': Push(Counted(new PickleDictionary())); break; // EMPTY_DICT
                case (byte)']' or 0x8F: Push(Counted(new PickleList())); break; // EMPTY_LIST, EMPTY_SET
                case (byte)')': Push(EmptyTuple); break;
                case (byte)'t': Push(Counted(PopToMark())); break; // TUPLE
                case 0x85: Push(Counted(PopMany(1))); break; // TUPLE1
                case 0x86: Push(Counted(PopMany(2))); break; // TUPLE2
                case 0x87: Push(Counted(PopMany(3))); break; // TUPLE3
                case (byte)'d': Push(Counted(NewDictionary(PopToMark()))); break; // DICT
                case (byte)'l': Push(Counted(NewList(PopToMark()))); break; // LIST
                case (byte)'s': // SETITEM
                    SetItems(PopMany(2));
                    break;
                case (byte)'u': // SETITEMS
                    SetItems(PopToMark());
                    break;
                case (byte)'a': // APPEND
                    AddItems(PopMany(1));
                    break;
                case (byte)'e' or 0x90: // APPENDS, ADDITEMS
                    AddItems(PopToMark());
                    break;

                case (byte)'(': // MARK
                    if (_marks.Count >= MaxStack)
                        throw Overflow();
                    _marks.Add(_stack.Count);
                    break;
                case (byte)'0': // POP, which also takes a mark away
                    if (_marks.Count > 0 && _marks[^1] == _stack.Count)
                        _marks.RemoveAt(_marks.Count - 1);
                    else
                        Pop();
                    break;
                case (byte)'1': PopToMark(); break; // POP_MARK
                case (byte)'2': Push(Top()); break; // DUP

                case (byte)'q': Memoize(_reader.ReadByte()); break; // BINPUT
                case (byte)'r': Memoize((uint)_reader.ReadInt32()); break; // LONG_BINPUT
                case (byte)'p': Memoize(MemoIndex(ReadTextLine())); break; // PUT
                case 0x94: Memoize(_memo.Count); break; // MEMOIZE
                case (byte)'h': Push(Recall(_reader.ReadByte())); break; // BINGET
                case (byte)'j': Push(Recall((uint)_reader.ReadInt32())); break; // LONG_BINGET
                case (byte)'g': Push(Recall(MemoIndex(ReadTextLine()))); break; // GET

                case (byte)'c': // GLOBAL
                    string module = ReadTextLine();
                    Push(Global(module, ReadTextLine()));
                    break;
                case 0x93: // STACK_GLOBAL
                    object?[] names = PopMany(2);
                    if (names is not [string stackModule, string stackName])
                        throw Malformed("a global whose name is not text");
                    Push(Global(stackModule, stackName));
                    break;
                case (byte)'R' or 0x81: // REDUCE, NEWOBJ
                    Call(PopMany(2));
                    break;
                case (byte)'b': // BUILD: attributes such as OrderedDict's _metadata, which say nothing about weights.
                    Pop();
                    Top();
                    break;
                case (byte)'Q': // BINPERSID
                    Push(Counted(Storage(Pop())));
                    break;
                default:
                    throw _reader.Error($"pickle opcode 0x{opcode:X2} at byte {at} is not one that a checkpoint needs; the file is corrupt or not a checkpoint.");
            }
        }
    }

    private PickleGlobal Global(string module, string name) =>
        PickleGlobals.Find(module, name) ?? throw _reader.Error(
            $"its pickle refers to {Shown.Name($"{module}.{name}")}, which is not among the few names a state dict needs; nothing was executed. "
            + "Save the weights alone (torch.save(model.state_dict(), path)) or as safetensors.");

    private void Call(object?[] callAndArguments)
    {
        if (callAndArguments is not [PickleGlobal function, object?[] arguments])
            throw Malformed("a call of something that is not a known global");
        Push(Counted<object>((function.Kind, arguments) switch
        {
            (PickleGlobalKind.OrderedDict, []) => new PickleDictionary(),
            (PickleGlobalKind.OrderedDict, [PickleList pairs]) => DictionaryOfPairs(pairs),
            (PickleGlobalKind.RebuildTensor, [PickleStorage storage, long offset, object?[] shape, object?[] strides, ..]) =>
                new PickleTensor(storage, offset, Extents(shape), Extents(strides)),
            (PickleGlobalKind.RebuildParameter, [PickleTensor tensor, ..]) => tensor,
            (PickleGlobalKind.Size, [object?[] extents]) => extents,
            (PickleGlobalKind.Device, [string device, ..]) => device,
            _ => throw Malformed($"a call of {function.Kind} with {arguments.Length} arguments it does not take"),
        }));
    }

    private PickleStorage Storage(object? id)
    {
        if (id is not object?[] parts
            || parts is not ["storage", PickleGlobal { Storage: { } type }, var key, string, long count, ..]
            || (key as string ?? (key as long?)?.ToString(CultureInfo.InvariantCulture)) is not string name)
        {
            throw Malformed("a persistent id that is not a storage");
        }
        // Legacy files have a sixth part: null, or (key, start, length) of a view into the storage.
        (long start, long length) = parts.Length > 5 && parts[5] is object?[] view && view is [_, long s, long l] ? (s, l) : (0, count);
        if (count < 0 || start < 0 || length < 0 || start > count || length > count - start)
            throw Malformed($"storage {Shown.Name(name)} with {count} elements, viewed from {start} for {length}");
        PickleStorage storage = new(name, type, count, start, length);
        if (!_storages.TryAdd(name, storage) && (_storages[name].Type != type || _storages[name].Count != count))
            throw Malformed($"storage {Shown.Name(name)} with another type or length than before");
        return storage;
    }

    private long[] Extents(object?[] tuple)
    {
        if (tuple.Length > MaxRank)
            throw Malformed($"a tensor of {tuple.Length} dimensions");
        long[] extents = new long[tuple.Length];
        for (int i = 0; i < extents.Length; i++)
            extents[i] = tuple[i] is long extent ? extent : throw Malformed("a tensor whose shape or strides are not whole numbers");
        return extents;
    }

    private PickleDictionary NewDictionary(object?[] keysAndValues)
    {
        PickleDictionary dictionary = new();
        SetItems(dictionary, keysAndValues);
        return dictionary;
    }

    private PickleDictionary DictionaryOfPairs(PickleList pairs)
    {
        PickleDictionary dictionary = new();
        foreach (object? pair in pairs.Items)
        {
            IReadOnlyList<object?>? keyAndValue = pair as object?[] ?? (pair as PickleList)?.Items;
            if (keyAndValue is not [var key, var value])
                throw Malformed("an OrderedDict whose items are not pairs");
            dictionary.Set(key, value);
        }
        return dictionary;
    }

    private static PickleList NewList(object?[] items)
    {
        PickleList list = new();
        foreach (object? item in items)
            list.Add(item);
        return list;
    }

    private void SetItems(object?[] keysAndValues) =>
        SetItems(Top() as PickleDictionary ?? throw Malformed("items set on something that is not a dictionary"), keysAndValues);

    private void SetItems(PickleDictionary dictionary, object?[] keysAndValues)
    {
        if (keysAndValues.Length % 2 != 0)
            throw Malformed("a dictionary key without a value");
        for (int i = 0; i < keysAndValues.Length; i += 2)
            dictionary.Set(keysAndValues[i], keysAndValues[i + 1]);
    }

    private void AddItems(object?[] items)
    {
        PickleList list = Top() as PickleList ?? throw Malformed("items appended to something that is not a list");
        foreach (object? item in items)
            list.Add(item);
    }

    private string ReadTextLine() => Encoding.UTF8.GetString(_reader.ReadLine()).TrimEnd('\r');

    private string ReadText(Encoding encoding, long length) => encoding.GetString(_reader.Read(length));

    private object ReadInteger(int length)
    {
        if (length is < 0 or > MaxIntegerBytes)
            throw Malformed($"an integer of {length} bytes");
        ReadOnlySpan<byte> littleEndian = _reader.Read(length);
        Int128 value = length > 0 && littleEndian[^1] >= 0x80 ? Int128.NegativeOne : 0;
        for (int i = length - 1; i >= 0; i--)
            value = (value << 8) | littleEndian[i];
        return Narrowed(value);
    }

    private object ParseInteger(string text) => text switch
    {
        "00" => False, // How protocol 0 writes booleans.
        "01" => True,
        _ => Int128.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out Int128 value)
            ? Narrowed(value)
            : throw Malformed("an integer that is not one"),
    };

    // The cast to object keeps the two arms from meeting as Int128.
    private static object Narrowed(Int128 value) => value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;

    private object ParseFloat(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
        ? value
        : throw Malformed("a number that is not one");

    private long MemoIndex(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long index)
        ? index
        : throw Malformed("a memo index that is not a number");

    private void Memoize(long index)
    {
        // Picklers number memo entries in order, each put takes two bytes: a larger index only serves to make the memo sparse.
        if (index > _reader.Position)
            throw Malformed($"memo entry {index}");
        object? top = Counted(Top());
        while (_memo.Count <= index)
            _memo.Add(null);
        _memo[(int)index] = top;
    }

    private object? Recall(long index) => index < _memo.Count ? _memo[(int)index] : throw Malformed($"memo entry {index}, which was never set");

    private void Push(object? value)
    {
        if (_stack.Count >= MaxStack)
            throw Overflow();
        _stack.Add(value);
    }

    private object? Top() => _stack.Count > Floor ? _stack[^1] : throw Malformed("an empty stack");

    private object? Pop()
    {
        object? top = Top();
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    /// <summary>The last values pushed, in the order they were pushed.</summary>
    private object?[] PopMany(int count) =>
        _stack.Count - count >= Floor ? PopFrom(_stack.Count - count) : throw Malformed("too few values on the stack");

    private object?[] PopToMark()
    {
        if (_marks.Count == 0)
            throw Malformed("a missing mark");
        object?[] values = PopFrom(Floor);
        _marks.RemoveAt(_marks.Count - 1);
        return values;
    }

    private object?[] PopFrom(int start)
    {
        object?[] values = new object?[_stack.Count - start];
        _stack.CopyTo(start, values, 0, values.Length);
        _stack.RemoveRange(start, _stack.Count - start);
        return values;
    }

    private int Floor => _marks.Count > 0 ? _marks[^1] : 0;

    private T Counted<T>(T value) => _objectsLeft-- > 0 ? value : throw Overflow();

    private InputException Malformed(string found) => _reader.Error($"malformed pickle: {found} at byte {_reader.Position}.");

    private InputException Overflow() =>
        _reader.Error($"the pickle builds far more objects than its size warrants (at byte {_reader.Position}); this is not a checkpoint.");
}
