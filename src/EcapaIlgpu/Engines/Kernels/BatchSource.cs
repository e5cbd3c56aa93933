using System.Runtime.InteropServices;
using EcapaIlgpu.Features;
using EcapaIlgpu.Kernels;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>What utterances come as.</summary>
internal enum InputKind
{
    /// <summary>
    /// Feature rows, mean-normalised, as <see cref="Float4"/>s: a row is padded with zeros to a multiple of four numbers.
    /// </summary>
    Features,

    /// <summary>Samples at the scale of 16-bit ones, as <see cref="float"/>s.</summary>
    FloatSamples,

    /// <summary>16-bit samples.</summary>
    ShortSamples,
}

/// <summary>
/// All that decides which kernels run, with which sizes and numbers: two inputs of one form differ only in what lies in memory.
/// </summary>
/// <param name="Kind">What utterances come as.</param>
/// <param name="Shape">How much of everything there is.</param>
/// <param name="InputBytes">Size of the features or samples.</param>
internal readonly record struct InputForm(InputKind Kind, BatchShape Shape, int InputBytes)
{
    private const int QuadBytes = 4 * sizeof(float);

    /// <summary>Room for the tables, which come first, in quads.</summary>
    public int TableQuads => (Shape.TableLength + 3) / 4;

    /// <summary>Room for tables and features or samples: what is copied to the device, in quads.</summary>
    public int Quads => TableQuads + ((InputBytes + QuadBytes - 1) / QuadBytes);
}

/// <summary>Utterances of a batch, wherever their frames come from.</summary>
/// <param name="kind">What they come as.</param>
/// <param name="offsets">First row of each utterance, then the number of rows.</param>
internal abstract class BatchSource(InputKind kind, int[] offsets)
{
    /// <summary>What the utterances come as.</summary>
    public InputKind Kind => kind;

    /// <summary>First row of each utterance, then the number of rows.</summary>
    public ReadOnlySpan<int> Offsets => offsets;

    /// <summary>Number of utterances.</summary>
    public int Utterances => offsets.Length - 1;

    /// <summary>
    /// First sample of each of some utterances and the end of the last, counted from the first one's; empty where there are no samples.
    /// </summary>
    public abstract int[] SampleOffsets(int from, int to);

    /// <summary>Size of the features or samples of some utterances, in bytes.</summary>
    public abstract int InputBytes(int from, int to);

    /// <summary>Size of features of so many frames, or of the samples that they need.</summary>
    public abstract int FrameBytes(int frames);

    /// <summary>Writes features or samples of some utterances as far as there is room, then zeros.</summary>
    public abstract void Write(int from, int to, Span<byte> input);

    /// <summary>The offsets of some utterances and the end of the last, counted from the first one's.</summary>
    public static int[] Part(ReadOnlySpan<int> offsets, int from, int to)
    {
        int[] part = offsets[from..(to + 1)].ToArray();
        int first = part[0];
        for (int i = 0; i < part.Length; i++)
            part[i] -= first;
        return part;
    }
}

/// <summary>Feature rows.</summary>
internal sealed class FeatureSource(PackedBatch batch) : BatchSource(InputKind.Features, batch.Offsets.ToArray())
{
    private int Stride => ChannelLayout.Plain(batch.FeatureDim).Padded;

    public override int[] SampleOffsets(int from, int to) => [];

    public override int InputBytes(int from, int to) => FrameBytes(Offsets[to] - Offsets[from]);

    public override int FrameBytes(int frames) => checked(frames * Stride * sizeof(float));

    public override void Write(int from, int to, Span<byte> input)
    {
        int dim = batch.FeatureDim, stride = Stride, first = Offsets[from], rows = Offsets[to] - first;
        ReadOnlySpan<float> source = batch.Frames.Span.Slice(first * dim, rows * dim);
        Span<float> target = MemoryMarshal.Cast<byte, float>(input);
        if (stride == dim)
        {
            source.CopyTo(target);
            target[source.Length..].Clear();
            return;
        }
        target.Clear();
        for (int row = 0; row < rows; row++)
            source.Slice(row * dim, dim).CopyTo(target[(row * stride)..]);
    }
}

/// <summary>Samples, from which the device computes the rows.</summary>
/// <typeparam name="T"><see cref="short"/> or <see cref="float"/>.</typeparam>
internal sealed class SampleSource<T>(ReadOnlyMemory<T> samples, ReadOnlyMemory<int> sampleOffsets)
    : BatchSource(
        typeof(T) == typeof(short) ? InputKind.ShortSamples : InputKind.FloatSamples, RowOffsets(samples.Length, sampleOffsets.Span))
    where T : unmanaged
{
    public override int[] SampleOffsets(int from, int to) => Part(sampleOffsets.Span, from, to);

    public override int InputBytes(int from, int to) => Bytes(sampleOffsets.Span[to] - sampleOffsets.Span[from]);

    public override int FrameBytes(int frames) => Bytes(checked(Fbank.FrameLength + ((frames - 1) * Fbank.FrameShift)));

    public override void Write(int from, int to, Span<byte> input)
    {
        ReadOnlySpan<byte> source = MemoryMarshal.AsBytes(samples.Span[sampleOffsets.Span[from]..sampleOffsets.Span[to]]);
        source = source[..Math.Min(source.Length, input.Length)];
        source.CopyTo(input);
        input[source.Length..].Clear();
    }

    private static unsafe int Bytes(int count) => checked(count * sizeof(T));

    private static int[] RowOffsets(int length, ReadOnlySpan<int> sampleOffsets)
    {
        if (sampleOffsets.IsEmpty || sampleOffsets[0] != 0 || sampleOffsets[^1] != length)
            throw new ArgumentException($"Offsets start at 0 and end at the number of samples, {length}.", nameof(sampleOffsets));
        int[] rows = new int[sampleOffsets.Length];
        for (int u = 1; u < rows.Length; u++)
        {
            long count = (long)sampleOffsets[u] - sampleOffsets[u - 1];
            int frames = count < 0 ? 0 : Fbank.FrameCount((int)count);
            if (frames == 0)
            {
                throw new ArgumentException(
                    $"Utterance {u - 1} has {count} samples; a frame has {Fbank.FrameLength}.", nameof(sampleOffsets));
            }
            rows[u] = rows[u - 1] + frames;
        }
        return rows;
    }
}
