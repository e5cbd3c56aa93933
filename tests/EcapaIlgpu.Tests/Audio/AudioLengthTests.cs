using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Tests.Audio;

public sealed class AudioLengthTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_wav_files_length_is_that_of_its_samples()
    {
        foreach (string path in Directory.GetFiles(TestFiles.InTestdata("samples"), "*.wav"))
            Assert.Equal(AudioFile.Read(path).Duration.TotalSeconds, AudioLength.Estimate(path).TotalSeconds, 1e-4);
    }

    [Fact]
    public void A_cut_wav_file_has_the_length_of_what_is_left()
    {
        byte[] wav = File.ReadAllBytes(TestFiles.InTestdata("samples/awb_1.wav"))[..(44 + 16000)];
        Assert.Equal(0.5, AudioLength.Estimate(_folder.Write("cut.wav", wav)).TotalSeconds, 1e-6);
    }

    [Fact]
    public void A_flac_files_length_is_in_its_stream_info()
    {
        // RFC 9639, section 8.2: 44.1 kHz, 2 channels, 16 bits, 88,200 samples.
        byte[] flac =
        [
            .. "fLaC"u8, 0x80, 0, 0, 34, 16, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0x0A, 0xC4, 0x42, 0xF0, 0x00, 0x01, 0x58, 0x88, .. new byte[1000],
        ];
        Assert.Equal(2, AudioLength.Estimate(_folder.Write("a.flac", flac)).TotalSeconds, 1e-9);
        flac[21] = flac[22] = flac[23] = flac[24] = flac[25] = 0;
        Assert.Equal(flac.Length / 8000.0, AudioLength.Estimate(_folder.Write("unknown.flac", flac)).TotalSeconds, 1e-4);
    }

    [Fact]
    public void Other_files_count_by_their_size_and_what_cannot_be_read_as_nothing()
    {
        Assert.Equal(2, AudioLength.Estimate(_folder.Write("a.mp3", new byte[16000])).TotalSeconds, 1e-6);
        Assert.Equal(2, AudioLength.Estimate(_folder.Write("damaged.wav", [.. "RIFF"u8, .. new byte[15996]])).TotalSeconds, 1e-6);
        foreach (string path in new[] { _folder["none.wav"], _folder.FullPath, _folder.Write("empty.wav"), "-" })
            Assert.Equal(TimeSpan.Zero, AudioLength.Estimate(path));
    }
}
