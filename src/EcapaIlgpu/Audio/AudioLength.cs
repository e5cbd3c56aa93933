using System.Buffers.Binary;

namespace EcapaIlgpu.Audio;

/// <summary>
/// How long a file's sound is, found without decoding it: from the header of WAV and FLAC, otherwise from the file's size. An estimate
/// that depends on nothing but the file, so that all machines that see the file agree on it.
/// </summary>
internal static class AudioLength
{
    /// <summary>What compressed speech takes a second, more or less: 64 kbit/s.</summary>
    public const int BytesPerSecondOfOthers = 8000;

    private const int FlacStreamInfoEnd = 26;

    /// <summary>Estimates a length.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Zero for what cannot be read, and for pipes and devices, which are not touched: reading would take their data.</returns>
    public static TimeSpan Estimate(string path)
    {
        try
        {
            long bytes = new FileInfo(path).Length;
            if (bytes == 0)
                return TimeSpan.Zero;
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 512);
            return TimeSpan.FromSeconds(FromHeader(file, path) ?? (double)bytes / BytesPerSecondOfOthers);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return TimeSpan.Zero;
        }
    }

    private static double? FromHeader(FileStream file, string path)
    {
        double? seconds = FromFlac(file);
        file.Position = 0;
        seconds ??= FromWav(file, path);
        // A header may claim anything; a sum of lengths must stay a number.
        return seconds is >= 0 and < 1e9 ? seconds : null;
    }

    private static double? FromWav(FileStream file, string path)
    {
        try
        {
            if (WavHeader.TryRead(file, path) is not { Format: { IsLinear: true, BlockAlign: > 0, SampleRate: > 0 } format } header)
                return null;
            long left = file.Length - file.Position;
            return (double)Math.Min(header.ClaimedBytes ?? left, left) / format.BlockAlign / format.SampleRate;
        }
        catch (InputException)
        {
            // That it is damaged is for its reader to say.
            return null;
        }
    }

    /// <summary>
    /// FLAC (RFC 9639): the STREAMINFO block always comes first and holds the sample rate in 20 bits and the number of samples in 36.
    /// </summary>
    private static double? FromFlac(FileStream file)
    {
        Span<byte> start = stackalloc byte[FlacStreamInfoEnd];
        bool isWhole = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length;
        if (!isWhole || !start.StartsWith("fLaC"u8) || (start[4] & 0x7F) != 0)
            return null;
        uint rate = BinaryPrimitives.ReadUInt32BigEndian(start[18..]) >> 12;
        ulong samples = BinaryPrimitives.ReadUInt64BigEndian(start[18..]) & 0xF_FFFF_FFFF;
        return rate > 0 && samples > 0 ? samples / (double)rate : null;
    }
}
