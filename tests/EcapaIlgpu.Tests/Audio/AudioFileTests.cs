using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Tests.Audio;

public class AudioFileTests
{
    [Fact]
    public void The_result_is_at_the_rate_asked_for()
    {
        string path = TestFiles.InTestdata("audio/male_us_1_44100.wav");
        Assert.Equal(16000, AudioFile.Read(path).SampleRate);
        Waveform waveform = AudioFile.Read(path, new() { SampleRate = 8000 });
        Assert.Equal(8000, waveform.SampleRate);
        Assert.InRange(waveform.Duration.TotalSeconds, 0.79, 0.81);
        Assert.Throws<ArgumentOutOfRangeException>(() => AudioFile.Read(path, new() { SampleRate = 1000 }));
    }

    [Fact]
    public void Warnings_survive_resampling()
    {
        byte[] file = (WavBuilder.Int16(new short[8000]) with { SampleRate = 8000 }).Build();
        Waveform waveform = AudioFile.Read(new MemoryStream(file[..9000]), "cut.wav");
        Assert.Equal(16000, waveform.SampleRate);
        Assert.Single(waveform.Warnings);
    }

    [Fact]
    public void A_name_says_nothing_about_what_a_file_is()
    {
        using TemporaryFolder folder = new();
        Assert.Equal([1, 2, 3], AudioFile.Read(folder.Write("x.mp3", WavBuilder.Int16(1, 2, 3).Build())).Samples.ToArray());
    }

    [Fact]
    public void Files_that_cannot_be_opened_are_errors_that_name_them()
    {
        using TemporaryFolder folder = new();
        AssertFails(folder["nothing.wav"], "no such file");
        AssertFails(Path.Combine(folder.FullPath, "no", "folder.wav"), "no such file");
        AssertFails(folder.FullPath, "is a folder");
        AssertFails(folder.Write("empty.wav", []), "is empty (0 bytes)");
        AssertFails("with a \0 in it", "cannot be opened");
    }

    [Fact]
    public void A_stream_that_fails_is_an_error_that_names_it()
    {
        InputException error = Assert.Throws<InputException>(
            () => AudioFile.Read(new BrokenStream(WavBuilder.Int16(1, 2, 3).Build()), "tape"));
        Assert.Equal("tape: cannot be read: the disk is gone", error.Message);
    }

    [NeedsFact(typeof(Libsndfile))]
    public void A_stream_that_fails_inside_libsndfile_is_an_error_that_names_it()
    {
        InputException error = Assert.Throws<InputException>(
            () => AudioFile.Read(new BrokenStream([.. "fLaC"u8, .. new byte[40]]), "tape"));
        Assert.Equal("tape: cannot be read: the disk is gone", error.Message);
    }

    [Fact]
    public void Cancellation_stops_reading()
    {
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();
        byte[] file = WavBuilder.Int16(new short[100_000]).Build();
        Assert.ThrowsAny<OperationCanceledException>(() => AudioFile.Read(new MemoryStream(file), "x", null, cancelled.Token));
        Assert.ThrowsAny<OperationCanceledException>(
            () => AudioFile.Read(new PipeStream("not audio"u8.ToArray()), "x", null, cancelled.Token));
    }

    [Fact]
    public void Many_threads_read_different_rates_at_once()
    {
        string[] names = ["male_us_1_8000.wav", "male_us_1_22050.wav", "male_us_1_44100.wav", "male_us_1_48000.wav"];
        float[][] alone = [.. names.Select(name => AudioFile.Read(TestFiles.InTestdata($"audio/{name}")).Samples.ToArray())];
        Parallel.For(
            0, 32, i => Assert.Equal(alone[i % 4], AudioFile.Read(TestFiles.InTestdata($"audio/{names[i % 4]}")).Samples.ToArray()));
    }

    [Fact]
    public void Extensions_are_looked_up_in_any_case()
    {
        Assert.Contains(".WAV", AudioFile.Extensions);
        Assert.Contains(".flac", AudioFile.Extensions);
        Assert.DoesNotContain(".txt", AudioFile.Extensions);
    }

    private static void AssertFails(string path, string expected)
    {
        InputException error = Assert.Throws<InputException>(() => AudioFile.Read(path));
        Assert.Equal(path, error.InputName);
        Assert.Contains(expected, error.Problem, StringComparison.Ordinal);
    }

    /// <summary>Gives its first bytes and then fails, as a network drive may.</summary>
    private sealed class BrokenStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override int Read(byte[] buffer, int offset, int count) =>
            Position >= 40 ? throw new IOException("the disk is gone") : base.Read(buffer, offset, (int)Math.Min(count, 40 - Position));
    }
}
