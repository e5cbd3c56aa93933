using System.Runtime.InteropServices;
using EcapaIlgpu.Kernels;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>
/// Some utterances of a batch laid out for one forward: tables first, then features or samples, in one piece of memory and hence one
/// copy.
/// </summary>
internal sealed class BatchInput
{
    private readonly BatchSource _source;
    private readonly int _from;
    private readonly int _to;
    private readonly int[] _offsets;
    private readonly int[] _sampleOffsets;

    private BatchInput(BatchSource source, int from, int to, int[] offsets, int[] sampleOffsets, int inputBytes)
    {
        (_source, _from, _to, _offsets, _sampleOffsets) = (source, from, to, offsets, sampleOffsets);
        Form = new InputForm(source.Kind, BatchShape.Of(offsets), inputBytes);
    }

    /// <summary>What decides the launches.</summary>
    public InputForm Form { get; }

    /// <summary>Utterances as they are, from one up to another.</summary>
    public static BatchInput Take(BatchSource source, int from, int to) =>
        new(source, from, to, BatchSource.Part(source.Offsets, from, to), source.SampleOffsets(from, to), source.InputBytes(from, to));

    /// <summary>
    /// One utterance in a bucket of lengths: beside it goes a second one, of as many frames as make <c>64 n + 1</c> rows together.
    /// Whatever the length, the bucket then has <c>n + 1</c> chunks and <c>4 n + 1</c> segments, so that all its utterances have one
    /// form. What the second one gives is thrown away; the first one's bits do not depend on it.
    /// </summary>
    public static BatchInput TakeBucketed(BatchSource source, int utterance)
    {
        int frames = source.Offsets[utterance + 1] - source.Offsets[utterance], most = Chunks(frames) * TimeMoments.ChunkFrames;
        // The second utterance reads the same samples from the start: it has no more frames than those suffice for. Features need rows of
        // their own.
        bool features = source.Kind == InputKind.Features;
        return new BatchInput(
            source, utterance, utterance + 1, [0, frames, most + 1], features ? [] : [0, 0, 0],
            source.FrameBytes(features ? most + 1 : most));
    }

    /// <summary>Chunks of an utterance.</summary>
    public static int Chunks(int frames) => BatchShape.Pieces(frames, TimeMoments.ChunkFrames);

    /// <summary>Writes everything.</summary>
    /// <param name="memory">Receives <see cref="InputForm.Quads"/> quads.</param>
    public void Write(Span<Float4> memory)
    {
        BatchTables.Write(_offsets, _sampleOffsets, MemoryMarshal.Cast<Float4, int>(memory[..Form.TableQuads]));
        _source.Write(_from, _to, MemoryMarshal.AsBytes(memory[Form.TableQuads..]));
    }
}
