namespace EcapaIlgpu.Extraction;

/// <summary>How much memory reading a file takes, as far as can be told before.</summary>
internal static class ReadingMemory
{
    /// <summary>16-bit PCM at 16 kHz as float samples, and then as features or 16-bit samples.</summary>
    private const int PerByteOfPcm = 4;

    /// <summary>Compressed without loss, to half as a rule.</summary>
    private const int PerByteOfLossless = 8;

    /// <summary>64 kbit/s of a sound at 44.1 kHz, which is resampled.</summary>
    private const int PerByteOfLossy = 32;

    /// <summary>An estimate in bytes; 0 where the file cannot be looked at, which is for its reader to say.</summary>
    public static long Estimate(string path)
    {
        try
        {
            FileInfo file = new(path);
            return file.Exists ? file.Length * PerByte(file.Extension) : 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return 0;
        }
    }

    private static int PerByte(string extension) => extension.ToLowerInvariant() switch
    {
        ".flac" or ".ape" or ".wv" or ".tta" => PerByteOfLossless,
        ".mp3" or ".mp2" or ".ogg" or ".oga" or ".opus" or ".spx" or ".m4a" or ".m4b" or ".aac" or ".ac3" or ".wma" or ".amr" or ".mka"
            or ".weba" => PerByteOfLossy,
        _ => PerByteOfPcm,
    };
}
