using EcapaIlgpu.Audio;
using FsCheck;
using FsCheck.Fluent;

namespace EcapaIlgpu.Tests.Audio;

/// <summary>Damaged files of every kind give a waveform or an <see cref="InputException"/>, in memory bounded by their size.</summary>
public class WavMutationTests
{
    /// <summary>
    /// Fixed memory of one read: stream buffers and, for a short file of an awkward rate, a message or two. Per byte: an 8-bit sample
    /// becomes a float (4), and from 4000 Hz four floats more (16); filters of one row per output sample at most (13 taps * 4 bytes * 4
    /// samples).
    /// </summary>
    private const long FixedBytes = 300_000;
    private const long BytesPerByte = 4 + 16 + 13 * 16;

    private static readonly InstalledDecoders NoDecoders = new(null, null);

    private static readonly WavBuilder[] Kinds =
    [
        WavBuilder.Int16([.. Enumerable.Range(0, 400).Select(i => (short)(i * 37))]),
        new() { Bits = 8, Channels = 2, Samples = new double[301], SampleRate = 44100 },
        new() { Bits = 24, Channels = 3, SubFormat = WavBuilder.PcmGuid, Samples = new double[300], SampleRate = 8000 },
        new() { Bits = 32, Tag = 3, Samples = new double[200], Between = [("LIST", new byte[25]), ("fact", new byte[4])] },
        new()
        {
            Bits = 64,
            SubFormat = WavBuilder.FloatGuid,
            Samples = new double[100],
            DataFirst = true,
            Before = [("JUNK", new byte[9])],
        },
        new() { Bits = 32, Id = "RF64", Samples = new double[150], After = [("id3 ", new byte[31])] },
        new() { Id = "BW64", Samples = new double[150], DataSize = uint.MaxValue, Ds64DataSize = 0, RiffSize = uint.MaxValue },
    ];

    private static readonly byte[][] Files = [.. Kinds.Select(kind => kind.Build())];

    /// <summary>What damage puts in the place of a number: what a size or count must never be trusted with.</summary>
    private static readonly uint[] Nasty =
    [
        0, 1, 2, 3, 7, 15, 16, 17, 255, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FF00, 0xFFFF_FFFE, 0xFFFF_FFFF,
    ];

    [Fact]
    public void Random_bytes() => Check(ArbMap.Default.GeneratorFor<byte[]>());

    [Fact]
    public void Random_bytes_after_a_RIFF_header() => Check(
        from body in ArbMap.Default.GeneratorFor<byte[]>()
        from head in Gen.Elements("RIFF\0\0\0\0WAVE", "RF64\0\0\0\0WAVEds64", "RIFF\0\0\0\0WAVEfmt ", "RIFF\0\0\0\0WAVEdata", "BW64")
        select (byte[])[.. System.Text.Encoding.Latin1.GetBytes(head), .. body]);

    [Fact]
    public void Valid_files_with_bytes_changed() => Check(
        from file in Gen.Elements(Files)
        from changes in Gen.NonEmptyListOf(Gen.Zip(Position(file), Gen.Choose(0, 255)))
        select Changed(file, bytes =>
        {
            foreach ((int at, int value) in changes.Take(8))
                bytes[at] = (byte)value;
        }));

    [Fact]
    public void Valid_files_with_sizes_and_counts_changed() => Check(
        from file in Gen.Elements(Files)
        from at in Gen.Choose(0, Math.Min(file.Length, 140) - 4)
        from value in Gen.Elements(Nasty)
        select Changed(file, bytes => BitConverter.TryWriteBytes(bytes.AsSpan(at), value)));

    [Fact]
    public void Valid_files_cut_off_or_extended() => Check(
        from file in Gen.Elements(Files)
        from length in Gen.Choose(0, file.Length)
        from more in ArbMap.Default.GeneratorFor<byte[]>()
        select (byte[])[.. file[..length], .. more]);

    [Fact]
    public void Chunks_in_any_order_and_number() => Check(
        from file in Gen.Elements(Files)
        from pieces in Gen.ListOf(Gen.Zip(Position(file), Gen.Choose(1, 60)))
        select (byte[])[.. file[..12], .. pieces.SelectMany(piece => file.Skip(piece.Item1).Take(piece.Item2)), .. file[12..]]);

    [Fact]
    public void What_a_pipe_gives_is_what_a_file_gives()
    {
        Property same = Prop.ForAll(
            (from file in Gen.Elements(Files)
             from at in Position(file)
             from value in Gen.Choose(0, 255)
             select Changed(file, bytes => bytes[at] = (byte)value)).ToArbitrary(),
            file =>
            {
                (Waveform? fromFile, InputException? fileError) = Read(new MemoryStream(file));
                (Waveform? fromPipe, InputException? pipeError) = Read(new PipeStream(file, 100));
                Assert.Equal(fileError is null, pipeError is null);
                Assert.Equal(fromFile?.Samples.ToArray(), fromPipe?.Samples.ToArray());
            });
        same.Check(Seeded(400));
    }

    private static Gen<int> Position(byte[] file) => Gen.Choose(0, file.Length - 1);

    private static byte[] Changed(byte[] file, Action<byte[]> change)
    {
        byte[] copy = [.. file];
        change(copy);
        return copy;
    }

    private static void Check(Gen<byte[]> files)
    {
        // The first read pays for what is made once: code, pools.
        _ = Read(new MemoryStream(Files[1]));
        Property bounded = Prop.ForAll(files.ToArbitrary(), file =>
        {
            foreach (Stream stream in new Stream[] { new MemoryStream(file), new PipeStream(file, 1000) })
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                (Waveform? waveform, InputException? error) = Read(stream);
                long taken = GC.GetAllocatedBytesForCurrentThread() - before;
                Assert.True(waveform is null != error is null);
                Assert.True(taken <= FixedBytes + BytesPerByte * file.Length, $"{taken} bytes for a file of {file.Length}");
                if (waveform is not null)
                    Assert.DoesNotContain(waveform.Samples.ToArray(), sample => !float.IsFinite(sample));
            }
        });
        bounded.Check(Seeded(600));
    }

    private static Config Seeded(int tests) => Config.QuickThrowOnFailure.WithMaxTest(tests).WithReplay(20260515, 7);

    private static (Waveform? Waveform, InputException? Error) Read(Stream stream)
    {
        try
        {
            return (AudioFile.Read(stream, "mutant.wav", null, NoDecoders, CancellationToken.None), null);
        }
        catch (InputException error)
        {
            return (null, error);
        }
    }
}
