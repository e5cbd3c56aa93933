using System.Globalization;
using EcapaIlgpu.Audio;

namespace EcapaIlgpu.Features;

/// <summary>From sound to what the network reads: filterbank rows with their mean removed. Thread-safe.</summary>
public sealed class FeatureExtractor
{
    private readonly Fbank _fbank = new();

    /// <summary>The features of one utterance.</summary>
    /// <param name="waveform">Sound at 16 kHz.</param>
    /// <param name="name">What to call it in an error: the file's path as a rule.</param>
    /// <returns>Row-major <c>[Fbank.FrameCount(samples), 80]</c>.</returns>
    /// <exception cref="InputException">Shorter than one frame of 25 ms.</exception>
    /// <exception cref="ArgumentException">Not at 16 kHz.</exception>
    public float[] Compute(Waveform waveform, string name)
    {
        ArgumentNullException.ThrowIfNull(waveform);
        RequireFrame(waveform, name);
        float[] rows = new float[checked(Fbank.FrameCount(waveform.Samples.Length) * Fbank.MelBins)];
        Compute(waveform, rows);
        return rows;
    }

    /// <summary>The features of one utterance of at least one frame, at 16 kHz.</summary>
    /// <param name="waveform">Sound that <see cref="RequireFrame"/> let pass.</param>
    /// <param name="rows">Receives <c>[Fbank.FrameCount(samples), 80]</c>; exactly that long.</param>
    internal void Compute(Waveform waveform, Span<float> rows)
    {
        _fbank.Compute(waveform.Samples.Span, rows);
        MeanNormalization.Apply(rows, Fbank.MelBins);
    }

    /// <summary>Refuses sound that has not even one frame.</summary>
    /// <inheritdoc cref="Compute(Waveform, string)" path="/param|/exception"/>
    internal static void RequireFrame(Waveform waveform, string name)
    {
        if (waveform.SampleRate != Fbank.SampleRate)
        {
            throw new ArgumentException(
                $"{name} is at {waveform.SampleRate} Hz; resample it to {Fbank.SampleRate} Hz first.", nameof(waveform));
        }
        int samples = waveform.Samples.Length;
        if (samples < Fbank.FrameLength)
        {
            throw new InputException(name, string.Create(
                CultureInfo.InvariantCulture,
                $"too short: {Milliseconds(samples):0.###} ms of sound ({samples} samples at 16 kHz); at least ")
                + $"{Milliseconds(Fbank.FrameLength)} ms ({Fbank.FrameLength} samples) are needed, and good embeddings need 2 s or more.");
        }
    }

    private static double Milliseconds(int samples) => samples * 1000.0 / Fbank.SampleRate;
}
