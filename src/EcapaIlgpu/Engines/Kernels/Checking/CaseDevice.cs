using EcapaIlgpu.Engines.Reference;
using EcapaIlgpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels.Checking;

/// <summary>An open device on which cases run: uploads what an operation reads, downloads what it has written.</summary>
/// <remarks>Not thread-safe.</remarks>
internal sealed class CaseDevice : IDisposable
{
    private readonly List<IDisposable> _memory = [];
    private readonly AcceleratorStream _stream;
    private readonly DeviceBuffer<int> _tables;

    /// <param name="accelerator">The device; it stays the caller's.</param>
    /// <param name="precision">How rows are stored and multiplied.</param>
    /// <param name="plan">How kernels are cut; null for what fits the device.</param>
    public CaseDevice(Accelerator accelerator, Precision precision = Precision.Fp32, TilePlan? plan = null)
    {
        (Accelerator, Precision) = (accelerator, precision);
        Plan = plan ?? new TilePlan(accelerator);
        _stream = accelerator.CreateStream();
        _tables = new DeviceBuffer<int>(accelerator);
        Operations = new NetworkOperations(accelerator, _stream, RowStorage.Of(precision, accelerator, Plan), Plan);
    }

    public Accelerator Accelerator { get; }

    public Precision Precision { get; }

    public TilePlan Plan { get; }

    public NetworkOperations Operations { get; }

    /// <summary>The tables of utterances of these lengths; those of an earlier call become invalid.</summary>
    public BatchTables Tables(IReadOnlyList<int> lengths, ReadOnlySpan<int> sampleOffsets = default) =>
        BatchTables.Upload(Offsets(lengths), _tables, _stream, sampleOffsets);

    /// <summary>Keeps something until the case has run.</summary>
    public T Keep<T>(T owned)
        where T : IDisposable
    {
        _memory.Add(owned);
        return owned;
    }

    /// <summary>How rows of activations are stored.</summary>
    public RowStorage Storage => Operations.Storage;

    /// <summary>Room for float32 numbers, filled with a number that shows where nothing was written.</summary>
    public ArrayView<Float4> Room(int quads) => Room(RowStorage.Float32, quads).As<Float4>();

    /// <summary>Room for rows of activations, filled so.</summary>
    public QuadView RowRoom(int quads) => Room(Storage, quads);

    /// <summary>Features or vectors of a layout: float32.</summary>
    public DeviceRows UploadFloat32(ReadOnlySpan<float> rows, ChannelLayout layout, int leftQuads = 0, int rightQuads = 0) =>
        Upload(RowStorage.Float32, rows, layout, leftQuads, rightQuads);

    /// <summary>
    /// Rows of activations of a layout, with <paramref name="leftQuads"/> and <paramref name="rightQuads"/> that must not matter on both
    /// sides.
    /// </summary>
    public DeviceRows Upload(ReadOnlySpan<float> rows, ChannelLayout layout, int leftQuads = 0, int rightQuads = 0) =>
        Upload(Storage, rows, layout, leftQuads, rightQuads);

    private QuadView Room(RowStorage storage, int quads)
    {
        float[] numbers = new float[4 * quads];
        Array.Fill(numbers, 1e9f);
        return Keep(storage.Upload(Accelerator, numbers)).View;
    }

    private DeviceRows Upload(RowStorage storage, ReadOnlySpan<float> rows, ChannelLayout layout, int leftQuads, int rightQuads)
    {
        int channels = layout.Channels, count = rows.Length / channels, stride = leftQuads + layout.Quads + rightQuads;
        float[] padded = new float[count * stride * 4];
        for (int row = 0; row < count; row++)
        {
            Span<float> target = padded.AsSpan(row * stride * 4, stride * 4);
            target.Fill(float.NaN);
            target = target.Slice(4 * leftQuads, layout.Padded);
            target.Clear();
            for (int c = 0; c < channels; c++)
                target[layout.Position(c)] = rows[(row * channels) + c];
        }
        QuadView view = Keep(storage.Upload(Accelerator, padded)).View;
        return new DeviceRows(view.SubView(leftQuads, view.Length - leftQuads), stride);
    }

    /// <summary>Rows of a layout, as the network numbers their channels.</summary>
    public float[] Download(DeviceRows rows, int count, ChannelLayout layout)
    {
        float[] padded = (rows.View.QuadBytes == Storage.QuadBytes ? Storage : RowStorage.Float32).Download(_stream, rows.View);
        float[] found = new float[count * layout.Channels];
        for (int row = 0; row < count; row++)
        {
            for (int c = 0; c < layout.Channels; c++)
                found[(row * layout.Channels) + c] = padded[(row * rows.Stride * 4) + layout.Position(c)];
        }
        return found;
    }

    /// <summary>Releases what a case has kept.</summary>
    public void Clear()
    {
        _stream.Drain();
        foreach (IDisposable owned in _memory)
            owned.Dispose();
        _memory.Clear();
    }

    public void Dispose()
    {
        Clear();
        foreach (IDisposable part in (IEnumerable<IDisposable>)[_tables, .. Operations.Buffers, _stream])
            part.Dispose();
    }

    internal static int[] Offsets(IReadOnlyList<int> lengths)
    {
        int[] offsets = new int[lengths.Count + 1];
        for (int u = 0; u < lengths.Count; u++)
            offsets[u + 1] = offsets[u] + lengths[u];
        return offsets;
    }

    /// <summary>Utterances of packed float32 rows, in float64.</summary>
    internal static FrameMatrix[] Utterances(ReadOnlySpan<float> rows, int channels, IReadOnlyList<int> lengths)
    {
        int[] offsets = Offsets(lengths);
        FrameMatrix[] utterances = new FrameMatrix[lengths.Count];
        for (int u = 0; u < utterances.Length; u++)
            utterances[u] = FrameMatrix.FromRows(rows[(offsets[u] * channels)..(offsets[u + 1] * channels)], channels);
        return utterances;
    }
}
