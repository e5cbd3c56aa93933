using ILGPU;

namespace EcapaIlgpu.Kernels;

/// <summary>
/// A fully connected layer on one vector per utterance, <c>y[u, o] = bias[o] + sum over i of w[i, o] * x[u, i]</c>: the embedding layer
/// with the batch normalisations around it folded in, the constant part of attention's hidden layer, the scores of a softmax head.
/// </summary>
/// <remarks>
/// <para>
/// Layout. Weights are <c>[inputs, outputs]</c>, outputs fastest. A group has <see cref="Lanes"/> quads of outputs of one utterance; its
/// <see cref="Slices"/> slices each take every <see cref="Slices"/>th quad of inputs and are added in order at the end. A matrix product
/// with tiles would leave most of a device idle: there is one row per utterance.
/// </para>
/// <para>
/// Cost. 2 * utterances * inputs * outputs operations; the weights, 4 * inputs * outputs bytes, once for each utterance, from the
/// second-level cache.
/// </para>
/// </remarks>
public static class UtteranceLinear
{
    /// <summary>Quads of outputs of a group: 256 bytes of a row of weights.</summary>
    public const int Lanes = 16;

    /// <summary>Slices of the inputs.</summary>
    public const int Slices = 16;

    /// <summary>Threads of a group.</summary>
    public const int Threads = Lanes * Slices;

    /// <summary>The kernel. Groups in a line, <c>ceil(outputs / Lanes)</c> of them for each utterance.</summary>
    /// <param name="input"><c>[utterances, inputs]</c>.</param>
    /// <param name="inputs">Inputs, in quads.</param>
    /// <param name="weight">See the layout above.</param>
    /// <param name="bias"><c>[outputs]</c>.</param>
    /// <param name="output">Receives <c>[utterances, outputs]</c>.</param>
    /// <param name="outputs">Outputs, in quads.</param>
    public static void Kernel(
        ArrayView<Float4> input, int inputs, ArrayView<Float4> weight, ArrayView<Float4> bias, ArrayView<Float4> output, int outputs)
    {
        int blocks = (outputs + Lanes - 1) / Lanes, utterance = Grid.IdxX / blocks, firstColumn = Grid.IdxX % blocks * Lanes;
        ArrayView<Float4> partial = SharedMemory.Allocate<Float4>(Threads);
        Float4 sum = Multiply(input.SubView(utterance * inputs, inputs), inputs, weight, outputs, firstColumn, partial);
        int column = firstColumn + Group.IdxX;
        if (Group.IdxX < Lanes && column < outputs)
            output[(utterance * outputs) + column] = sum + bias[column];
    }

    /// <summary>
    /// The product of a vector and <see cref="Lanes"/> columns of a matrix, in the group's first <see cref="Lanes"/> threads. All threads
    /// of the group must call it; it starts and ends with what it does not share being read, so it may be called again at once.
    /// </summary>
    /// <param name="vector"><c>[inputs]</c>, visible to the group.</param>
    /// <param name="inputs">Inputs, in quads.</param>
    /// <param name="weight"><c>[inputs, outputs]</c>.</param>
    /// <param name="outputs">Outputs, in quads.</param>
    /// <param name="firstColumn">First output, in quads.</param>
    /// <param name="partial">Shared memory for <see cref="Threads"/> quads.</param>
    internal static Float4 Multiply(
        ArrayView<Float4> vector, int inputs, ArrayView<Float4> weight, int outputs, int firstColumn, ArrayView<Float4> partial)
    {
        int lane = Group.IdxX % Lanes, slice = Group.IdxX / Lanes, column = firstColumn + lane;
        Float4 sum = default;
        if (column < outputs)
        {
            for (int i = slice; i < inputs; i += Slices)
            {
                Float4 x = vector[i];
                int at = (i * 4 * outputs) + column;
                sum = Float4.MultiplyAdd(weight[at], x.X, sum);
                sum = Float4.MultiplyAdd(weight[at + outputs], x.Y, sum);
                sum = Float4.MultiplyAdd(weight[at + (2 * outputs)], x.Z, sum);
                sum = Float4.MultiplyAdd(weight[at + (3 * outputs)], x.W, sum);
            }
        }
        partial[Group.IdxX] = sum;
        Group.Barrier();
        if (slice == 0)
        {
            for (int i = 1; i < Slices; i++)
                sum += partial[(i * Lanes) + lane];
        }
        Group.Barrier();
        return sum;
    }
}
