namespace EcapaIlgpu.Engines.Kernels;

/// <summary>
/// Where channels lie in a row on the device: in splits of which each starts at a multiple of four, because kernels move four
/// channels at a time. The channels in between have zero weights and hold zeros; networks of 512 and 1024 channels have none.
/// </summary>
/// <param name="Splits">Splits of a row.</param>
/// <param name="Width">Channels of a split.</param>
internal readonly record struct ChannelLayout(int Splits, int Width)
{
    /// <summary>A row without splits.</summary>
    public static ChannelLayout Plain(int channels) => new(1, channels);

    /// <summary>Channels of the network.</summary>
    public int Channels => Splits * Width;

    /// <summary>Quads of a split.</summary>
    public int SplitQuads => (Width + 3) / 4;

    /// <summary>Quads of a row.</summary>
    public int Quads => Splits * SplitQuads;

    /// <summary>Numbers of a row.</summary>
    public int Padded => 4 * Quads;

    /// <summary>Where a channel of the network lies in a row.</summary>
    public int Position(int channel) => (channel / Width * SplitQuads * 4) + (channel % Width);

    /// <summary>The same channels several times side by side.</summary>
    public ChannelLayout Repeat(int times) => this with { Splits = Splits * times };
}
