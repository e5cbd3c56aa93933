using System.Runtime.InteropServices;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace ILGPU.Beyond;

/// <summary>Four registers of 32 bits: a lane's part of four 8 x 8 matrices of 16-bit elements, or 8 x 4 of 32-bit ones.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MatrixRegisters(int r0, int r1, int r2, int r3)
{
    /// <summary>Of the first matrix: rows 0 to 7 of a 16-row operand, its first 16 bytes.</summary>
    public int R0 = r0;

    /// <summary>Of the second: rows 8 to 15, the first 16 bytes.</summary>
    public int R1 = r1;

    /// <summary>Of the third: rows 0 to 7, the next 16 bytes.</summary>
    public int R2 = r2;

    /// <summary>Of the fourth: rows 8 to 15, the next 16 bytes.</summary>
    public int R3 = r3;
}

/// <summary>A lane's part of a 16 x 8 tile of sums: two neighbouring columns of two rows.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MatrixSums(float s0, float s1, float s2, float s3)
{
    /// <summary>Row lane / 4, column 2 * (lane % 4).</summary>
    public float S0 = s0;

    /// <summary>The column after <see cref="S0"/>.</summary>
    public float S1 = s1;

    /// <summary>Eight rows below <see cref="S0"/>.</summary>
    public float S2 = s2;

    /// <summary>The column after <see cref="S2"/>.</summary>
    public float S3 = s3;

    /// <summary>Sums, element by element.</summary>
    public static MatrixSums operator +(MatrixSums a, MatrixSums b) => new(a.S0 + b.S0, a.S1 + b.S1, a.S2 + b.S2, a.S3 + b.S3);
}

/// <summary>
/// Matrix products that the 32 lanes of a warp compute together on tensor cores: <c>sums += a b</c> with a 16-row operand, whose rows lie
/// in memory with the depth fastest, and an 8-column operand, whose columns do. Kernels only; CUDA of compute capability 8.0 and newer, and
/// the CPU accelerator.
/// </summary>
/// <remarks>
/// <para>
/// A warp is 32 threads that follow each other, from a multiple of 32 on, whatever <see cref="Warp.WarpSize"/> says. All of them must
/// arrive.
/// </para>
/// <para>
/// Lane l holds of an operand's 8 rows (or columns) the element or pair of elements at bytes 4 * (l % 4) of row l / 4: what
/// <see cref="Load"/> gives when lane l names row l % 8 of matrix l / 8. A 16-row operand is four such matrices, in the order that
/// <see cref="MatrixRegisters"/> says; an 8-column operand two, of its first and next 16 bytes of depth.
/// </para>
/// <para>
/// Products are exact; the order and the rounding of their sums within one call are the device's own: NVIDIA's cut off what does not fit,
/// and the CPU accelerator cuts off as much as the least exact of them. Calls follow in the kernel's order.
/// </para>
/// </remarks>
public static class WarpMatrix
{
    /// <summary>Threads that compute together.</summary>
    public const int Lanes = 32;

    /// <summary>Whether a device has these operations.</summary>
    public static bool IsSupported(Accelerator accelerator)
    {
        ArgumentNullException.ThrowIfNull(accelerator);
        return accelerator.Device is CudaDevice cuda ? cuda.Target.HasTensorCores : accelerator.AcceleratorType == AcceleratorType.CPU;
    }

    /// <summary>
    /// Reads four matrices of 8 rows of 16 bytes from shared memory. Lane l names the start of row l % 8 of matrix l / 8, a multiple of 16
    /// bytes.
    /// </summary>
    public static MatrixRegisters Load<T>(ref readonly T row)
        where T : unmanaged =>
        throw DeviceOnly.Exception();

    /// <summary>Depth 8 of tf32: float32 numbers of which the 13 lowest bits are not looked at.</summary>
    public static MatrixSums MultiplyAddTf32(MatrixRegisters a, int b0, int b1, MatrixSums sums) => throw DeviceOnly.Exception();

    /// <summary>Depth 16 of bfloat16, two in a register, the lower half first.</summary>
    public static MatrixSums MultiplyAddBf16(MatrixRegisters a, int b0, int b1, MatrixSums sums) => throw DeviceOnly.Exception();

    /// <summary>Depth 16 of float16, two in a register, the lower half first.</summary>
    public static MatrixSums MultiplyAddHalf(MatrixRegisters a, int b0, int b1, MatrixSums sums) => throw DeviceOnly.Exception();
}
