using System.Runtime.InteropServices;
using EcapaIlgpu.Kernels;
using EcapaIlgpu.Model;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>
/// A place for one batch on a device: a stream, the activations, and page-locked memory through which input and embeddings pass. While
/// the kernels of one slot's batch run, another slot's input crosses the bus.
/// </summary>
/// <remarks>Not thread-safe: one batch at a time. Several slots of a device may be used at once.</remarks>
internal sealed partial class EngineSlot : IDisposable
{
    private readonly EcapaConfig _config;
    private readonly ForwardPass _forward;
    private readonly StagingBuffer<Float4> _staging;
    private readonly StagingBuffer<Float4> _results;
    private readonly DeviceBuffer<Float4> _input;

    /// <param name="accelerator">The device.</param>
    /// <param name="config">What the network is.</param>
    /// <param name="network">Its weights; shared by slots.</param>
    /// <param name="filterbank">Gives what batches of samples need; shared by slots.</param>
    /// <param name="plan">How kernels are cut.</param>
    public EngineSlot(Accelerator accelerator, EcapaConfig config, Network network, Func<DeviceFilterbank> filterbank, TilePlan plan)
    {
        _config = config;
        Operations = new NetworkOperations(accelerator, accelerator.CreateStream(), network.Storage, plan);
        _forward = new ForwardPass(config, network, filterbank, Operations);
        (_staging, _results, _input) = (new(accelerator), new(accelerator), new(accelerator));
    }

    /// <summary>What is queued, and where.</summary>
    public NetworkOperations Operations { get; }

    /// <summary>Whether single utterances may go by a captured graph.</summary>
    public bool UsesGraphs { get; set; } = true;

    /// <summary>How many did, without a launch of their own.</summary>
    public int GraphRuns { get; private set; }

    private AcceleratorStream Stream => Operations.Stream;

    /// <summary>All memory kept between batches.</summary>
    private IEnumerable<IMovingMemory> Buffers => [_staging, _results, _input, .. _forward.Buffers, .. Operations.Buffers];

    /// <summary>Embeds utterances <paramref name="from"/> to <paramref name="to"/> (exclusive) of a source.</summary>
    /// <param name="source">The utterances.</param>
    /// <param name="from">The first one.</param>
    /// <param name="to">One past the last.</param>
    /// <param name="embeddings">Receives <c>[to - from, EmbeddingSize]</c>.</param>
    /// <param name="cancellation">Stops between parts of the network.</param>
    /// <exception cref="DeviceMemoryException">There is no room on the device; what the slot held is given back.</exception>
    public void Embed(BatchSource source, int from, int to, Span<float> embeddings, CancellationToken cancellation)
    {
        try
        {
            Span<Float4> found = default;
            EmbedByGraph(source, from, to, ref found, cancellation);
            if (found.IsEmpty)
                found = EmbedByLaunches(BatchInput.Take(source, from, to), cancellation);
            int size = _config.EmbeddingSize, stride = 4 * _forward.EmbeddingQuads;
            Span<float> numbers = MemoryMarshal.Cast<Float4, float>(found);
            for (int u = 0; u < to - from; u++)
                numbers.Slice(u * stride, size).CopyTo(embeddings[(u * size)..]);
        }
        catch (DeviceMemoryException)
        {
            Release();
            throw;
        }
        catch (AcceleratorException fault) when (DeviceMemoryException.IsReportedBy(fault) == true)
        {
            Release();
            throw new DeviceMemoryException(Stream.Accelerator.Name, 0, fault);
        }
        catch
        {
            // What was queued may still read the staged input, which the next batch overwrites.
            Stream.Drain();
            throw;
        }
    }

    /// <summary>Gives all memory back; the next batch takes what it needs.</summary>
    public void Release()
    {
        Stream.Drain();
        ForgetGraphs();
        foreach (IMovingMemory buffer in Buffers)
            buffer.Dispose();
    }

    public void Dispose()
    {
        Release();
        Stream.Dispose();
    }

    /// <summary>
    /// Embeds one utterance by a graph that was captured for utterances of about its length; leaves <paramref name="found"/> empty where
    /// there are no graphs.
    /// </summary>
    partial void EmbedByGraph(BatchSource source, int from, int to, ref Span<Float4> found, CancellationToken cancellation);

    /// <summary>Gives captured graphs back: the memory that they work on is to move.</summary>
    partial void ForgetGraphs();

    /// <summary>Embeds by launching kernel after kernel.</summary>
    /// <returns>The embeddings, <c>[utterances, <see cref="ForwardPass.EmbeddingQuads"/>]</c>, until the next batch.</returns>
    private Span<Float4> EmbedByLaunches(BatchInput input, CancellationToken cancellation)
    {
        Stage(input);
        ArrayView<Float4> embeddings = Queue(input.Form, cancellation);
        Span<Float4> results = _results.Require(embeddings.Length);
        embeddings.CopyToCPU(Stream, results);
        // The package's copies come back when they are done; one of page-locked memory may not.
        Stream.Synchronize();
        return results;
    }

    /// <summary>Writes a batch into page-locked memory.</summary>
    private void Stage(BatchInput input)
    {
        _input.Require(input.Form.Quads);
        input.Write(_staging.Require(input.Form.Quads));
    }

    /// <summary>Queues the copy of a staged batch and all its kernels.</summary>
    private ArrayView<Float4> Queue(in InputForm form, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        ArrayView<Float4> input = _input.Require(form.Quads);
        input.CopyFromCPU(Stream, (ReadOnlySpan<Float4>)_staging.Require(form.Quads));
        return _forward.Queue(form, input, cancellation);
    }
}
