using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Kernels;

/// <summary>The widths of a squeeze-excite, in quads of channels: constants of the compiled kernel.</summary>
/// <param name="Channels">Channels that are gated.</param>
/// <param name="Hidden">Channels of the bottleneck.</param>
public readonly record struct GateForm(int Channels, int Hidden);

/// <summary>
/// Squeeze-excite and the residual around a block: <c>g = sigmoid(W2 relu(W1 mean_t(x) + b1) + b2)</c> for each utterance, then
/// <c>y[r] = residual[r] + g * x[r]</c>.
/// </summary>
/// <remarks>
/// <para>
/// The convolution that computes x leaves sums over time beside it (<see cref="Epilogue.SegmentSums"/>). <see cref="Gate"/> is one group
/// per utterance, which holds the mean and the bottleneck in shared memory and goes through both layers as <see cref="UtteranceLinear"/>
/// does; <see cref="ScaleAndAdd"/> is one pass over the frames and may write into a slice of wider rows.
/// </para>
/// <para>
/// Cost. Gates: 4 * channels * hidden operations an utterance, next to nothing. Scale and add: 2 operations and 12 bytes a number (6 in 16
/// bits), bound by memory.
/// </para>
/// </remarks>
public static class SqueezeExcite
{
    /// <summary>The gates. One group of <see cref="UtteranceLinear.Threads"/> threads for each utterance.</summary>
    /// <param name="sums">Sums of segments, <c>[segments, channels]</c>.</param>
    /// <param name="offsets">First row of each utterance, then the number of rows.</param>
    /// <param name="utteranceSegments">First segment of each utterance, then the number of segments.</param>
    /// <param name="squeeze"><c>[channels, hidden]</c>, hidden fastest.</param>
    /// <param name="squeezeBias"><c>[hidden]</c>.</param>
    /// <param name="excite"><c>[hidden, channels]</c>, channels fastest.</param>
    /// <param name="exciteBias"><c>[channels]</c>.</param>
    /// <param name="gates">Receives <c>[utterances, channels]</c>.</param>
    /// <param name="form">The widths.</param>
    public static void Gate(
        ArrayView<Float4> sums, ArrayView<int> offsets, ArrayView<int> utteranceSegments, ArrayView<Float4> squeeze,
        ArrayView<Float4> squeezeBias, ArrayView<Float4> excite, ArrayView<Float4> exciteBias, ArrayView<Float4> gates,
        SpecializedValue<GateForm> form)
    {
        int channels = form.Value.Channels, hidden = form.Value.Hidden, utterance = Grid.IdxX;
        ArrayView<Float4> mean = SharedMemory.Allocate<Float4>(channels);
        ArrayView<Float4> squeezed = SharedMemory.Allocate<Float4>(hidden);
        ArrayView<Float4> partial = SharedMemory.Allocate<Float4>(UtteranceLinear.Threads);
        int first = utteranceSegments[utterance], end = utteranceSegments[utterance + 1];
        int frames = offsets[utterance + 1] - offsets[utterance];
        for (int quad = Group.IdxX; quad < channels; quad += UtteranceLinear.Threads)
            mean[quad] = TimeMoments.Mean(sums, channels, quad, first, end, frames);
        Group.Barrier();
        for (int column = 0; column < hidden; column += UtteranceLinear.Lanes)
        {
            Float4 sum = UtteranceLinear.Multiply(mean, channels, squeeze, hidden, column, partial);
            int at = column + Group.IdxX;
            if (Group.IdxX < UtteranceLinear.Lanes && at < hidden)
                squeezed[at] = Float4.Relu(sum + squeezeBias[at]);
        }
        Group.Barrier();
        for (int column = 0; column < channels; column += UtteranceLinear.Lanes)
        {
            Float4 sum = UtteranceLinear.Multiply(squeezed, hidden, excite, channels, column, partial);
            int at = column + Group.IdxX;
            if (Group.IdxX < UtteranceLinear.Lanes && at < channels)
                gates[(utterance * channels) + at] = Float4.Sigmoid(sum + exciteBias[at]);
        }
    }

    /// <summary>Scale and residual. One thread for each quad, in a line.</summary>
    /// <typeparam name="TStored">How rows are stored; gates are float32.</typeparam>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="gates"><c>[utterances, channels]</c>.</param>
    /// <param name="residual">Rows of <paramref name="residualStride"/> quads.</param>
    /// <param name="residualStride">From row to row, in quads.</param>
    /// <param name="utterances">The utterance of each row.</param>
    /// <param name="output">Receives rows of <paramref name="outputStride"/> quads.</param>
    /// <param name="outputStride">From row to row, in quads.</param>
    /// <param name="rows">Frames of the batch.</param>
    /// <param name="channels">Channels, in quads.</param>
    public static void ScaleAndAdd<TStored>(
        ArrayView<TStored> x, ArrayView<Float4> gates, ArrayView<TStored> residual, int residualStride, ArrayView<int> utterances,
        ArrayView<TStored> output, int outputStride, int rows, int channels)
        where TStored : unmanaged, IQuad<TStored>
    {
        int at = (Grid.IdxX * Group.DimX) + Group.IdxX, row = at / channels, quad = at % channels;
        if (row < rows)
        {
            Float4 gate = gates[(utterances[row] * channels) + quad];
            output[(row * outputStride) + quad] = TStored.Narrow(
                Float4.MultiplyAdd(TStored.Widen(x[at]), gate, TStored.Widen(residual[(row * residualStride) + quad])));
        }
    }
}
