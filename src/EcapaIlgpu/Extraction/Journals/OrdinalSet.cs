using System.Collections;
using System.Numerics;

namespace EcapaIlgpu.Extraction.Journals;

/// <summary>Some of the inputs of a list, by their place in it from 0: a bit each.</summary>
internal sealed class OrdinalSet : IEnumerable<int>
{
    private readonly byte[] _bits;

    /// <summary>An empty set.</summary>
    /// <param name="length">Inputs of the list.</param>
    public OrdinalSet(int length)
    {
        Length = length;
        _bits = new byte[ByteCount(length)];
    }

    private OrdinalSet(int length, byte[] bits)
    {
        Length = length;
        _bits = bits;
        foreach (byte eight in bits)
            Count += BitOperations.PopCount(eight);
    }

    /// <summary>Inputs of the list.</summary>
    public int Length { get; }

    /// <summary>Inputs in the set.</summary>
    public int Count { get; private set; }

    /// <summary>The whole list.</summary>
    public static OrdinalSet All(int length)
    {
        OrdinalSet set = new(length);
        for (int ordinal = 0; ordinal < length; ordinal++)
            set.Add(ordinal);
        return set;
    }

    /// <summary>Reads <see cref="ToBase64"/>; null where it is none for a list of this length.</summary>
    public static OrdinalSet? FromBase64(string text, int length)
    {
        // The text says how much memory a set takes, so that a length from a damaged file takes none.
        byte[] bits = new byte[text.Length];
        if (!Convert.TryFromBase64String(text, bits, out int bytes) || bytes != ByteCount(length))
            return null;
        Array.Resize(ref bits, bytes);
        bool noneBeyond = length % 8 == 0 || bits[^1] >> (length % 8) == 0;
        return noneBeyond ? new OrdinalSet(length, bits) : null;
    }

    /// <summary>Whether an input is in the set; false for what is not in the list.</summary>
    public bool Contains(int ordinal) => ordinal >= 0 && ordinal < Length && (_bits[ordinal / 8] >> (ordinal % 8) & 1) != 0;

    /// <summary>Adds an input; false if it is there already.</summary>
    public bool Add(int ordinal)
    {
        if (Contains(ordinal))
            return false;
        _bits[ordinal / 8] |= (byte)(1 << (ordinal % 8));
        Count++;
        return true;
    }

    /// <summary>The inputs of this set that are not in another of the same list.</summary>
    public OrdinalSet Without(OrdinalSet other)
    {
        byte[] bits = [.. _bits];
        for (int i = 0; i < bits.Length; i++)
            bits[i] &= (byte)~other._bits[i];
        return new OrdinalSet(Length, bits);
    }

    /// <summary>The inputs in the list's order.</summary>
    public IEnumerator<int> GetEnumerator() => Enumerable.Range(0, Length).Where(Contains).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>As text, one character for six inputs of the list.</summary>
    public string ToBase64() => Convert.ToBase64String(_bits);

    private static int ByteCount(int length) => (int)(((long)length + 7) / 8);
}
