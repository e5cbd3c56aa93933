using EcapaIlgpu.Features;
using EcapaIlgpu.Model;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>
/// The network as C# kernels on an accelerator: an NVIDIA GPU through CUDA, any GPU through OpenCL, or the kernels compiled for the CPU.
/// From feature rows, or from samples with the filterbank on the device as well.
/// </summary>
/// <remarks>
/// <para>
/// Memory on the device for R frames is about 4 R (3 C + max(3 C, 1536)) bytes beside the weights: 12 KB a frame with 512 channels, 25 KB
/// with 1024, half of that where activations are stored in 16 bits; for each of <see cref="Concurrency"/> calls at once. It is kept for the
/// next batch. A batch that does not fit is computed in two halves, and these in halves again; only a single utterance that does not fit
/// even with the device to itself is an error.
/// </para>
/// <para>
/// Thread-safe: <see cref="Concurrency"/> calls run at once, on streams of their own; more wait for their turn. <see cref="Dispose"/> may
/// be called twice, but not during a call.
/// </para>
/// </remarks>
public sealed partial class KernelEngine : IWaveformEngine
{
    /// <summary>Frames beyond which a batch of a GPU gains nothing: an H200 works through this many in about 40 ms.</summary>
    private const int MostRowsOnGpu = 262_144;

    /// <summary>The same of a processor, which is busy from a few frames on: what is left is memory.</summary>
    private const int MostRowsOnProcessor = 16_384;

    private readonly EcapaWeights _weights;
    private readonly Accelerator _accelerator;
    private readonly IDisposable? _owned;
    private readonly Network _network;
    private readonly SlotPool _slots;
    private readonly Lock _filterbankLock = new();
    private DeviceFilterbank? _filterbank;
    private int _disposed;

    /// <summary>Uploads the weights.</summary>
    /// <param name="weights">The network.</param>
    /// <param name="accelerator">Where it runs.</param>
    /// <param name="precision">With how many bits; one of <see cref="PrecisionSupport.Of"/>.</param>
    /// <param name="plan">How kernels are cut; null for what fits the device.</param>
    /// <param name="owned">What is disposed with the engine; null for nothing.</param>
    internal KernelEngine(
        EcapaWeights weights, Accelerator accelerator, Precision precision = Precision.Fp32, TilePlan? plan = null,
        IDisposable? owned = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(accelerator);
        // Kernels trust the shapes from here on.
        weights = EcapaTensors.Checked(weights);
        (_weights, _accelerator, _owned, Precision) = (weights, accelerator, owned, precision);
        plan ??= new TilePlan(accelerator);
        _network = new Network(accelerator, RowStorage.Of(precision, accelerator, plan), weights);
        // A processor has no bus to hide, and one batch's kernels take all of it.
        int slots = accelerator.AcceleratorType == AcceleratorType.CPU ? 1 : 2;
        _slots = new SlotPool(
            [.. Enumerable.Range(0, slots).Select(_ => new EngineSlot(accelerator, weights.Config, _network, Filterbank, plan))]);
        Description = $"{DeviceSelector.KindOf(accelerator.AcceleratorType)} ({accelerator.Name}, {precision.Name()})";
        RowsThatFit = FittingRows();
    }

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public Precision Precision { get; }

    /// <inheritdoc/>
    public EcapaConfig Config => _weights.Config;

    /// <inheritdoc/>
    public int Concurrency => _slots.Count;

    /// <inheritdoc/>
    /// <remarks>
    /// Such that the batches take four fifths of the memory that was free when the weights had been uploaded, and no more than does a
    /// device good.
    /// </remarks>
    public int RowsThatFit { get; }

    /// <summary>
    /// Sees every launch of calls that come one at a time; null for none. While there is one, kernels are launched one by one.
    /// </summary>
    internal ILaunchObserver? Observer
    {
        get => _slots.First.Operations.Observer;
        set => _slots.First.Operations.Observer = value;
    }

    /// <summary>Whether a call that comes alone with one utterance may replay a captured graph in place of launching kernels.</summary>
    internal bool UsesGraphs
    {
        get => _slots.First.UsesGraphs;
        set => _slots.First.UsesGraphs = value;
    }

    /// <summary>How many times that was done.</summary>
    internal int GraphRuns => _slots.First.GraphRuns;

    /// <summary>Where the launches of calls that come one at a time are queued, for markers among them.</summary>
    internal AcceleratorStream Stream => _slots.First.Operations.Stream;

    /// <inheritdoc/>
    /// <exception cref="InputException">A single utterance does not fit the device's memory.</exception>
    /// <exception cref="DeviceException">The device failed.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed.</exception>
    public void Embed(PackedBatch batch, Span<float> embeddings, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.FeatureDim != Config.FeatureDim)
        {
            throw new ArgumentException(
                $"The network reads {Config.FeatureDim} numbers a frame, the batch has {batch.FeatureDim}.", nameof(batch));
        }
        Run(new FeatureSource(batch), embeddings, cancellation);
    }

    /// <inheritdoc/>
    public void EmbedSamples(
        ReadOnlyMemory<short> samples, ReadOnlyMemory<int> sampleOffsets, Span<float> embeddings,
        CancellationToken cancellation = default) =>
        RunSamples(samples, sampleOffsets, embeddings, cancellation);

    /// <inheritdoc/>
    public void EmbedSamples(
        ReadOnlyMemory<float> samples, ReadOnlyMemory<int> sampleOffsets, Span<float> embeddings,
        CancellationToken cancellation = default) =>
        RunSamples(samples, sampleOffsets, embeddings, cancellation);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _slots.Dispose();
        _filterbank?.Dispose();
        _network.Dispose();
        _owned?.Dispose();
    }

    private void RunSamples<T>(
        ReadOnlyMemory<T> samples, ReadOnlyMemory<int> sampleOffsets, Span<float> embeddings, CancellationToken cancellation)
        where T : unmanaged
    {
        if (Config.FeatureDim != Fbank.MelBins)
        {
            throw new ArgumentException(
                $"The filterbank has {Fbank.MelBins} bins, the network reads {Config.FeatureDim}.", nameof(samples));
        }
        Run(new SampleSource<T>(samples, sampleOffsets), embeddings, cancellation);
    }

    private void Run(BatchSource source, Span<float> embeddings, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        if (embeddings.Length != (long)source.Utterances * Config.EmbeddingSize)
        {
            throw new ArgumentException(
                $"{source.Utterances} embeddings of {Config.EmbeddingSize} do not fit a span of {embeddings.Length}.", nameof(embeddings));
        }
        try
        {
            RunRange(source, 0, source.Utterances, embeddings, cancellation);
        }
        catch (AcceleratorException fault)
        {
            throw new DeviceException(_accelerator.Name, fault);
        }
    }

    /// <summary>
    /// Utterances <paramref name="from"/> to <paramref name="to"/> (exclusive), in halves where the device is too small for all.
    /// </summary>
    private void RunRange(BatchSource source, int from, int to, Span<float> embeddings, CancellationToken cancellation)
    {
        if (from == to)
            return;
        int rows = source.Offsets[to] - source.Offsets[from], size = Config.EmbeddingSize;
        Span<float> part = embeddings.Slice(from * size, (to - from) * size);
        if (TryRun(source, from, to, part, alone: false, cancellation) is not { } full)
            return;
        if (to - from == 1)
        {
            // The other calls' memory may be all that is missing.
            if (TryRun(source, from, to, part, alone: true, cancellation) is null)
                return;
            throw new InputException(
                $"utterance {from} of the batch",
                $"its {rows} frames ({rows / 100.0:f0} s) do not fit the memory of {_accelerator.Name} "
                + $"({_accelerator.MemorySize / 1e9:f1} GB); cut it into pieces, or use --device cpu.",
                full);
        }
        int middle = from + 1;
        while (middle < to - 1 && source.Offsets[middle] - source.Offsets[from] < rows / 2)
            middle++;
        RunRange(source, from, middle, embeddings, cancellation);
        RunRange(source, middle, to, embeddings, cancellation);
    }

    /// <summary>Runs utterances as one batch; what was in the way where the device has no room for it.</summary>
    private DeviceMemoryException? TryRun(
        BatchSource source, int from, int to, Span<float> embeddings, bool alone, CancellationToken cancellation)
    {
        int rows = source.Offsets[to] - source.Offsets[from], most = ForwardPass.MostRows(_network);
        if (rows > most)
        {
            return new DeviceMemoryException(
                _accelerator.Name, rows * ForwardPass.BytesPerRow(_network), new OverflowException($"at most {most} frames"));
        }
        try
        {
            using SlotLease lease = alone ? _slots.RentAlone(cancellation) : _slots.Rent(cancellation);
            lease.Slot.Embed(source, from, to, embeddings, cancellation);
            return null;
        }
        catch (DeviceMemoryException e)
        {
            return e;
        }
        catch (OverflowException e)
        {
            // Samples of more bytes than an array of the host may have.
            return new DeviceMemoryException(_accelerator.Name, rows * ForwardPass.BytesPerRow(_network), e);
        }
    }

    /// <summary>The filterbank, from the first batch of samples on: features need none.</summary>
    private DeviceFilterbank Filterbank()
    {
        lock (_filterbankLock)
            return _filterbank ??= new DeviceFilterbank(_accelerator);
    }

    private int FittingRows()
    {
        long free = _accelerator.MemorySize;
        QueryFreeMemory(_accelerator, ref free);
        bool processor = _accelerator.AcceleratorType == AcceleratorType.CPU
            || (_accelerator.Device is CLDevice device && !DeviceSelector.IsGpu(device));
        int most = Math.Min(processor ? MostRowsOnProcessor : MostRowsOnGpu, ForwardPass.MostRows(_network));
        return (int)Math.Clamp(free / 5 * 4 / Concurrency / ForwardPass.BytesPerRow(_network), 1, most);
    }

    /// <summary>The memory of a device that nothing uses, in bytes; what all of it is where that cannot be said.</summary>
    static partial void QueryFreeMemory(Accelerator accelerator, ref long free);
}
