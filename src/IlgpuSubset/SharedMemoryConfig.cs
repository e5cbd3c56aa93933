using System.Runtime.CompilerServices;

namespace ILGPU;

/// <summary>How much dynamic shared memory a launch gives each group.</summary>
/// <param name="numElements">The number of elements.</param>
/// <param name="elementSize">The size of an element in bytes.</param>
public readonly struct SharedMemoryConfig(int numElements, int elementSize)
{
    /// <summary>The number of elements.</summary>
    public int NumElements { get; } = numElements;

    /// <summary>The size of an element in bytes.</summary>
    public int ElementSize { get; } = elementSize;

    /// <summary>The size in bytes.</summary>
    public int ArraySize => checked(NumElements * ElementSize);

    /// <summary>Whether any is asked for.</summary>
    public bool UsesDynamicSharedMemory => NumElements > 0;

    /// <summary>Space for <paramref name="numElements"/> elements of type <typeparamref name="T"/>.</summary>
    public static SharedMemoryConfig RequestDynamic<T>(int numElements)
        where T : unmanaged =>
        new(numElements, Unsafe.SizeOf<T>());
}
