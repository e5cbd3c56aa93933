namespace ILGPU.Runtime;

/// <summary>Something that belongs to an accelerator and must be released before it. Safe to dispose twice.</summary>
public abstract class AcceleratorObject : IDisposable
{
    private int _disposed;

    private protected AcceleratorObject(Accelerator accelerator) => Accelerator = accelerator;

    /// <summary>The accelerator that owns the object.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>Whether the object was released.</summary>
    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back what the object holds; called once.</summary>
    private protected abstract void Release();
}
