namespace ILGPU.Algorithms;

/// <summary>Makes <see cref="XMath"/> available to kernels.</summary>
public static class AlgorithmContextExtensions
{
    /// <summary>Asks for the mathematics in kernels; here they are always there.</summary>
    public static Context.Builder EnableAlgorithms(this Context.Builder builder) => builder;
}
