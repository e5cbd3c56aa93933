using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Kernels;

/// <summary>How the Res2 chain is compiled.</summary>
/// <param name="Quads">Channels of a split, in quads.</param>
/// <param name="Rows">
/// Frames in shared memory: those that are written and the halo on both sides. A multiple of <see cref="ThreadRows"/>.
/// </param>
/// <param name="ThreadRows">Frames of one thread, which has four channels.</param>
/// <param name="Depth">Input channels of the weights that are in shared memory at a time; divides the channels of a split.</param>
/// <param name="Dilation">Frames from tap to tap.</param>
public readonly record struct Res2Form(int Quads, int Rows, int ThreadRows, int Depth, int Dilation)
{
    /// <summary>Splits of the channels, of which all but the last are convolved.</summary>
    public const int Splits = 8;

    /// <summary>Threads of a group.</summary>
    public int Threads => Rows / ThreadRows * Quads;

    /// <summary>Dynamic shared memory, in quads: the running split, a row of zeros and two buffers of weights.</summary>
    public int SharedQuads => ((Rows + 1) * Quads) + (2 * Depth * Quads);

    /// <summary>
    /// Frames that a group writes when it runs <paramref name="steps"/> steps: each step sees one dilation to both sides.
    /// </summary>
    public int WrittenRows(int steps) => Rows - (2 * steps * Dilation);
}

/// <summary>
/// The Res2 convolution: eight splits of the channels, of which seven pass one after another through k = 3 convolutions that feed each
/// other, <c>y0 = f0(s0)</c>, <c>yi = fi(y(i-1) + si)</c>, <c>fi(x) = scale_i * relu(conv_i(x) + bias_i) + shift_i</c>; the result is
/// <c>[y0 .. y6, s7]</c>, in place for the 1x1 convolution that follows.
/// </summary>
/// <remarks>
/// <para>
/// Layout. A group holds some frames of the running split <c>x = y(i-1) + si</c> in shared memory, <c>[rows + 1, width]</c>; the row after
/// the last is zero and stands for every frame outside the utterance. Weights are <c>[7, 3, width, width]</c>, output channel fastest, and
/// stream through two small buffers, the next lot on its way to registers while one is multiplied. A thread has four channels of some
/// neighbouring frames in registers for a whole step; all have read <c>x</c> before any writes the next one.
/// </para>
/// <para>
/// Halo. Seven steps see seven dilations far, so a group starts that many frames before those that it writes and ends as many after
/// them, and each step leaves out what no later one needs. Rows of the halo are computed by two groups, in the same
/// order and hence with the same bits. Where shared memory is too small for that, the chain is cut: a launch can run any run of steps and
/// takes up what the launch before has written.
/// </para>
/// <para>
/// Order. One chain of fused multiply-adds from zero, taps ascending, inside them input channels ascending, then the bias.
/// </para>
/// <para>
/// Cost. 2 * rows * 7 * 3 * width^2 operations, and (2.5 to 4 dilations) * 7 / rows of a group more for the halo; 4 * rows * 16 * width
/// bytes and the weights once for each group, from the second-level cache.
/// </para>
/// </remarks>
public static class Res2Chain
{
    /// <summary>The kernel. One group for each <c>form.WrittenRows(endStep - firstStep)</c> rows.</summary>
    /// <typeparam name="TStored">How rows and weights are stored. Sums and the running split are float32.</typeparam>
    /// <param name="input">Rows of eight splits.</param>
    /// <param name="weight">Of all seven steps, see the layout above.</param>
    /// <param name="bias"><c>[7, width]</c>.</param>
    /// <param name="scale"><c>[7, width]</c>.</param>
    /// <param name="shift"><c>[7, width]</c>.</param>
    /// <param name="utterances">The utterance of each row.</param>
    /// <param name="offsets">First row of each utterance, then the number of rows.</param>
    /// <param name="output">Rows of eight splits; other memory than the input.</param>
    /// <param name="rows">Frames of the batch.</param>
    /// <param name="firstStep">The first step to run; what came before it is in the output.</param>
    /// <param name="endStep">One past the last step to run; with the last of all, the last split is passed through.</param>
    /// <param name="form">How it is compiled.</param>
    public static void Kernel<TStored>(
        ArrayView<TStored> input, ArrayView<TStored> weight, ArrayView<Float4> bias, ArrayView<Float4> scale, ArrayView<Float4> shift,
        ArrayView<int> utterances, ArrayView<int> offsets, ArrayView<TStored> output, int rows, int firstStep, int endStep,
        SpecializedValue<Res2Form> form)
        where TStored : unmanaged, IQuad<TStored>
    {
        Res2Form cut = form.Value;
        int quads = cut.Quads, stride = Res2Form.Splits * quads, threads = cut.Threads;
        int lot = cut.Depth * quads, loads = (lot + threads - 1) / threads;
        ArrayView<Float4> shared = SharedMemory.GetDynamic<Float4>();
        ArrayView<Float4> running = shared.SubView(0, (cut.Rows + 1) * quads);
        ArrayView<Float4> weights = shared.SubView((cut.Rows + 1) * quads, 2 * lot);
        ArrayView<Float4> sums = LocalMemory.Allocate<Float4>(cut.ThreadRows);
        ArrayView<TStored> next = LocalMemory.Allocate<TStored>(loads);
        ArrayView<int> source = LocalMemory.Allocate<int>(cut.ThreadRows);

        int thread = Group.IdxX, column = thread % quads, threadRow = thread / quads * cut.ThreadRows;
        int halo = (endStep - firstStep) * cut.Dilation, written = cut.Rows - (2 * halo);
        int origin = (Grid.IdxX * written) - halo, firstRow = origin + threadRow;

        // Which of the thread's frames have both a place in the batch and, one dilation away, a neighbour in their utterance and in the
        // group.
        int present = 0, hasBefore = 0, hasAfter = 0;
        for (int i = 0; i < cut.ThreadRows; i++)
        {
            int row = firstRow + i;
            if (row >= 0 && row < rows)
            {
                int utterance = utterances[row], local = threadRow + i;
                present |= 1 << i;
                if (row - cut.Dilation >= offsets[utterance] && local >= cut.Dilation)
                    hasBefore |= 1 << i;
                if (row + cut.Dilation < offsets[utterance + 1] && local + cut.Dilation < cut.Rows)
                    hasAfter |= 1 << i;
            }
        }

        if (threadRow == 0)
            running[(cut.Rows * quads) + column] = default;
        for (int i = 0; i < cut.ThreadRows; i++)
        {
            Float4 x = default;
            if ((present >> i & 1) != 0)
            {
                int at = ((firstRow + i) * stride) + (firstStep * quads) + column;
                x = TStored.Widen(input[at]);
                if (firstStep > 0)
                    x += TStored.Widen(output[at - quads]);
            }
            running[((threadRow + i) * quads) + column] = x;
        }

        int stepWeights = 3 * 4 * quads * quads, weightAt = firstStep * stepWeights, endWeight = endStep * stepWeights;
        LoadWeights(weight, weightAt, lot, threads, loads, next);
        StoreWeights(weights, 0, lot, threads, loads, next);
        Group.Barrier();
        int half = 0;
        for (int step = firstStep; step < endStep; step++)
        {
            // The frames that this step or a later one still needs, and whether the thread has one of them.
            int margin = (step - firstStep + 1) * cut.Dilation;
            bool needed = threadRow + cut.ThreadRows > margin && threadRow < cut.Rows - margin;
            for (int i = 0; i < cut.ThreadRows; i++)
                sums[i] = default;
            for (int tap = -1; tap <= 1; tap++)
            {
                int neighbours = tap < 0 ? hasBefore : tap > 0 ? hasAfter : -1;
                for (int i = 0; i < cut.ThreadRows; i++)
                    source[i] = ((neighbours >> i & 1) != 0 ? threadRow + i + (tap * cut.Dilation) : cut.Rows) * quads;
                for (int depth = 0; depth < quads; depth += cut.Depth / 4)
                {
                    weightAt += lot;
                    bool more = weightAt < endWeight;
                    if (more)
                        LoadWeights(weight, weightAt, lot, threads, loads, next);
                    if (needed)
                    {
                        Multiply(
                            running.SubView(depth, ((cut.Rows + 1) * quads) - depth), source, weights.SubView(half * lot, lot), column, cut,
                            sums);
                    }
                    half ^= 1;
                    if (more)
                        StoreWeights(weights, half * lot, lot, threads, loads, next);
                    Group.Barrier();
                }
            }

            int channel = (step * quads) + column;
            Float4 stepBias = bias[channel], stepScale = scale[channel], stepShift = shift[channel];
            for (int i = 0; i < cut.ThreadRows; i++)
            {
                int row = firstRow + i, local = threadRow + i, at = (row * stride) + channel;
                // The next step sees what is stored, so that it does not matter where the chain is cut.
                TStored y = TStored.Narrow(Float4.MultiplyAdd(Float4.Relu(sums[i] + stepBias), stepScale, stepShift));
                bool here = (present >> i & 1) != 0;
                if (here && local >= halo && local < halo + written)
                    output[at] = y;
                if (here && step + 1 < endStep)
                    running[(local * quads) + column] = TStored.Widen(y) + TStored.Widen(input[at + quads]);
                if (here && step + 2 == Res2Form.Splits && local >= halo && local < halo + written)
                    output[at + quads] = input[at + quads];
            }
            Group.Barrier();
        }
    }

    private static void LoadWeights<TStored>(ArrayView<TStored> weight, int from, int lot, int threads, int loads, ArrayView<TStored> next)
        where TStored : unmanaged
    {
        for (int i = 0; i < loads; i++)
        {
            int at = Group.IdxX + (i * threads);
            TStored value = default;
            if (at < lot)
                value = weight[from + at];
            next[i] = value;
        }
    }

    private static void StoreWeights<TStored>(ArrayView<Float4> weights, int from, int lot, int threads, int loads, ArrayView<TStored> next)
        where TStored : unmanaged, IQuad<TStored>
    {
        for (int i = 0; i < loads; i++)
        {
            int at = Group.IdxX + (i * threads);
            if (at < lot)
                weights[from + at] = TStored.Widen(next[i]);
        }
    }

    private static void Multiply(
        ArrayView<Float4> running, ArrayView<int> source, ArrayView<Float4> weights, int column, Res2Form cut, ArrayView<Float4> sums)
    {
        for (int k = 0; k < cut.Depth / 4; k++)
        {
            int at = (k * 4 * cut.Quads) + column;
            Float4 w0 = weights[at], w1 = weights[at + cut.Quads], w2 = weights[at + (2 * cut.Quads)], w3 = weights[at + (3 * cut.Quads)];
            for (int i = 0; i < cut.ThreadRows; i++)
            {
                Float4 x = running[source[i] + k];
                Float4 sum = Float4.MultiplyAdd(w0, x.X, sums[i]);
                sum = Float4.MultiplyAdd(w1, x.Y, sum);
                sum = Float4.MultiplyAdd(w2, x.Z, sum);
                sums[i] = Float4.MultiplyAdd(w3, x.W, sum);
            }
        }
    }
}
