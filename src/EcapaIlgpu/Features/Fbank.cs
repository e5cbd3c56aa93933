using System.Runtime.Intrinsics;

namespace EcapaIlgpu.Features;

/// <summary>
/// Kaldi's log-mel filterbank as wespeaker uses it: 16 kHz, 25 ms frames every 10 ms, whole frames only (<c>snip_edges</c>), frame mean
/// removed, pre-emphasis 0.97, Hamming window, 512-point power spectrum, 80 mel triangles from 20 Hz to 8 kHz, natural logarithm
/// floored at 2^-23. No dither.
/// </summary>
/// <remarks>
/// Thread-safe. A frame's row depends on its 400 samples alone, to the bit: not on its neighbours, not on how the frames are
/// split among calls or threads, not on the width of the machine's vectors. Each thread that computes keeps about 100 KB of scratch.
/// Source: <c>kaldi.fbank(num_mel_bins=80, window_type='hamming')</c>, as called in wespeaker/cli/speaker.py.
/// </remarks>
public sealed class Fbank
{
    /// <summary>Samples per second that the filters are laid out for.</summary>
    public const int SampleRate = 16000;

    /// <summary>Numbers per frame.</summary>
    public const int MelBins = 80;

    /// <summary>Samples in a frame, 25 ms.</summary>
    public const int FrameLength = 400;

    /// <summary>Samples from the start of a frame to the start of the next, 10 ms.</summary>
    public const int FrameShift = 160;

    private readonly int _vectorBits;

    /// <summary>A filterbank at the widest vectors of this machine.</summary>
    public Fbank()
        : this(Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128)
    {
    }

    /// <summary>A filterbank at a given vector width, which runs (slowly) where the machine has no such vectors.</summary>
    internal Fbank(int vectorBits) => _vectorBits = vectorBits;

    /// <summary>Frames in <paramref name="samples"/> samples: 1 + floor((samples - 400) / 160), or 0 below 400.</summary>
    public static int FrameCount(int samples)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(samples);
        return samples < FrameLength ? 0 : 1 + ((samples - FrameLength) / FrameShift);
    }

    /// <summary>All frames of a signal.</summary>
    /// <param name="samples">16 kHz samples, full scale ±32768; at least 400.</param>
    /// <returns>Log-mel energies, row-major <c>[FrameCount(samples.Length), 80]</c>.</returns>
    /// <exception cref="ArgumentException">Fewer than 400 samples.</exception>
    public float[] Compute(ReadOnlySpan<float> samples)
    {
        float[] rows = new float[checked(FrameCount(samples.Length) * MelBins)];
        Compute(samples, rows);
        return rows;
    }

    /// <summary>All frames of a signal.</summary>
    /// <param name="samples">16 kHz samples, full scale ±32768; at least 400.</param>
    /// <param name="rows">Receives the log-mel energies, row-major <c>[FrameCount(samples.Length), 80]</c>; exactly that long.</param>
    /// <exception cref="ArgumentException">Fewer than 400 samples, or <paramref name="rows"/> of another length.</exception>
    public void Compute(ReadOnlySpan<float> samples, Span<float> rows)
    {
        int frames = FrameCount(samples.Length);
        if (frames == 0)
            throw new ArgumentException($"{samples.Length} samples do not fill a frame of {FrameLength}.", nameof(samples));
        Compute(samples, 0, frames, rows);
    }

    /// <summary>A range of a signal's frames, the same bits as in the whole: for splitting a long signal among threads.</summary>
    /// <param name="samples">The whole signal: 16 kHz samples, full scale ±32768.</param>
    /// <param name="firstFrame">First frame to compute.</param>
    /// <param name="frameCount">How many frames; may be 0.</param>
    /// <param name="rows">Receives the log-mel energies, row-major <c>[frameCount, 80]</c>; exactly that long.</param>
    /// <exception cref="ArgumentException">The signal has no such frames, or <paramref name="rows"/> is of another length.</exception>
    public void Compute(ReadOnlySpan<float> samples, int firstFrame, int frameCount, Span<float> rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstFrame);
        ArgumentOutOfRangeException.ThrowIfNegative(frameCount);
        if (frameCount > FrameCount(samples.Length) - firstFrame)
        {
            throw new ArgumentException(
                $"Frames {firstFrame} to {(long)firstFrame + frameCount - 1} of a signal of {FrameCount(samples.Length)}.",
                nameof(frameCount));
        }
        if (rows.Length != (long)frameCount * MelBins)
            throw new ArgumentException($"Room for {rows.Length} numbers; {frameCount} rows of {MelBins} are computed.", nameof(rows));
        if (frameCount == 0)
            return;
        ReadOnlySpan<float> covered = samples.Slice(firstFrame * FrameShift, ((frameCount - 1) * FrameShift) + FrameLength);
        switch (_vectorBits)
        {
            case 512:
                FbankBlock<Lanes512>.Compute(covered, rows);
                break;
            case 256:
                FbankBlock<Lanes256>.Compute(covered, rows);
                break;
            default:
                FbankBlock<Lanes128>.Compute(covered, rows);
                break;
        }
    }
}
