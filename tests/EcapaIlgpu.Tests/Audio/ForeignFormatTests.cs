using System.Diagnostics;
using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Tests.Audio;

/// <summary>What is not linear WAV: libsndfile, ffmpeg, and the choice between them.</summary>
public class ForeignFormatTests
{
    private static readonly string Speech = TestFiles.InTestdata("audio/male_us_1.wav");

    private static InstalledDecoders OnlySndfile => new(SndfileLibrary.Installed, null);

    private static InstalledDecoders OnlyFfmpeg => new(null, FfmpegReader.Installed);

    [NeedsFact(typeof(ReferenceSet), typeof(Libsndfile))]
    public void Flac_and_wav_of_LibriSpeech_are_equal_to_the_bit()
    {
        Waveform wav = AudioFile.Read(TestFiles.InReference("audio/367-130732-0000.wav"));
        Waveform flac = AudioFile.Read(TestFiles.InReference("audio/eval/367/367-130732-0000.flac"));
        Assert.Equal(wav.Samples.ToArray(), flac.Samples.ToArray());
        Assert.Equal(
            wav.Samples.ToArray(), Read(TestFiles.InReference("audio/eval/367/367-130732-0000.flac"), OnlySndfile).Samples.ToArray());
    }

    [NeedsTheory(typeof(Libsndfile), typeof(Ffmpeg))]
    [InlineData("s16.flac", true)]
    [InlineData("s16.wav", true, "-c:a", "pcm_s16le")]
    [InlineData("s24.wav", true, "-c:a", "pcm_s24le")]
    [InlineData("s32.wav", true, "-c:a", "pcm_s32le")]
    [InlineData("f32.wav", true, "-c:a", "pcm_f32le")]
    [InlineData("f64.wav", true, "-c:a", "pcm_f64le")]
    [InlineData("rf64.wav", true, "-rf64", "always")]
    [InlineData("s24.flac", true, "-c:a", "flac", "-sample_fmt", "s32")]
    [InlineData("s16.aiff", true)]
    [InlineData("s16.au", true)]
    [InlineData("s16.caf", true)]
    [InlineData("alac.m4a", false, "-c:a", "alac")]
    [InlineData("s16.tta", false)]
    public void Every_lossless_format_is_equal_to_the_bit_whatever_decodes_it(string name, bool sndfileKnowsIt, params string[] encoder)
    {
        using TemporaryFolder folder = new();
        Encoder.Encode(Speech, folder[name], encoder);
        float[] expected = AudioFile.Read(Speech).Samples.ToArray();
        Assert.Equal(expected, AudioFile.Read(folder[name]).Samples.ToArray());
        Assert.Equal(expected, Read(folder[name], OnlyFfmpeg).Samples.ToArray());
        if (sndfileKnowsIt)
            Assert.Equal(expected, Read(folder[name], OnlySndfile).Samples.ToArray());
    }

    [NeedsTheory(typeof(Libsndfile), typeof(Ffmpeg))]
    [InlineData("x.mp3", true)]
    [InlineData("x.ogg", true, "-c:a", "libvorbis", "-q:a", "8")]
    [InlineData("x.opus", true, "-b:a", "64k")]
    [InlineData("x.m4a", false, "-b:a", "96k")]
    [InlineData("alaw.wav", true, "-c:a", "pcm_alaw")]
    [InlineData("mulaw.wav", true, "-c:a", "pcm_mulaw")]
    [InlineData("adpcm.wav", true, "-c:a", "adpcm_ms")]
    [InlineData("ima.wav", true, "-c:a", "adpcm_ima_wav")]
    public void Lossy_formats_keep_the_scale(string name, bool sndfileKnowsIt, params string[] encoder)
    {
        using TemporaryFolder folder = new();
        Encoder.Encode(Speech, folder[name], encoder);
        double expected = Rms(AudioFile.Read(Speech));
        Assert.InRange(Rms(AudioFile.Read(folder[name])), 0.9 * expected, 1.1 * expected);
        Assert.InRange(Rms(Read(folder[name], OnlyFfmpeg)), 0.9 * expected, 1.1 * expected);
        if (sndfileKnowsIt)
            Assert.InRange(Rms(Read(folder[name], OnlySndfile)), 0.9 * expected, 1.1 * expected);
    }

    [NeedsFact(typeof(Libsndfile), typeof(Ffmpeg))]
    public void Lossy_formats_are_not_clipped()
    {
        using TemporaryFolder folder = new();
        byte[] square = new WavBuilder { Samples = [.. Enumerable.Range(0, 16000).Select(i => i / 20 % 2 == 0 ? 0.999 : -0.999)] }.Build();
        foreach (string name in new[] { "x.mp3", "x.ogg" })
        {
            Encoder.Encode(
                folder.Write("square.wav", square), folder[name],
                name.EndsWith("ogg", StringComparison.Ordinal) ? ["-c:a", "libvorbis"] : []);
            foreach (InstalledDecoders decoders in new[] { OnlySndfile, OnlyFfmpeg })
                Assert.InRange(Read(folder[name], decoders).Samples.ToArray().Max(), 32768.5f, 65536f);
        }
    }

    [NeedsTheory(typeof(Libsndfile), typeof(Ffmpeg))]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(6)]
    public void Channels_are_chosen_alike_by_every_reader(int channels)
    {
        using TemporaryFolder folder = new();
        Random random = new(channels);
        double[] noise = [.. Enumerable.Range(0, 5000 * channels).Select(_ => random.Next(-9000, 9000) / 32768.0)];
        WavBuilder wav = new() { Channels = channels, SubFormat = WavBuilder.PcmGuid, Samples = noise };
        string path = folder.Write("many.wav", wav.Build());
        Encoder.Encode(path, folder["many.flac"]);
        foreach (ChannelChoice choice in new[] { ChannelChoice.First, ChannelChoice.Index(channels - 1), ChannelChoice.Mean })
        {
            AudioOptions options = new() { Channel = choice };
            float[] expected = AudioFile.Read(path, options).Samples.ToArray();
            Assert.Equal(expected, Read(folder["many.flac"], OnlySndfile, options).Samples.ToArray());
            Assert.Equal(expected, Read(folder["many.flac"], OnlyFfmpeg, options).Samples.ToArray());
        }
        foreach (InstalledDecoders decoders in new[] { OnlySndfile, OnlyFfmpeg })
        {
            AudioOptions beyond = new() { Channel = ChannelChoice.Index(channels) };
            InputException error = Assert.Throws<InputException>(() => Read(folder["many.flac"], decoders, beyond));
            Assert.Contains($"has {channels} channel(s)", error.Message, StringComparison.Ordinal);
        }
    }

    [NeedsTheory(typeof(Libsndfile), typeof(Ffmpeg))]
    [InlineData("x.flac")]
    [InlineData("x.m4a")] // its index lies at the end
    [InlineData("alaw.wav", "-c:a", "pcm_alaw")]
    public void Streams_that_cannot_seek_give_what_files_give(string name, params string[] encoder)
    {
        using TemporaryFolder folder = new();
        Encoder.Encode(Speech, folder[name], encoder);
        byte[] bytes = File.ReadAllBytes(folder[name]);
        float[] expected = AudioFile.Read(folder[name]).Samples.ToArray();
        Assert.Equal(expected, AudioFile.Read(new PipeStream(bytes, 4096), "pipe").Samples.ToArray());
        Assert.Equal(expected, AudioFile.Read(new MemoryStream(bytes), "memory").Samples.ToArray());
        MemoryStream later = new([1, 2, 3, .. bytes]) { Position = 3 };
        Assert.Equal(expected, AudioFile.Read(later, "memory from its fourth byte").Samples.ToArray());
    }

    [NeedsFact(typeof(Libsndfile), typeof(Ffmpeg))]
    public void Truncated_flac_is_used_with_a_warning()
    {
        using TemporaryFolder folder = new();
        Encoder.Encode(Speech, folder["x.flac"]);
        byte[] bytes = File.ReadAllBytes(folder["x.flac"]);
        string cut = folder.Write("cut.flac", bytes[..(bytes.Length / 2)]);
        float[] whole = AudioFile.Read(Speech).Samples.ToArray();
        foreach (InstalledDecoders decoders in new[] { OnlySndfile, OnlyFfmpeg })
        {
            Waveform waveform = Read(cut, decoders);
            Assert.NotEmpty(waveform.Warnings);
            Assert.InRange(waveform.Samples.Length, whole.Length / 4, whole.Length / 2 + 4608);
            Assert.Equal(whole.AsSpan(0, 16000).ToArray(), waveform.Samples[..16000].ToArray());
        }
    }

    [NeedsFact(typeof(Ffmpeg))]
    public void Names_that_look_like_options_or_addresses_are_names()
    {
        using TemporaryFolder folder = new();
        Encoder.Encode(Speech, folder["plain.flac"]);
        string[] anywhere = ["-i.flac", "a b'c.flac", "%d.flac"];
        string[] notOnWindows = ["a\"b.flac", "concat:x|y.flac"];
        foreach (string name in OperatingSystem.IsWindows() ? anywhere : [.. anywhere, .. notOnWindows])
        {
            File.Copy(folder["plain.flac"], folder[name]);
            Assert.Equal(69431, Read(folder[name], OnlyFfmpeg).Samples.Length);
        }
    }

    [Fact]
    public void Without_any_decoder_the_error_names_both_and_how_to_install_them()
    {
        InputException error = Assert.Throws<InputException>(() => Read(new MemoryStream("fLaC and more"u8.ToArray()), new(null, null)));
        string[] all = ["is not a WAV file", "libsndfile", "ffmpeg", "apt install libsndfile1", "brew install libsndfile"];
        foreach (string expected in all)
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(6, "A-law (format tag 0x0006)")]
    [InlineData(7, "mu-law (format tag 0x0007)")]
    [InlineData(0x11, "IMA ADPCM (format tag 0x0011)")]
    [InlineData(0xABCD, "an unknown codec (format tag 0xABCD)")]
    public void Without_any_decoder_the_error_names_the_codec_of_a_wav_file(int tag, string expected)
    {
        byte[] file = (WavBuilder.Int16(1, 2, 3) with { Tag = (ushort)tag }).Build();
        foreach (Stream stream in new Stream[] { new MemoryStream(file), new PipeStream(file) })
        {
            InputException error = Assert.Throws<InputException>(() => Read(stream, new(null, null)));
            Assert.Contains($"is a WAV file that holds {expected}", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Without_any_decoder_the_error_names_an_unknown_sub_format()
    {
        Guid guid = new("deadbeef-0000-0010-8000-00aa00389b71");
        byte[] file = (WavBuilder.Int16(1, 2, 3) with { SubFormat = guid }).Build();
        InputException error = Assert.Throws<InputException>(() => Read(new MemoryStream(file), new(null, null)));
        Assert.Contains($"sub-format {guid}", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("just some text that is not audio\n")]
    [InlineData("x")]
    [InlineData("RIFX0000WAVEfmt ")]
    [InlineData("RIFF0000AVI LIST")]
    [InlineData("fLaC\0\0\0\"")]
    public void What_is_not_audio_is_an_error_with_every_decoder_s_reason(string content)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("x.mp3", System.Text.Encoding.Latin1.GetBytes(content));
        InputException error = Assert.Throws<InputException>(() => AudioFile.Read(path));
        Assert.StartsWith($"{path}: is not a WAV file", error.Message, StringComparison.Ordinal);
        Assert.Contains("ffmpeg", error.Message, StringComparison.Ordinal);
        Assert.Contains("libsndfile", error.Message, StringComparison.Ordinal);
    }

    [NeedsFact(typeof(Libsndfile), typeof(Ffmpeg))]
    public void Not_finite_samples_are_found_whatever_decodes_them()
    {
        using TemporaryFolder folder = new();
        double[] samples = new double[16000];
        samples[8000] = double.NaN;
        Encoder.Encode(
            folder.Write("nan.wav", new WavBuilder { Tag = 3, Bits = 32, Samples = samples }.Build()), folder["nan.au"], "-c:a",
            "pcm_f32be");
        foreach (InstalledDecoders decoders in new[] { OnlySndfile, OnlyFfmpeg })
        {
            InputException error = Assert.Throws<InputException>(() => Read(folder["nan.au"], decoders));
            Assert.Contains("at 0.5000 s (number 8000 of channel 0) is NaN", error.Message, StringComparison.Ordinal);
        }
    }

    [NeedsFact(typeof(Unix))]
    public void A_decoder_that_hangs_is_killed()
    {
        using TemporaryFolder folder = new();
        string fake = Script(folder, "exec sleep 1000");
        InputException error = Assert.Throws<InputException>(() =>
            Read(new MemoryStream("not audio"u8.ToArray()), new(null, fake), new() { DecoderTimeLimit = TimeSpan.FromSeconds(0.2) }));
        Assert.Contains("ffmpeg was stopped after 0.2 s", error.Message, StringComparison.Ordinal);
    }

    [NeedsFact(typeof(Unix))]
    public void A_decoder_that_stops_in_the_middle_is_killed_and_its_half_is_not_taken()
    {
        using TemporaryFolder folder = new();
        string half = folder.Write("half.wav", (WavBuilder.Int16(new short[1000]) with { DataSize = uint.MaxValue }).Build());
        string fake = Script(folder, $"cat '{half}'; exec sleep 1000");
        InputException error = Assert.Throws<InputException>(() =>
            Read(new MemoryStream("not audio"u8.ToArray()), new(null, fake), new() { DecoderTimeLimit = TimeSpan.FromSeconds(0.2) }));
        Assert.Contains("ffmpeg was stopped after", error.Message, StringComparison.Ordinal);
    }

    [NeedsFact(typeof(Unix))]
    public void Cancellation_kills_the_decoder()
    {
        using TemporaryFolder folder = new();
        string fake = Script(folder, "exec sleep 1000");
        using CancellationTokenSource soon = new(TimeSpan.FromSeconds(0.2));
        Assert.ThrowsAny<OperationCanceledException>(() =>
            AudioFile.Read(new MemoryStream("not audio"u8.ToArray()), "x", null, new(null, fake), soon.Token));
    }

    [NeedsTheory(typeof(Unix))]
    [InlineData("echo 'no such codec' >&2; exit 3", "ffmpeg: no such codec")]
    [InlineData("exit 3", "ffmpeg: ended with exit code 3 and no message")]
    [InlineData("echo surprise", "did not write WAV")]
    public void What_a_decoder_says_is_passed_on(string script, string expected)
    {
        using TemporaryFolder folder = new();
        string fake = Script(folder, script);
        InputException error = Assert.Throws<InputException>(() => Read(new MemoryStream("not audio"u8.ToArray()), new(null, fake)));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [NeedsFact(typeof(Unix))]
    public void A_decoder_that_fails_late_is_a_warning()
    {
        using TemporaryFolder folder = new();
        string half = folder.Write("half.wav", (WavBuilder.Int16(new short[1000]) with { DataSize = uint.MaxValue }).Build());
        Waveform waveform = Read(
            new MemoryStream("not audio"u8.ToArray()), new(null, Script(folder, $"cat '{half}'; echo broken >&2; exit 1")));
        Assert.Equal(1000, waveform.Samples.Length);
        Assert.Equal("ffmpeg: broken.", Assert.Single(waveform.Warnings));
    }

    [Fact]
    public void A_spooled_stream_is_a_file_as_long_as_it_is_needed()
    {
        string path;
        using (SpooledFile spooled = SpooledFile.CopyOf(new PipeStream([1, 2, 3]), CancellationToken.None))
        {
            path = spooled.Path;
            Assert.Equal(3, new FileInfo(path).Length);
            Assert.Equal(1, spooled.Stream.ReadByte());
        }
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_stream_with_a_huge_header_cannot_be_handed_on_but_is_read_where_it_is_linear()
    {
        WavBuilder wav = WavBuilder.Int16(1, 2, 3) with { Between = [("JUNK", new byte[5 << 20])] };
        Assert.Equal([1, 2, 3], Read(new PipeStream(wav.Build(), 1 << 16), new(null, null)).Samples.ToArray());
        InputException error = Assert.Throws<InputException>(
            () => Read(new PipeStream((wav with { Tag = 6 }).Build(), 1 << 16), new(null, null)));
        Assert.Contains("save it in a file", error.Message, StringComparison.Ordinal);
    }

    private static string Script(TemporaryFolder folder, string commands)
    {
        // Written by another process: a file that this one had open for writing could not be run while some other test is between fork and
        // exec.
        string path = folder["fake-ffmpeg"];
        ProcessStartInfo write = new("/bin/sh", ["-c", "cat > \"$0\" && chmod +x \"$0\"", path]) { RedirectStandardInput = true };
        using Process writer = Process.Start(write)!;
        writer.StandardInput.Write("#!/bin/sh\n" + commands + "\n");
        writer.StandardInput.Close();
        writer.WaitForExit();
        return path;
    }

    private static Waveform Read(string path, InstalledDecoders decoders, AudioOptions? options = null)
    {
        // Past the WAV reader, so that a WAV file too is decoded by what is being tested.
        using FileStream file = File.OpenRead(path);
        return decoders.Read(file, path, "is not a WAV file", options ?? new(), CancellationToken.None);
    }

    private static Waveform Read(Stream stream, InstalledDecoders decoders, AudioOptions? options = null) =>
        AudioFile.Read(stream, "some.wav", options, decoders, CancellationToken.None);

    private static double Rms(Waveform waveform)
    {
        double sum = 0;
        foreach (float sample in waveform.Samples.Span)
            sum += (double)sample * sample;
        return Math.Sqrt(sum / waveform.Samples.Length);
    }
}
