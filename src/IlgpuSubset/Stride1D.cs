namespace ILGPU;

/// <summary>How the elements of a one-dimensional view lie in memory.</summary>
public interface IStride1D
{
    /// <summary>The distance between neighbouring elements, in elements.</summary>
    int XStride { get; }
}

/// <summary>The layouts of one-dimensional views.</summary>
public static class Stride1D
{
    /// <summary>Elements lie next to each other.</summary>
    public readonly struct Dense : IStride1D
    {
        /// <inheritdoc/>
        public int XStride => 1;
    }
}
