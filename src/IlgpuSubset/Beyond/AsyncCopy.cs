namespace ILGPU.Beyond;

/// <summary>
/// Copies from global to shared memory that go on while the thread does other things. Kernels only; CUDA of compute capability 8.0 and
/// newer, and the CPU accelerator, which copies at once.
/// </summary>
/// <remarks>A thread's copies are there for itself after <see cref="Wait"/>, and for its group after a barrier behind that.</remarks>
public static class AsyncCopy
{
    /// <summary>Bytes that one copy writes.</summary>
    public const int Size = 16;

    /// <summary>
    /// Starts a copy of 16 bytes, of which <paramref name="bytes"/> come from the source and the others are zero. Both places are multiples
    /// of 16 bytes; with 0 bytes nothing is read.
    /// </summary>
    /// <param name="target">In shared memory.</param>
    /// <param name="source">In global memory.</param>
    /// <param name="bytes">0 to 16.</param>
    public static void Start<T>(ref T target, ref readonly T source, int bytes)
        where T : unmanaged =>
        throw DeviceOnly.Exception();

    /// <summary>Makes a group of the thread's copies since the last call.</summary>
    public static void Commit() => throw DeviceOnly.Exception();

    /// <summary>Waits until at most so many of the thread's latest groups are still under way.</summary>
    /// <param name="pending">A constant.</param>
    public static void Wait(int pending) => throw DeviceOnly.Exception();
}
