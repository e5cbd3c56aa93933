namespace EcapaIlgpu.Audio;

/// <summary>
/// Lets the header of a stream that cannot seek be looked at and handed to another reader: keeps what is read until <see cref="Forget"/>,
/// and <see cref="Rewind"/> gives it out again.
/// </summary>
/// <param name="inner">The stream; stays the caller's.</param>
/// <param name="source">The file, for messages.</param>
internal sealed class RewindableStream(Stream inner, string source) : ForwardStream
{
    // Chunks before the samples (artwork, padding) are rarely beyond a few hundred kilobytes; a stream of more cannot be handed on.
    private const int MostKept = 4 << 20;

    private readonly MemoryStream _kept = new();
    private bool _keeping = true;
    private bool _lost;

    /// <summary>Goes back to the start and stops keeping.</summary>
    public void Rewind()
    {
        if (_lost)
        {
            throw new InputException(source, $"cannot be decoded while it streams (its header takes more than {MostKept >> 20} MiB): "
                + "save it in a file and give that.");
        }
        _keeping = false;
        _kept.Position = 0;
    }

    /// <summary>What was read is needed no more.</summary>
    public void Forget()
    {
        _keeping = false;
        _kept.SetLength(0);
    }

    public override int Read(Span<byte> buffer)
    {
        int replayed = _kept.Read(buffer);
        if (replayed > 0 || buffer.IsEmpty)
            return replayed;
        int got = inner.Read(buffer);
        if (_keeping)
            Keep(buffer[..got]);
        return got;
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (_kept.Length + bytes.Length <= MostKept)
        {
            _kept.Write(bytes);
            return;
        }
        Forget();
        _lost = true;
    }
}
