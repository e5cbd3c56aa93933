namespace EcapaIlgpu.Engines.Simd;

/// <summary>
/// An <see cref="Epilogue"/> for one tile of a <see cref="MatrixKernel"/>, in pointers to the tile's first row and column.
/// </summary>
internal unsafe struct TileEpilogue
{
    /// <summary>Added to the sums.</summary>
    public float* Start;

    /// <summary>Floats from one row's <see cref="Start"/> to the next; 0 where all rows start from the bias.</summary>
    public nint StartStride;

    /// <summary>0 for ReLU, else minus infinity.</summary>
    public float Floor;

    /// <summary>Factor per column; null where there is no batch normalisation.</summary>
    public float* Scale;

    /// <summary>Summand per column after <see cref="Scale"/>.</summary>
    public float* Shift;

    /// <summary>Where the tile goes; may be <see cref="Start"/>.</summary>
    public float* Output;

    /// <summary>Floats from one row of the output to the next.</summary>
    public nint OutputStride;
}
