using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace EcapaIlgpu.Extraction;

/// <summary>
/// The names that a list has had so far, each with a number. 20 bytes are kept of a name however long it is, the first 16 of its SHA-256
/// and the number, in a table that is between three eighths and three quarters full.
/// </summary>
internal sealed class SeenNames
{
    private UInt128[] _digests = new UInt128[1024];
    private int[] _numbers = new int[1024];
    private int _count;

    /// <summary>Adds a name, unless it is there.</summary>
    /// <returns>The number that it is there with; null where it was not.</returns>
    public int? Add(string name, int number = 0)
    {
        if (_count >= _digests.Length / 4 * 3)
            Grow();
        UInt128 digest = DigestOf(name);
        int place = PlaceOf(digest);
        if (_digests[place] == digest)
            return _numbers[place];
        (_digests[place], _numbers[place]) = (digest, number);
        _count++;
        return null;
    }

    private static UInt128 DigestOf(string name)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(name.AsSpan()), hash);
        // Zero marks an empty place.
        return UInt128.Max(MemoryMarshal.Read<UInt128>(hash), 1);
    }

    /// <summary>Where a digest is, or belongs.</summary>
    private int PlaceOf(UInt128 digest)
    {
        int place = (int)(uint)digest & (_digests.Length - 1);
        while (_digests[place] != 0 && _digests[place] != digest)
            place = (place + 1) & (_digests.Length - 1);
        return place;
    }

    private void Grow()
    {
        (UInt128[] digests, int[] numbers) = (_digests, _numbers);
        _digests = new UInt128[2 * digests.Length];
        _numbers = new int[2 * digests.Length];
        for (int i = 0; i < digests.Length; i++)
        {
            if (digests[i] == 0)
                continue;
            int place = PlaceOf(digests[i]);
            (_digests[place], _numbers[place]) = (digests[i], numbers[i]);
        }
    }
}
