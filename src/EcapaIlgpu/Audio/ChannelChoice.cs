using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace EcapaIlgpu.Audio;

/// <summary>
/// Which channel of a file with several becomes the speech. Channels are numbered from 0, as in ffmpeg's <c>pan=mono|c0=c1</c>,
/// torchaudio and numpy (sox counts from 1). The default value is <see cref="First"/>, which is what wespeaker takes.
/// </summary>
public readonly record struct ChannelChoice
{
    private ChannelChoice(int number, bool isMean)
    {
        Number = number;
        IsMean = isMean;
    }

    /// <summary>Channel 0.</summary>
    public static ChannelChoice First => default;

    /// <summary>The arithmetic mean of all channels.</summary>
    public static ChannelChoice Mean { get; } = new(0, isMean: true);

    /// <summary>The number of the channel, from 0; 0 for <see cref="Mean"/>.</summary>
    public int Number { get; }

    /// <summary>Whether this is <see cref="Mean"/>.</summary>
    public bool IsMean { get; }

    /// <summary>One channel.</summary>
    /// <param name="number">Its number, from 0. That a file lacks it is found when the file is read.</param>
    public static ChannelChoice Index(int number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        return new(number, isMean: false);
    }

    /// <summary>Reads <c>first</c>, <c>mean</c> or the number of a channel, from 0.</summary>
    /// <exception cref="FormatException"><paramref name="text"/> is none of these.</exception>
    public static ChannelChoice Parse(string text) => TryParse(text, out ChannelChoice choice)
        ? choice
        : throw new FormatException($"'{text}' is no channel: expected 'first', 'mean' or a number counted from 0.");

    /// <summary>Reads <c>first</c>, <c>mean</c> or the number of a channel, from 0.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ChannelChoice choice)
    {
        choice = First;
        if (string.Equals(text, "first", StringComparison.OrdinalIgnoreCase))
            return true;
        if (string.Equals(text, "mean", StringComparison.OrdinalIgnoreCase))
        {
            choice = Mean;
            return true;
        }
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            return false;
        choice = Index(number);
        return true;
    }

    /// <summary>The text that <see cref="Parse"/> reads: <c>mean</c> or the number.</summary>
    public override string ToString() => IsMean ? "mean" : Number.ToString(CultureInfo.InvariantCulture);
}
