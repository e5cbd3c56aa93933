using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace ILGPU.Beyond;

/// <summary>
/// Copies and launches that were captured from a stream and are queued again as one: for the device's host that is one call instead of
/// one for each.
/// </summary>
/// <remarks>
/// A graph knows addresses and arguments, not buffers: all memory that its copies and launches name must be there, at the same place,
/// whenever it is queued. What lies in that memory may change. One thread at a time may queue a graph.
/// </remarks>
public sealed class CudaGraph : AcceleratorObject
{
    private readonly CudaAccelerator _accelerator;
    private readonly nint _executable;

    internal CudaGraph(CudaAccelerator accelerator, nint executable)
        : base(accelerator)
    {
        _accelerator = accelerator;
        _executable = executable;
    }

    /// <summary>Queues all that was captured.</summary>
    /// <param name="stream">Where; a fault of a launch comes out when the stream is synchronized, as of a launch of its own.</param>
    public void Launch(AcceleratorStream stream)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        _accelerator.Driver.LaunchGraph(_executable, CudaStream.HandleOf(stream, _accelerator));
    }

    private protected override void Release() => _accelerator.Free(driver => driver.DestroyGraphExecutable(_executable));
}

/// <summary>Graphs of an accelerator's streams.</summary>
public static class CudaGraphs
{
    /// <summary>Whether streams of the accelerator can be captured: CUDA alone has graphs.</summary>
    public static bool SupportsGraphs(this Accelerator accelerator) => accelerator is CudaAccelerator;

    /// <summary>Records what would be queued instead of queueing it.</summary>
    /// <param name="stream">A stream of a CUDA accelerator; what was queued before is not part of the graph.</param>
    /// <param name="queue">
    /// Queues copies and launches on the stream. It may not wait for the stream, take or give back memory, or use a kernel for the first
    /// time: run it once outside a capture. Copies from and to the host are of page-locked memory, which is read and written when the
    /// graph runs.
    /// </param>
    /// <exception cref="NotSupportedException">The accelerator has no graphs.</exception>
    /// <exception cref="CudaException">The driver refused; the stream can be used again.</exception>
    public static CudaGraph Capture(this AcceleratorStream stream, Action queue)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(queue);
        if (stream.Accelerator is not CudaAccelerator accelerator)
            throw new NotSupportedException($"{stream.Accelerator} has no graphs.");
        nint handle = CudaStream.HandleOf(stream, accelerator);
        accelerator.Driver.BeginCapture(handle);
        try
        {
            queue();
        }
        catch
        {
            // A capture has to be ended for the stream to be of use; after an error in it this fails, and ends it.
            accelerator.Free(driver => driver.DestroyGraph(driver.EndCapture(handle)));
            throw;
        }
        nint graph = accelerator.Driver.EndCapture(handle);
        try
        {
            return new CudaGraph(accelerator, accelerator.Driver.InstantiateGraph(graph));
        }
        finally
        {
            accelerator.Free(driver => driver.DestroyGraph(graph));
        }
    }
}
