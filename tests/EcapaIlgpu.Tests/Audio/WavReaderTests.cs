using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Tests.Audio;

public class WavReaderTests
{
    /// <summary>Values that every encoding of 8 bits and more holds exactly.</summary>
    private static readonly double[] Exact = [0, 0.5, -0.5, 1 / 128.0, -1 / 128.0, 127 / 128.0, -1];

    public static TheoryData<int, ushort, bool> Encodings => new()
    {
        { 8, 1, false }, { 16, 1, false }, { 24, 1, false }, { 32, 1, false }, { 32, 3, false }, { 64, 3, false },
        { 8, 1, true }, { 16, 1, true }, { 24, 1, true }, { 32, 1, true }, { 32, 3, true }, { 64, 3, true },
    };

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Every_encoding_gives_the_same_numbers_at_int16_scale(int bits, ushort tag, bool extensible)
    {
        Guid guid = tag == 1 ? WavBuilder.PcmGuid : WavBuilder.FloatGuid;
        WavBuilder wav = new() { Bits = bits, Tag = tag, Samples = Exact, SubFormat = extensible ? guid : null };
        AssertReads([.. Exact.Select(v => (float)(v * 32768))], wav.Build());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    [InlineData(64)]
    public void The_channel_asked_for_is_read(int channels)
    {
        double[] interleaved = [.. Enumerable.Range(0, 100 * channels).Select(i => ((i / channels) + 100 * (i % channels)) / 32768.0)];
        byte[] file = new WavBuilder { Channels = channels, Samples = interleaved }.Build();
        for (int channel = 0; channel < channels; channel++)
            AssertReads([.. Enumerable.Range(0, 100).Select(i => i + 100f * channel)], file, ChannelChoice.Index(channel));
        AssertReads([.. Enumerable.Range(0, 100).Select(i => i + 50f * (channels - 1))], file, ChannelChoice.Mean);
    }

    [Fact]
    public void A_missing_channel_is_an_error_that_says_how_many_there_are()
    {
        byte[] stereo = (WavBuilder.Int16(1, 2, 3, 4) with { Channels = 2 }).Build();
        AssertFails(stereo, "has 2 channel(s), numbered from 0: channel 2", new() { Channel = ChannelChoice.Index(2) });
    }

    [Fact]
    public void Twenty_bits_in_three_bytes_are_left_aligned() =>
        AssertReads([0.5f, -0.5f], new WavBuilder { Bits = 20, RawSamples = [0x80, 0, 0, 0x80, 0xFF, 0xFF] }.Build());

    [Fact]
    public void All_24_bits_survive()
    {
        WavBuilder wav = new() { Bits = 24, RawSamples = [1, 0, 0, 1, 0, 0x80, 0xFF, 0xFF, 0x7F] };
        AssertReads([1 / 256f, -32768 + 1 / 256f, 8388607 / 256f], wav.Build());
    }

    [Fact]
    public void Floats_beyond_full_scale_are_kept() =>
        AssertReads([49152, -65536], new WavBuilder { Tag = 3, Bits = 32, Samples = [1.5, -2] }.Build());

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Odd_chunks_anywhere_with_and_without_padding(bool padded)
    {
        WavBuilder wav = WavBuilder.Int16(1, 2, 3) with
        {
            Before = [("bext", new byte[603]), ("JUNK", [])],
            Between = [("LIST", [1, 2, 3, 4, 5]), ("fact", new byte[4]), ("odd ", [9])],
            After = [("id3 ", [1])],
            Padded = padded,
        };
        AssertReads([1, 2, 3], wav.Build());
    }

    [Fact]
    public void Samples_of_odd_size_before_another_chunk() =>
        AssertReads([-32768, 0, 256], new WavBuilder { Bits = 8, RawSamples = [0, 128, 129], After = [("LIST", new byte[10])] }.Build());

    [Fact]
    public void Samples_before_their_format()
    {
        WavBuilder wav =
            WavBuilder.Int16(1, 2, 3) with { DataFirst = true, Before = [("LIST", new byte[3])], Between = [("JUNK", new byte[5])] };
        AssertReads([1, 2, 3], wav.Build());
        AssertReads([-32768, 0, 256], new WavBuilder { Bits = 8, RawSamples = [0, 128, 129], DataFirst = true }.Build());
    }

    [Fact]
    public void Samples_of_unknown_size_before_their_format_are_an_error() =>
        AssertFails((WavBuilder.Int16(1, 2, 3) with { DataFirst = true, DataSize = uint.MaxValue }).Build(), "does not say how many");

    [Theory]
    [InlineData("RF64")]
    [InlineData("BW64")]
    public void Sizes_of_64_bits(string id)
    {
        WavBuilder wav = WavBuilder.Int16(1, 2, 3) with { Id = id, RiffSize = uint.MaxValue, After = [("LIST", new byte[10])] };
        AssertReads([1, 2, 3], wav.Build());
        // Written to a pipe: nothing was filled in.
        AssertReads([1, 2, 3], (wav with { Ds64DataSize = 0, After = [] }).Build());
        // Small enough that the 32-bit size was kept.
        AssertReads([1, 2, 3], (wav with { Ds64DataSize = 0, DataSize = 6 }).Build());
    }

    [Fact]
    public void A_64_bit_size_beyond_the_file_is_truncation()
    {
        byte[] file = (WavBuilder.Int16(1, 2, 3) with { Id = "RF64", Ds64DataSize = 1UL << 40 }).Build();
        AssertReads([1, 2, 3], file, warning: "cut off");
        AssertReads([1, 2, 3], (WavBuilder.Int16(1, 2, 3) with { Id = "RF64", Ds64DataSize = ulong.MaxValue }).Build());
    }

    [Theory]
    [InlineData(0u, 0u)]
    [InlineData(0u, null)]
    [InlineData(36u, 0u)]
    [InlineData(uint.MaxValue, uint.MaxValue)]
    [InlineData(null, uint.MaxValue)]
    [InlineData(0x7FFFF024u, 0x7FFFF000u)] // sox
    [InlineData(null, 0x7FFFFFFFu)]
    [InlineData(null, 0u)]
    public void A_size_that_was_never_filled_in_means_to_the_end(uint? riffSize, uint? dataSize) =>
        AssertReads([1, 2, 3, 4], (WavBuilder.Int16(1, 2, 3, 4) with { RiffSize = riffSize, DataSize = dataSize ?? 0 }).Build());

    [Fact]
    public void No_samples_before_another_chunk_are_no_samples()
    {
        byte[] file = (WavBuilder.Int16() with { After = [("LIST", new byte[40])] }).Build();
        Assert.Equal(0, Read(new MemoryStream(file)).Samples.Length);
    }

    [Fact]
    public void Truncated_samples_are_used_with_a_warning()
    {
        byte[] file = WavBuilder.Int16([.. Enumerable.Range(0, 16000).Select(i => (short)i)]).Build();
        // Cut within a sample.
        Waveform waveform = Read(new MemoryStream(file[..(44 + 8001)]));
        Assert.Equal(4000, waveform.Samples.Length);
        Assert.Contains("claims 1.000 s and 0.250 s are there", Assert.Single(waveform.Warnings), StringComparison.Ordinal);
        Assert.Equal(waveform.Warnings, Read(new PipeStream(file[..(44 + 8001)], 4096)).Warnings);
    }

    [Fact]
    public void A_stream_is_read_from_where_it_stands()
    {
        MemoryStream stream = new([9, 9, 9, .. (WavBuilder.Int16(1, 2, 3) with { DataFirst = true }).Build()]) { Position = 3 };
        Assert.Equal([1, 2, 3], Read(stream).Samples.ToArray());
    }

    [Fact]
    public void Silence_works() => AssertReads(new float[1000], WavBuilder.Int16(new short[1000]).Build());

    public static TheoryData<string, byte[]> Damaged
    {
        get
        {
            WavBuilder wav = WavBuilder.Int16(1, 2, 3);
            byte[] good = wav.Build();
            return new()
            {
                { "is empty (0 bytes)", [] },
                { "cut off after 4 bytes", good[..4] },
                { "cut off after 11 bytes", good[..11] },
                { "without a data chunk", good[..12] },
                { "cut off inside its fmt chunk", good[..25] },
                { "without a data chunk", good[..40] },
                { "fmt chunk of 14 bytes", [.. good[..16], 14, 0, 0, 0, .. good[20..]] },
                { "cut off inside its chunk 'LIST'", (wav with { Between = [("LIST", new byte[8])] }).Build()[..48] },
                { "cut off inside its fmt chunk", [.. good[..16], 0xFF, 0xFF, 0xFF, 0xFF, .. good[20..]] },
                { "has no channels", (wav with { Channels = 0 }).Build() },
                { "sample rate of 0 Hz", (wav with { SampleRate = 0 }).Build() },
                { "sample rate of 3999 Hz", (wav with { SampleRate = 3999 }).Build() },
                { "sample rate of 384001 Hz", (wav with { SampleRate = 384001 }).Build() },
                { "sample rate of 4294967295 Hz", (wav with { SampleRate = uint.MaxValue }).Build() },
                { "make blocks of 2 bytes, but it says 4", (wav with { BlockAlign = 4 }).Build() },
                { "make blocks of 2 bytes, but it says 0", (wav with { BlockAlign = 0 }).Build() },
                { "with 0 bits per sample", (wav with { Bits = 0 }).Build() },
                { "with 40 bits per sample", (wav with { Bits = 40, RawSamples = [] }).Build() },
                { "with 16 bits per sample: expected PCM of 1 to 32 bits or float", (wav with { Tag = 3 }).Build() },
                { "WAVE_FORMAT_EXTENSIBLE in a fmt chunk of 16", [.. good[..20], 0xFE, 0xFF, .. good[22..]] },
                { "ds64 chunk of 3 bytes", (wav with { Id = "RF64", Before = [("ds64", new byte[3])] }).Build() },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Damaged))]
    public void Damage_is_an_error_that_says_what_was_found(string expected, byte[] file) => AssertFails(file, expected);

    [Theory]
    [InlineData(double.NaN, "is NaN")]
    [InlineData(double.PositiveInfinity, "is infinite")]
    [InlineData(double.NegativeInfinity, "is infinite")]
    [InlineData(1e300, "is infinite or beyond what a float holds")]
    public void Samples_that_are_no_numbers_are_an_error_that_says_where(double bad, string expected)
    {
        double[] samples = new double[200_000];
        samples[2 * 40_000 + 1] = bad;
        byte[] file = new WavBuilder { Tag = 3, Bits = 64, Channels = 2, Samples = samples }.Build();
        AssertFails(file, "at 2.5000 s (number 40000 of channel 1) " + expected, new() { Channel = ChannelChoice.Index(1) });
        AssertFails(file, "at 2.5000 s (number 40000 of channel mean) " + expected, new() { Channel = ChannelChoice.Mean });
        // It is not the business of whoever listens to the other channel.
        Assert.Equal(100_000, Read(new MemoryStream(file)).Samples.Length);
    }

    [Fact]
    public void Longer_than_allowed_is_an_error()
    {
        byte[] file = WavBuilder.Int16(new short[32000]).Build();
        AssertFails(file, "is longer than 00:00:01", new() { MaximumDuration = TimeSpan.FromSeconds(1) });
        AssertReads(new float[32000], file, options: new() { MaximumDuration = TimeSpan.FromSeconds(2) });
    }

    [Fact]
    public void One_channel_of_many_takes_the_memory_of_one()
    {
        const int frames = 500_000;
        byte[] file = new WavBuilder { Channels = 8, RawSamples = new byte[frames * 8 * 2] }.Build();
        MemoryStream stream = new(file);
        _ = Read(new MemoryStream(file[..2000]));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(frames, Read(stream).Samples.Length);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, frames * 4, frames * 4 + 200_000);
    }

    /// <summary>Reads it both ways, and without any other decoder to fall back on.</summary>
    private static void AssertReads(
        float[] expected, byte[] file, ChannelChoice channel = default, string? warning = null, AudioOptions? options = null)
    {
        foreach (Stream stream in new Stream[] { new MemoryStream(file), new PipeStream(file, file.Length > 1000 ? 1000 : 7) })
        {
            Waveform waveform = Read(stream, (options ?? new()) with { Channel = channel });
            Assert.Equal(expected, waveform.Samples.ToArray());
            Assert.Equal(16000, waveform.SampleRate);
            if (warning is null)
                Assert.Empty(waveform.Warnings);
            else
                Assert.Contains(warning, Assert.Single(waveform.Warnings), StringComparison.Ordinal);
        }
    }

    private static void AssertFails(byte[] file, string expected, AudioOptions? options = null)
    {
        foreach (Stream stream in new Stream[] { new MemoryStream(file), new PipeStream(file, file.Length > 1000 ? 1000 : 7) })
        {
            InputException error = Assert.Throws<InputException>(() => Read(stream, options));
            Assert.StartsWith("some.wav: ", error.Message, StringComparison.Ordinal);
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        }
    }

    private static Waveform Read(Stream stream, AudioOptions? options = null) =>
        AudioFile.Read(stream, "some.wav", options, new InstalledDecoders(null, null), CancellationToken.None);
}
