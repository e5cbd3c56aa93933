namespace EcapaIlgpu.Engines.Simd;

/// <summary>How the CPU engine uses the machine. No setting changes a bit of the embeddings on a processor with fused multiply-add.</summary>
public sealed record SimdOptions
{
    /// <summary>Threads that compute, the caller's among them; 0 takes every core.</summary>
    public int Threads { get; init; }

    /// <summary>512, 256 or 128: the width of the vectors; null takes the widest that the processor has.</summary>
    public int? VectorBits { get; init; }
}
