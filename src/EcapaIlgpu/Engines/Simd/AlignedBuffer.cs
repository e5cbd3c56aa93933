using System.Runtime.InteropServices;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>
/// Floats in native memory, aligned to a cache line so that no vector load of a weight panel straddles two; large buffers on huge pages
/// where Linux has them to give: 25 MB of weights are 6000 ordinary pages, twice what a core's address cache holds, and every forward pass
/// walks over all of them (5 % of the time of one utterance of 3 s on Zen 4).
/// </summary>
internal sealed unsafe partial class AlignedBuffer : IDisposable
{
    private const nuint CacheLine = 64;

    private const nuint HugePage = 2 << 20;

    /// <summary>MADV_HUGEPAGE of Linux's madvise(2).</summary>
    private const int AdviceHugePages = 14;

    private float* _pointer;

    /// <summary>An empty buffer, grown by <see cref="Require"/>.</summary>
    public AlignedBuffer()
    {
    }

    /// <summary>A zeroed buffer.</summary>
    public AlignedBuffer(long length)
    {
        Require(length);
        NativeMemory.Clear(_pointer, (nuint)length * sizeof(float));
    }

    ~AlignedBuffer() => Free();

    public float* Pointer => _pointer;

    public long Length { get; private set; }

    /// <summary>Makes room for at least <paramref name="length"/> floats. What was there is lost when the buffer grows.</summary>
    /// <exception cref="OutOfMemoryException">The system has not that much memory.</exception>
    public float* Require(long length)
    {
        if (length > Length)
        {
            Free();
            _pointer = Allocate((nuint)length * sizeof(float));
            Length = length;
        }
        return _pointer;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static float* Allocate(nuint bytes)
    {
        // Below half a page the rounding up would cost more memory than the addresses cost time.
        if (!OperatingSystem.IsLinux() || bytes < HugePage / 2)
            return (float*)NativeMemory.AlignedAlloc(bytes, CacheLine);
        bytes = (bytes + HugePage - 1) / HugePage * HugePage;
        void* pointer = NativeMemory.AlignedAlloc(bytes, HugePage);
        // A wish, not a need: a kernel without huge pages says no and the memory is as good as before.
        _ = AdviseMemory(pointer, bytes, AdviceHugePages);
        return (float*)pointer;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int AdviseMemory(void* address, nuint length, int advice);

    private void Free()
    {
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
        Length = 0;
    }
}
