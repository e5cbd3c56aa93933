using ILGPU;

namespace EcapaIlgpu.Kernels;

/// <summary>Copies memory and nothing else: how many bytes a second a device moves, the ceiling of kernels that compute little.</summary>
/// <remarks>
/// Layout: a group has <see cref="QuadsPerThread"/> stretches of one quad a thread, so that neighbouring threads touch neighbouring quads
/// in every access and each thread has several accesses under way. Cost: no operations; 16 bytes read and 16 written a quad.
/// </remarks>
public static class CopyProbe
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 256;

    /// <summary>Quads that a thread copies.</summary>
    public const int QuadsPerThread = 4;

    /// <summary>Quads that a group copies.</summary>
    public const int QuadsPerGroup = Threads * QuadsPerThread;

    /// <summary>
    /// The kernel. One group of <see cref="Threads"/> for each <see cref="QuadsPerGroup"/> quads, in a line, and no quads left over.
    /// </summary>
    /// <param name="source">What is copied.</param>
    /// <param name="target">Receives it; other memory than the source.</param>
    public static void Kernel(ArrayView<Float4> source, ArrayView<Float4> target)
    {
        int first = (Grid.IdxX * QuadsPerGroup) + Group.IdxX;
        for (int i = 0; i < QuadsPerThread; i++)
            target[first + (i * Threads)] = source[first + (i * Threads)];
    }
}
