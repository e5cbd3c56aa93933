using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace EcapaIlgpu.Audio;

/// <summary>How one sample is written. All are little endian.</summary>
internal enum SampleEncoding
{
    /// <summary>8 bits, 128 is silence.</summary>
    Unsigned8,

    /// <summary>16 bits, two's complement.</summary>
    Signed16,

    /// <summary>24 bits in three bytes, two's complement.</summary>
    Signed24,

    /// <summary>32 bits, two's complement.</summary>
    Signed32,

    /// <summary>IEEE 754 single, full scale ±1.</summary>
    Float32,

    /// <summary>IEEE 754 double, full scale ±1.</summary>
    Float64,
}

/// <summary>
/// Interleaved samples of any encoding to one channel at int16 scale. Every integer encoding is scaled by a power of two, so that the same
/// 16 or 24 bits give the same float whatever container or codec they came in.
/// </summary>
internal static class SampleDecoder
{
    public static int BytesPerSample(SampleEncoding encoding) => encoding switch
    {
        SampleEncoding.Unsigned8 => 1,
        SampleEncoding.Signed16 => 2,
        SampleEncoding.Signed24 => 3,
        SampleEncoding.Signed32 or SampleEncoding.Float32 => 4,
        SampleEncoding.Float64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(encoding)),
    };

    /// <summary>Decodes <paramref name="mono"/>.Length frames of <paramref name="channels"/> samples each.</summary>
    /// <param name="frames">At least that many frames.</param>
    /// <param name="encoding">How each sample is written.</param>
    /// <param name="channels">Samples per frame.</param>
    /// <param name="choice">What to keep of each frame; a number must be below <paramref name="channels"/>.</param>
    /// <param name="mono">The result, full scale ±32768.</param>
    public static void ToMono(ReadOnlySpan<byte> frames, SampleEncoding encoding, int channels, ChannelChoice choice, Span<float> mono)
    {
        // What most corpora are.
        if (encoding == SampleEncoding.Signed16 && channels == 1 && BitConverter.IsLittleEndian)
        {
            Pcm16.ToSingle(MemoryMarshal.Cast<byte, short>(frames)[..mono.Length], mono);
            return;
        }
        switch (encoding)
        {
            case SampleEncoding.Unsigned8: ToMono<Unsigned8>(frames, channels, choice, mono); break;
            case SampleEncoding.Signed16: ToMono<Signed16>(frames, channels, choice, mono); break;
            case SampleEncoding.Signed24: ToMono<Signed24>(frames, channels, choice, mono); break;
            case SampleEncoding.Signed32: ToMono<Signed32>(frames, channels, choice, mono); break;
            case SampleEncoding.Float32: ToMono<Float32>(frames, channels, choice, mono); break;
            case SampleEncoding.Float64: ToMono<Float64>(frames, channels, choice, mono); break;
            default: throw new ArgumentOutOfRangeException(nameof(encoding));
        }
    }

    private static void ToMono<T>(ReadOnlySpan<byte> frames, int channels, ChannelChoice choice, Span<float> mono)
        where T : struct, ISample
    {
        int stride = channels * T.Bytes;
        if (!choice.IsMean || channels == 1)
        {
            int at = choice.Number * T.Bytes;
            for (int i = 0; i < mono.Length; i++, at += stride)
                mono[i] = (float)T.Read(frames[at..]);
            return;
        }
        for (int i = 0; i < mono.Length; i++)
        {
            ReadOnlySpan<byte> frame = frames.Slice(i * stride, stride);
            double sum = 0;
            for (int at = 0; at < frame.Length; at += T.Bytes)
                sum += T.Read(frame[at..]);
            mono[i] = (float)(sum / channels);
        }
    }

    private interface ISample
    {
        static abstract int Bytes { get; }

        /// <summary>The first sample of <paramref name="at"/> at int16 scale; a double holds every encoding's values exactly.</summary>
        static abstract double Read(ReadOnlySpan<byte> at);
    }

    private readonly struct Unsigned8 : ISample
    {
        public static int Bytes => 1;

        public static double Read(ReadOnlySpan<byte> at) => (at[0] - 128) * 256.0;
    }

    private readonly struct Signed16 : ISample
    {
        public static int Bytes => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static double Read(ReadOnlySpan<byte> at) => BinaryPrimitives.ReadInt16LittleEndian(at);
    }

    private readonly struct Signed24 : ISample
    {
        public static int Bytes => 3;

        public static double Read(ReadOnlySpan<byte> at) => (at[0] | at[1] << 8 | (sbyte)at[2] << 16) / 256.0;
    }

    private readonly struct Signed32 : ISample
    {
        public static int Bytes => 4;

        public static double Read(ReadOnlySpan<byte> at) => BinaryPrimitives.ReadInt32LittleEndian(at) / 65536.0;
    }

    private readonly struct Float32 : ISample
    {
        public static int Bytes => 4;

        public static double Read(ReadOnlySpan<byte> at) => BinaryPrimitives.ReadSingleLittleEndian(at) * 32768.0;
    }

    private readonly struct Float64 : ISample
    {
        public static int Bytes => 8;

        public static double Read(ReadOnlySpan<byte> at) => BinaryPrimitives.ReadDoubleLittleEndian(at) * 32768.0;
    }
}
