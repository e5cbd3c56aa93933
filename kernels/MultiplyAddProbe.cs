using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Kernels;

/// <summary>
/// Fused multiply-adds in registers and nothing else: how many operations a second a device computes, the ceiling of kernels that move
/// little.
/// </summary>
/// <remarks>
/// Each thread has several sums that do not depend on one another, so that one need not wait for the other's result; how many are best
/// depends on the device, hence a constant to try. Cost: <see cref="Unrolled"/> multiply-adds a sum and round, two operations each; 4 bytes
/// written a thread.
/// </remarks>
public static class MultiplyAddProbe
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 256;

    /// <summary>Multiply-adds on a sum in each round: enough that the loop's own instructions do not count.</summary>
    public const int Unrolled = 8;

    /// <summary>The kernel. Any number of groups of <see cref="Threads"/>, in a line.</summary>
    /// <param name="output">Receives <c>[groups * Threads]</c>: without a result there would be nothing to compute.</param>
    /// <param name="factor">Below 1, so that sums neither overflow nor vanish.</param>
    /// <param name="addend">What is added.</param>
    /// <param name="rounds">How often.</param>
    /// <param name="sums">Sums of a thread: a constant.</param>
    public static void Kernel(ArrayView<float> output, float factor, float addend, int rounds, SpecializedValue<int> sums)
    {
        int at = (Grid.IdxX * Group.DimX) + Group.IdxX;
        ArrayView<float> sum = LocalMemory.Allocate<float>(sums.Value);
        for (int i = 0; i < sums.Value; i++)
            sum[i] = at + i;
        for (int round = 0; round < rounds; round++)
        {
            for (int step = 0; step < Unrolled; step++)
            {
                for (int i = 0; i < sums.Value; i++)
                    sum[i] = (sum[i] * factor) + addend;
            }
        }
        float total = 0f;
        for (int i = 0; i < sums.Value; i++)
            total += sum[i];
        output[at] = total;
    }
}
