using ILGPU;
using ILGPU.Beyond;
using ILGPU.Runtime;

namespace EcapaIlgpu.Kernels;

/// <summary>How <see cref="TensorProbe"/> is compiled.</summary>
/// <param name="Format">What is multiplied: one product a step, so not <see cref="TensorFormat.Tf32x3"/>.</param>
/// <param name="Chains">Tiles of sums of a warp.</param>
public readonly record struct TensorProbeForm(TensorFormat Format, int Chains);

/// <summary>
/// Products of matrices in registers and nothing else: how many operations a second tensor cores compute, the ceiling of kernels that use
/// them.
/// </summary>
/// <remarks>
/// Each warp has several tiles of sums that do not depend on one another, so that one need not wait for the other's result; how many are
/// best depends on the device, hence a constant to try. Cost: <see cref="Unrolled"/> products a tile and round, of
/// <see cref="Operations"/> operations each; 16 bytes written a thread.
/// </remarks>
public static class TensorProbe
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 256;

    /// <summary>Products on a tile in each round: enough that the loop's own instructions do not count.</summary>
    public const int Unrolled = 8;

    /// <summary>Operations of one product, a multiply-add as two: 16 rows, 8 columns, 32 bytes of depth.</summary>
    public static int Operations(TensorFormat format) => 2 * 16 * 8 * (format is TensorFormat.Bf16 or TensorFormat.Half ? 16 : 8);

    /// <summary>The kernel. Any number of groups of <see cref="Threads"/>, in a line.</summary>
    /// <param name="output">
    /// Receives for each thread of all groups the sum of its tiles: without a result there would be nothing to compute.
    /// </param>
    /// <param name="operands">
    /// For each lane of a warp a part of 16 rows, then for each lane one of 8 columns (two registers; the others are not read).
    /// </param>
    /// <param name="rounds">How often.</param>
    /// <param name="form">How it is compiled.</param>
    public static void Kernel(
        ArrayView<MatrixSums> output, ArrayView<MatrixRegisters> operands, int rounds, SpecializedValue<TensorProbeForm> form)
    {
        int lane = Group.IdxX % WarpMatrix.Lanes;
        MatrixRegisters rows = operands[lane], columns = operands[WarpMatrix.Lanes + lane];
        ArrayView<MatrixSums> sums = LocalMemory.Allocate<MatrixSums>(form.Value.Chains);
        // Tiles that began alike would be one to a compiler.
        for (int i = 0; i < form.Value.Chains; i++)
            sums[i] = new MatrixSums(i, i, i, i);
        for (int round = 0; round < rounds; round++)
        {
            for (int step = 0; step < Unrolled; step++)
            {
                for (int i = 0; i < form.Value.Chains; i++)
                    sums[i] = TensorTileProduct.Product(rows, columns.R0, columns.R1, sums[i], form.Value.Format);
            }
        }
        MatrixSums total = default;
        for (int i = 0; i < form.Value.Chains; i++)
            total += sums[i];
        output[(Grid.IdxX * Group.DimX) + Group.IdxX] = total;
    }
}
