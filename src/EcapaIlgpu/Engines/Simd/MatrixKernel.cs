using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>
/// The innermost product: six rows times one panel of packed weights, all sums in registers.
/// One implementation per vector width; all give the same bits on a processor that has fused multiply-add.
/// </summary>
/// <remarks>
/// Six rows: with the 64-column panel of 512-bit vectors that is 24 accumulators, 4 weight vectors and a broadcast out of 32 registers, and
/// six row pointers still fit the general registers, so rows are read where they lie (no packing of activations). Measured on Zen 4 against
/// 12x32 and 14x32 tiles: those lose up to half at depth 1024, where more than eight rows 4 KB apart fight for the same cache sets. Every
/// output is one chain of fused multiply-adds over taps, then input channels, in order: which tile or thread computes it does not change a
/// bit.
/// </remarks>
internal abstract unsafe class MatrixKernel
{
    /// <summary>Rows of a tile, for every width.</summary>
    public const int TileRows = 6;

    /// <summary>The widest panel of any kernel, for tile buffers on the stack.</summary>
    public const int MaxPanelWidth = 64;

    /// <summary>Columns of a panel.</summary>
    public abstract int PanelWidth { get; }

    /// <summary>The instruction set, for people.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// <c>sum[r, n] = sum over tap, i of rows[tap * 6 + r][i] * panel[(tap * depth + i) * PanelWidth + n]</c>, and what the epilogue makes
    /// of it straight from the registers: by way of a tile in memory it took 3 to 5 % of the time of 1024 to 512 channels.
    /// </summary>
    /// <param name="rows"><c>[taps, 6]</c> pointers to rows of <paramref name="depth"/> floats.</param>
    /// <param name="taps">Taps of the convolution.</param>
    /// <param name="depth">Input channels.</param>
    /// <param name="panel">Packed weights.</param>
    /// <param name="epilogue">Where the whole tile of <c>[6, PanelWidth]</c> goes and what is done to it on the way.</param>
    public abstract void Multiply(float** rows, nint taps, nint depth, float* panel, in TileEpilogue epilogue);

    /// <summary>The kernel for a vector width, or for the widest that this processor runs well.</summary>
    /// <exception cref="PlatformNotSupportedException">The processor lacks the width asked for.</exception>
    public static MatrixKernel Create(int? vectorBits = null) => (vectorBits ?? WidestBits) switch
    {
        512 when Vector512.IsHardwareAccelerated => new MatrixKernel512(),
        256 when Vector256.IsHardwareAccelerated && Fma.IsSupported => new MatrixKernel256(),
        128 => new MatrixKernel128(),
        int bits => throw new PlatformNotSupportedException(
            $"This processor has no {bits}-bit vectors with multiply-add; the widest is {WidestBits}."),
    };

    /// <summary>512, 256 or 128.</summary>
    public static int WidestBits =>
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated && Fma.IsSupported ? 256 : 128;
}
