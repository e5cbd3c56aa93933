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
    /// <param name="tile">The tile of every convolution; null to let the plan choose.</param>
    public CaseDevice(Accelerator accelerator, ProductTile? tile = null)
    {
        Accelerator = accelerator;
        Plan = new TilePlan(accelerator, tile);
        _stream = accelerator.CreateStream();
        _tables = new DeviceBuffer<int>(accelerator);
        Operations = new NetworkOperations(accelerator, _stream, Plan);
    }

    public Accelerator Accelerator { get; }

    public TilePlan Plan { get; }

    public NetworkOperations Operations { get; }

    /// <summary>The tables of utterances of these lengths; those of an earlier call become invalid.</summary>
    public BatchTables Tables(IReadOnlyList<int> lengths) => BatchTables.Upload(Offsets(lengths), _tables, _stream);

    /// <summary>Keeps something until the case has run.</summary>
    public T Keep<T>(T owned)
        where T : IDisposable
    {
        _memory.Add(owned);
        return owned;
    }

    /// <summary>Room for numbers, filled with a number that shows where nothing was written.</summary>
    public ArrayView<Float4> Room(int quads)
    {
        float[] numbers = new float[4 * quads];
        Array.Fill(numbers, 1e9f);
        return Keep(new DeviceVector(Accelerator, numbers)).Quads;
    }

    /// <summary>Rows of a layout, with <paramref name="leftQuads"/> and <paramref name="rightQuads"/> that must not matter on both sides.</summary>
    public DeviceRows Upload(ReadOnlySpan<float> rows, ChannelLayout layout, int leftQuads = 0, int rightQuads = 0)
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
        ArrayView<Float4> view = Keep(new DeviceVector(Accelerator, padded)).Quads;
        return new DeviceRows(view.SubView(leftQuads, view.Length - leftQuads), stride);
    }

    /// <summary>Rows of a layout, as the network numbers their channels.</summary>
    public float[] Download(DeviceRows rows, int count, ChannelLayout layout)
    {
        float[] padded = new float[4 * rows.View.Length], found = new float[count * layout.Channels];
        rows.View.Cast<float>().CopyToCPU(_stream, padded);
        _stream.Synchronize();
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
