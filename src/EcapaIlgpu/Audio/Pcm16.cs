using System.Numerics;
using System.Runtime.InteropServices;

namespace EcapaIlgpu.Audio;

/// <summary>Samples as 16-bit integers, half as many bytes as floats, where that loses nothing; and back.</summary>
internal static class Pcm16
{
    /// <summary>Converts samples that 16-bit integers hold exactly, as those of 8- and 16-bit files that were not resampled do.</summary>
    /// <param name="samples">Finite samples, full scale ±32768.</param>
    /// <param name="pcm">Receives as many; undefined where the result is false.</param>
    /// <returns>Whether every sample is a whole number from -32768 to 32767.</returns>
    public static bool TryConvert(ReadOnlySpan<float> samples, Span<short> pcm)
    {
        int lanes = Vector<float>.Count, i = 0;
        ref float from = ref MemoryMarshal.GetReference(samples);
        ref short to = ref MemoryMarshal.GetReference(pcm[..samples.Length]);
        for (; i <= samples.Length - (2 * lanes); i += 2 * lanes)
        {
            Vector<float> low = Vector.LoadUnsafe(ref from, (nuint)i), high = Vector.LoadUnsafe(ref from, (nuint)(i + lanes));
            Vector<short> whole = Vector.Narrow(Vector.ConvertToInt32(low), Vector.ConvertToInt32(high));
            // Narrowing drops bits and conversion drops fractions: what both left alone comes back as it was.
            Vector.Widen(whole, out Vector<int> lowAgain, out Vector<int> highAgain);
            if (!Vector.EqualsAll(Vector.ConvertToSingle(lowAgain), low) || !Vector.EqualsAll(Vector.ConvertToSingle(highAgain), high))
                return false;
            whole.StoreUnsafe(ref to, (nuint)i);
        }
        for (; i < samples.Length; i++)
        {
            short whole = unchecked((short)(int)samples[i]);
            if (whole != samples[i])
                return false;
            pcm[i] = whole;
        }
        return true;
    }

    /// <summary>The same numbers as floats.</summary>
    /// <param name="pcm">The samples.</param>
    /// <param name="samples">Receives as many.</param>
    public static void ToSingle(ReadOnlySpan<short> pcm, Span<float> samples)
    {
        int lanes = Vector<float>.Count, i = 0;
        ref short from = ref MemoryMarshal.GetReference(pcm);
        ref float to = ref MemoryMarshal.GetReference(samples[..pcm.Length]);
        for (; i <= pcm.Length - (2 * lanes); i += 2 * lanes)
        {
            Vector.Widen(Vector.LoadUnsafe(ref from, (nuint)i), out Vector<int> low, out Vector<int> high);
            Vector.ConvertToSingle(low).StoreUnsafe(ref to, (nuint)i);
            Vector.ConvertToSingle(high).StoreUnsafe(ref to, (nuint)(i + lanes));
        }
        for (; i < pcm.Length; i++)
            samples[i] = pcm[i];
    }
}
