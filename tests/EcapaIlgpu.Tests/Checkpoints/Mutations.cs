using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;

namespace EcapaIlgpu.Tests.Checkpoints;

/// <summary>Damages files at random, and checks that a reader only ever accepts them or throws <see cref="InputException"/>.</summary>
internal static class Mutations
{
    private static readonly long[] Interesting =
        [0, 1, -1, 7, 127, 128, 255, 65535, int.MaxValue, int.MinValue, uint.MaxValue, long.MaxValue, long.MinValue];

    /// <summary>Valid files with up to eight damages each.</summary>
    public static Gen<byte[]> Of(params byte[][] valid) =>
        from file in Gen.Elements(valid)
        from count in Gen.Choose(1, 8)
        from damages in Gen.ArrayOf(Damage, count)
        select damages.Aggregate(file, (bytes, damage) => damage(bytes));

    /// <summary>Random bytes behind a beginning that gets them past the detection of the format.</summary>
    public static Gen<byte[]> Noise(params byte[][] beginnings) =>
        from beginning in Gen.Elements(beginnings)
        from length in Gen.Choose(0, 300)
        from noise in Gen.ArrayOf(Gen.Choose(0, 255), length)
        select (byte[])[.. beginning, .. noise.Select(b => (byte)b)];

    /// <summary>Fails with the bytes if the reader throws anything else, or takes more memory than the file's size warrants.</summary>
    public static void Check(Gen<byte[]> files, int count, Action<byte[]> read)
    {
        // A fixed seed: what fails once fails again.
        Config config = Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(new Replay(new Rnd(20261122, 1), null));
        FsCheck.Check.One(config, Prop.ForAll(files.ToArbitrary(), file =>
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(file);
            }
            catch (InputException)
            {
            }
            AssertInProportion(GC.GetAllocatedBytesForCurrentThread() - before, file.Length);
        }));
    }

    /// <summary>
    /// Allocations of any age, garbage included, so what is held at a time is far less. The constant is what an exception and the
    /// framework's zip and YAML readers take for any file at all.
    /// </summary>
    public static void AssertInProportion(long allocated, int fileLength) =>
        Assert.True(allocated <= (1 << 18) + (60L * fileLength), $"{allocated} bytes were allocated for a file of {fileLength}");

    private static Gen<Func<byte[], byte[]>> Damage =>
        from kind in Gen.Choose(0, 6)
        from place in Gen.Choose(0, int.MaxValue)
        from length in Gen.Choose(1, 16)
        from value in Gen.Choose(0, 255)
        from big in Gen.Elements(Interesting)
        select (Func<byte[], byte[]>)(bytes => Apply(bytes, kind, place, length, (byte)value, big));

    private static byte[] Apply(byte[] bytes, int kind, int place, int length, byte value, long big)
    {
        if (bytes.Length == 0)
            return [value];
        int at = place % bytes.Length;
        int end = Math.Min(at + length, bytes.Length);
        byte[] copy = [.. bytes];
        switch (kind)
        {
            case 0: // another byte
                copy[at] = value;
                return copy;
            case 1: // a flipped bit
                copy[at] ^= (byte)(1 << (value % 8));
                return copy;
            case 2: // a number at the edge, in the width that a length field may have
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(number, big);
                number[..Math.Min(value % 2 == 0 ? 4 : 8, bytes.Length - at)].CopyTo(copy.AsSpan(at));
                return copy;
            case 3: // bytes gone
                return [.. bytes.AsSpan(0, at), .. bytes.AsSpan(end)];
            case 4: // bytes twice
                return [.. bytes.AsSpan(0, end), .. bytes.AsSpan(at)];
            case 5: // truncated
                return bytes[..at];
            default: // a piece of the file over another
                int from = (place / 7) % bytes.Length;
                int size = Math.Min(end - at, bytes.Length - from);
                bytes.AsSpan(from, size).CopyTo(copy.AsSpan(at));
                return copy;
        }
    }
}
