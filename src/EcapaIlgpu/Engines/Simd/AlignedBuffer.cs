using System.Runtime.InteropServices;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>Floats in native memory, aligned to a cache line so that no vector load of a weight panel straddles two.</summary>
internal sealed unsafe class AlignedBuffer : IDisposable
{
    private const nuint Alignment = 64;

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
            _pointer = (float*)NativeMemory.AlignedAlloc((nuint)length * sizeof(float), Alignment);
            Length = length;
        }
        return _pointer;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
        Length = 0;
    }
}
