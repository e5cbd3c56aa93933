namespace EcapaIlgpu.Tests.Cli;

/// <summary>The beginning of a sample as a file of its own.</summary>
internal static class ShortSpeech
{
    private const int HeaderBytes = 44;

    /// <returns>The path written to.</returns>
    public static string Write(string path, TimeSpan duration)
    {
        int bytes = (int)(duration.TotalSeconds * 16000) * sizeof(short);
        byte[] wav = File.ReadAllBytes(TestFiles.InTestdata("samples/slt_1.wav"))[..(HeaderBytes + bytes)];
        BitConverter.TryWriteBytes(wav.AsSpan(4), wav.Length - 8);
        BitConverter.TryWriteBytes(wav.AsSpan(40), bytes);
        File.WriteAllBytes(path, wav);
        return path;
    }
}
