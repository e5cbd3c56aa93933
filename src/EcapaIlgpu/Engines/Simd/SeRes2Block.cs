using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>One SE-Res2 block: <c>x += gate * Second(Res2(First(x)))</c>, in place.</summary>
internal sealed unsafe class SeRes2Block : IDisposable
{
    /// <summary>Convolved splits: all but the last.</summary>
    private const int Steps = EcapaConfig.Res2Scale - 1;

    /// <summary>
    /// Frames of a Res2 piece: two buffers of that many rows of C/8 channels lie in the second-level cache for the whole chain, and
    /// what is computed twice at the cuts (on average 3 dilations a side) stays small beside it.
    /// </summary>
    private const int LongestPiece = 512, ShortestPiece = 128;

    private readonly RowProduct _product;
    private readonly WorkerPool _pool;
    private readonly float* _zeros;
    private readonly int _channels;
    private readonly int _width;
    private readonly int _dilation;
    private readonly PackedConv _first;
    private readonly PackedConv[] _steps;
    private readonly PackedConv _second;
    private readonly PackedConv _squeeze;
    private readonly PackedConv _excite;
    private readonly AlignedBuffer _inner = new();
    private readonly AlignedBuffer _outer = new();
    private readonly AlignedBuffer _gates = new();
    private readonly AlignedBuffer[] _scratch;

    public SeRes2Block(RowProduct product, WorkerPool pool, SeRes2BlockWeights weights, float* zeros)
    {
        MatrixKernel kernel = product.Kernel;
        _product = product;
        _pool = pool;
        _zeros = zeros;
        _channels = weights.First.Conv.Outputs;
        _width = _channels / EcapaConfig.Res2Scale;
        _dilation = weights.Dilation;
        _first = PackedConv.From(kernel, weights.First.Conv, weights.First.Bn);
        _steps = [.. weights.Res2.Select(step => PackedConv.From(kernel, step.Conv, step.Bn))];
        _second = PackedConv.From(kernel, weights.Second.Conv, weights.Second.Bn);
        _squeeze = PackedConv.From(kernel, weights.Squeeze);
        _excite = PackedConv.From(kernel, weights.Excite);
        _scratch = [.. Enumerable.Range(0, pool.Threads).Select(_ => new AlignedBuffer())];
    }

    /// <summary>Runs the block over a batch.</summary>
    /// <param name="state"><c>[rows, C]</c>: the block's input, and its output.</param>
    /// <param name="branch"><c>[rows, C]</c>: room for what the gate scales.</param>
    /// <param name="offsets">First row of each utterance, then the number of rows.</param>
    /// <param name="ranges">The batch, cut so that the inner activations of a range fit the cache.</param>
    /// <param name="cancellation">Looked at between ranges.</param>
    public void Run(float* state, float* branch, int[] offsets, FrameRange[] ranges, CancellationToken cancellation)
    {
        nint channels = _channels;
        foreach (FrameRange range in ranges)
        {
            // Seven chained convolutions see seven dilations far. At the cuts of a long utterance those rows are computed for both sides.
            FrameRange wide = range.Widen(Steps * _dilation);
            float* inner = _inner.Require(wide.Frames * channels);
            float* outer = _outer.Require(range.Frames * channels);
            _product.Run(_first, state + (wide.From * channels), channels, wide.Frames, new Epilogue { Relu = true }, inner, channels);
            Res2(range, offsets, inner - (wide.From * channels), outer - (range.From * channels));
            _product.Run(_second, outer, channels, range.Frames, new Epilogue { Relu = true }, branch + (range.From * channels), channels);
            cancellation.ThrowIfCancellationRequested();
        }
        Scale(state, branch, offsets, Gates(branch, offsets));
    }

    public void Dispose()
    {
        foreach (IDisposable part in (IEnumerable<IDisposable>)[_first, .. _steps, _second, _squeeze, _excite, _inner, _outer, _gates, .. _scratch])
            part.Dispose();
    }

    /// <summary>The Res2 convolution over a range; row r of the range lies at <c>r * C</c> of both pointers.</summary>
    private void Res2(FrameRange range, int[] offsets, float* inner, float* outer)
    {
        int longest = Math.Clamp((range.Frames + _pool.Threads - 1) / _pool.Threads, ShortestPiece, LongestPiece);
        FrameRange[] pieces = range.CutUtterances(offsets, longest);
        _pool.Run(pieces.Length, (p, thread) => Chain(pieces[p], inner, outer, _scratch[thread]));
    }

    /// <summary>
    /// <c>y0 = f0(s0), yi = fi(y(i-1) + si)</c>, output <c>[y0..y6, s7]</c> for one piece of one utterance. Each step needs its neighbours one dilation away, so the
    /// first step runs over the piece and six dilations around it, the last over the piece alone.
    /// </summary>
    private void Chain(FrameRange piece, float* inner, float* outer, AlignedBuffer scratch)
    {
        const int BlockRows = 16 * MatrixKernel.TileRows;
        nint channels = _channels, width = _width;
        FrameRange wide = piece.Widen(Steps * _dilation);
        float* input = scratch.Require(2 * wide.Frames * width) - (wide.From * width);
        float* result = input + (wide.Frames * width);
        float** table = stackalloc float*[BlockRows * 3];
        for (int row = wide.From; row < wide.To; row++)
            Copy(inner + (row * channels), input + (row * width));
        for (int step = 0; step < Steps; step++)
        {
            PackedConv conv = _steps[step];
            FrameRange reach = piece.Widen((Steps - 1 - step) * _dilation);
            for (int from = reach.From; from < reach.To; from += BlockRows)
            {
                int count = Math.Min(BlockRows, reach.To - from);
                for (int r = 0; r < RowProduct.RoundUp(count); r++)
                    RowProduct.FillTaps(table, r, conv, input, Math.Min(from + r, reach.To - 1), _dilation, piece.First, piece.End, _zeros);
                _product.RunBlock(conv, table, count, 0, conv.Panels, new Epilogue { Relu = true }, result + (from * width), width);
            }
            for (int row = piece.From; row < piece.To; row++)
                Copy(result + (row * width), outer + (row * channels) + (step * width));
            for (int row = reach.From; step < Steps - 1 && row < reach.To; row++)
                Add(result + (row * width), inner + (row * channels) + ((step + 1) * width), input + (row * width));
        }
        for (int row = piece.From; row < piece.To; row++)
            Copy(inner + (row * channels) + (Steps * width), outer + (row * channels) + (Steps * width));
    }

    /// <summary>The squeeze-excite gates, <c>[utterances, C]</c>: sigmoid(W2 relu(W1 mean_t + b1) + b2).</summary>
    private float* Gates(float* branch, int[] offsets)
    {
        int utterances = offsets.Length - 1, channels = _channels, strips = TimeStatistics.Strips(channels);
        float* gates = _gates.Require((long)utterances * (channels + EcapaConfig.Bottleneck));
        float* squeezed = gates + ((nint)utterances * channels);
        _pool.Run(utterances * strips, (item, _) =>
        {
            int u = item / strips, from = item % strips * TimeStatistics.Strip;
            TimeStatistics.Mean(
                branch + ((nint)offsets[u] * channels) + from, channels, offsets[u + 1] - offsets[u],
                Math.Min(TimeStatistics.Strip, channels - from), gates + ((nint)u * channels) + from);
        });
        _product.Run(_squeeze, gates, channels, utterances, new Epilogue { Relu = true }, squeezed, EcapaConfig.Bottleneck);
        _product.Run(_excite, squeezed, EcapaConfig.Bottleneck, utterances, default, gates, channels);
        for (int u = 0; u < utterances; u++)
        {
            Span<float> gate = new(gates + ((nint)u * channels), channels);
            TensorPrimitives.Sigmoid(gate, gate);
        }
        return gates;
    }

    /// <summary><c>state += gate * branch</c>, the gate being the utterance's.</summary>
    private void Scale(float* state, float* branch, int[] offsets, float* gates)
    {
        const int PieceRows = 64;
        int rows = offsets[^1];
        nint channels = _channels;
        _pool.Run((rows + PieceRows - 1) / PieceRows, (item, _) =>
        {
            int from = item * PieceRows, to = Math.Min(rows, from + PieceRows);
            int u = Array.BinarySearch(offsets, from);
            if (u < 0)
                u = ~u - 1;
            for (int row = from; row < to; row++)
            {
                while (row >= offsets[u + 1])
                    u++;
                MultiplyAdd(branch + (row * channels), gates + (u * channels), state + (row * channels), channels);
            }
        });
    }

    private void Copy(float* source, float* target) => new ReadOnlySpan<float>(source, _width).CopyTo(new Span<float>(target, _width));

    private void Add(float* left, float* right, float* sum)
        => TensorPrimitives.Add(new ReadOnlySpan<float>(left, _width), new ReadOnlySpan<float>(right, _width), new Span<float>(sum, _width));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyAdd(float* x, float* factor, float* y, nint count)
    {
        nint c = 0;
        for (; c + 8 <= count; c += 8)
            Vector256.MultiplyAddEstimate(Vector256.Load(x + c), Vector256.Load(factor + c), Vector256.Load(y + c)).Store(y + c);
        for (; c < count; c++)
            y[c] = float.MultiplyAddEstimate(x[c], factor[c], y[c]);
    }
}
