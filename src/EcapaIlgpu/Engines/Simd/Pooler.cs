using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>Frames to one vector per utterance: attentive statistics (with or without global context), or plain mean and deviation.</summary>
internal sealed unsafe class Pooler : IDisposable
{
    private const int Channels = EcapaConfig.AggregateChannels;
    private const int Bottleneck = EcapaConfig.Bottleneck;

    /// <summary>Added under the root of the plain deviation, and the floor under that of the weighted one (wespeaker's pooling layers).</summary>
    private const double DeviationFloor = 1e-7;

    private readonly RowProduct _product;
    private readonly WorkerPool _pool;
    private readonly Pooling _kind;
    private readonly bool _wantsDeviation;
    private readonly PackedConv? _down;
    private readonly PackedConv? _context;
    private readonly PackedConv? _up;
    private readonly AlignedBuffer _moments = new();
    private readonly AlignedBuffer _contextBias = new();

    public Pooler(RowProduct product, WorkerPool pool, EcapaWeights weights)
    {
        MatrixKernel kernel = product.Kernel;
        _product = product;
        _pool = pool;
        _kind = weights.Config.Pooling;
        _wantsDeviation = _kind is Pooling.Tstp or Pooling.Tsdp || weights.Config.GlobalContext;
        if (_kind is not Pooling.Astp)
            return;
        _down = PackedConv.Slice(kernel, weights.AttentionDown!, 0, Channels);
        _up = PackedConv.From(kernel, weights.AttentionUp!);
        // W [x; mean; std] + b = W_x x + (W_ms [mean; std] + b): the bracket is the same for every frame and computed once per utterance.
        if (weights.Config.GlobalContext)
            _context = PackedConv.Slice(kernel, weights.AttentionDown!, Channels, 2 * Channels);
    }

    public AlignedBuffer[] Buffers => [_moments, _contextBias];

    /// <summary>Pools every utterance.</summary>
    /// <param name="x"><c>[rows, 1536]</c>.</param>
    /// <param name="offsets">First row of each utterance, then the number of rows.</param>
    /// <param name="hidden"><c>[rows, 128]</c>: room for the attention's hidden layer.</param>
    /// <param name="pooled">Receives <c>[utterances, PooledSize]</c>.</param>
    /// <param name="cancellation">Looked at between stages.</param>
    public void Run(float* x, int[] offsets, float* hidden, float* pooled, CancellationToken cancellation)
    {
        int utterances = offsets.Length - 1;
        float* moments = _moments.Require((long)utterances * 2 * Channels);
        Moments(x, offsets, moments);
        cancellation.ThrowIfCancellationRequested();
        for (int u = 0; u < utterances && _kind is not Pooling.Astp; u++)
        {
            // The moments lie as [mean; deviation]: what each plain pooling gives out is a part of that.
            int from = _kind is Pooling.Tsdp ? Channels : 0, size = _kind is Pooling.Tstp ? 2 * Channels : Channels;
            new ReadOnlySpan<float>(moments + ((nint)u * 2 * Channels) + from, size).CopyTo(new Span<float>(pooled + ((nint)u * size), size));
        }
        if (_kind is not Pooling.Astp)
            return;
        HiddenLayer(x, offsets, moments, hidden);
        cancellation.ThrowIfCancellationRequested();
        int strips = TimeStatistics.Strips(Channels);
        _pool.Run(utterances * strips, (item, _) =>
        {
            int u = item / strips, from = item % strips * TimeStatistics.Strip;
            if (!cancellation.IsCancellationRequested)
                Attend(x, hidden, offsets[u], offsets[u + 1], from, moments + ((nint)u * 2 * Channels) + from, pooled + ((nint)u * 2 * Channels) + from);
        });
        cancellation.ThrowIfCancellationRequested();
    }

    public void Dispose()
    {
        foreach (IDisposable? part in (IEnumerable<IDisposable?>)[_down, _context, _up, .. Buffers])
            part?.Dispose();
    }

    /// <summary>Mean, and where it is wanted sqrt(variance + 1e-7), of every utterance: <c>[utterances, (mean, deviation), 1536]</c>.</summary>
    private void Moments(float* x, int[] offsets, float* moments)
    {
        int strips = TimeStatistics.Strips(Channels);
        _pool.Run((offsets.Length - 1) * strips, (item, _) =>
        {
            int u = item / strips, from = item % strips * TimeStatistics.Strip, frames = offsets[u + 1] - offsets[u];
            float* first = x + ((nint)offsets[u] * Channels) + from;
            float* mean = moments + ((nint)u * 2 * Channels) + from;
            float* deviation = mean + Channels;
            TimeStatistics.Mean(first, Channels, frames, TimeStatistics.Strip, mean);
            if (!_wantsDeviation)
                return;
            TimeStatistics.Variance(first, Channels, frames, TimeStatistics.Strip, mean, deviation);
            for (int c = 0; c < TimeStatistics.Strip; c++)
                deviation[c] = (float)Math.Sqrt(deviation[c] + DeviationFloor);
        });
    }

    /// <summary>The attention's hidden layer, <c>[rows, 128]</c>: tanh(W x + b), with the context's part of W in b.</summary>
    private void HiddenLayer(float* x, int[] offsets, float* moments, float* hidden)
    {
        int rows = offsets[^1], utterances = offsets.Length - 1;
        float* bias = _contextBias.Require((long)utterances * Bottleneck);
        if (_context is not null)
            _product.Run(_context, moments, 2 * Channels, utterances, default, bias, Bottleneck);
        for (int u = 0; u < utterances; u++)
        {
            Span<float> row = new(bias + ((nint)u * Bottleneck), Bottleneck);
            if (_context is null)
                new ReadOnlySpan<float>(_down!.Bias, Bottleneck).CopyTo(row);
            // The sums start from the utterance's own bias: the same start for every frame of it.
            for (int t = offsets[u]; t < offsets[u + 1]; t++)
                row.CopyTo(new Span<float>(hidden + ((nint)t * Bottleneck), Bottleneck));
        }
        _product.Run(_down!, x, Channels, rows, new Epilogue { Accumulate = true }, hidden, Bottleneck);
        const int PieceRows = 64;
        _pool.Run((rows + PieceRows - 1) / PieceRows, (item, _) =>
        {
            for (int row = item * PieceRows; row < Math.Min(rows, (item + 1) * PieceRows); row++)
            {
                // Row by row: a vector library may take another path for another length, and a row's bits must not depend on its neighbours.
                Span<float> values = new(hidden + ((nint)row * Bottleneck), Bottleneck);
                TensorPrimitives.Tanh(values, values);
            }
        });
    }

    /// <summary>
    /// Attention logits, softmax over time and weighted mean and deviation of one strip of channels of one utterance, in one pass: the logits of a few rows at a
    /// time never leave the cache. Running maximum, sum of weights, and sums of weighted distances from the plain mean and of their squares:
    /// taking the distances from a mean that is near the weighted one keeps E[x^2] - E[x]^2 from cancelling, and dividing by the sum of the weights as
    /// it was really summed keeps them summing to one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Attend(float* x, float* hidden, int from, int to, int firstChannel, float* mean, float* pooled)
    {
        const int Strip = TimeStatistics.Strip, Chunk = 8 * MatrixKernel.TileRows;
        float** table = stackalloc float*[Chunk];
        float* logits = stackalloc float[Chunk * Strip];
        float* maximum = stackalloc float[Strip];
        double* sums = stackalloc double[3 * Strip];
        new Span<float>(maximum, Strip).Fill(float.NegativeInfinity);
        new Span<double>(sums, 3 * Strip).Clear();
        int firstPanel = firstChannel / _up!.PanelWidth, lastPanel = (firstChannel + Strip) / _up.PanelWidth;
        for (int row = from; row < to; row += Chunk)
        {
            int count = Math.Min(Chunk, to - row);
            for (int r = 0; r < Chunk; r++)
                table[r] = hidden + ((nint)Math.Min(row + r, to - 1) * Bottleneck);
            _product.RunBlock(_up, table, count, firstPanel, lastPanel, default, logits - firstChannel, Strip);
            for (int c = 0; c < Strip; c += 8)
                Accumulate(logits + c, x + ((nint)row * Channels) + firstChannel + c, count, Vector256.Load(mean + c), maximum + c, sums + c);
        }
        for (int c = 0; c < Strip; c++)
        {
            double distance = sums[Strip + c] / sums[c];
            double variance = (sums[(2 * Strip) + c] / sums[c]) - (distance * distance);
            pooled[c] = (float)(mean[c] + distance);
            pooled[Channels + c] = (float)Math.Sqrt(Math.Max(variance, DeviationFloor));
        }
    }

    /// <summary>Takes up to a chunk of frames of eight channels into the running maximum and sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(float* logits, float* x, int count, Vector256<float> mean, float* maximum, double* sums)
    {
        const int Strip = TimeStatistics.Strip;
        Vector256<float> before = Vector256.Load(maximum), peak = before;
        for (int t = 0; t < count; t++)
            peak = Vector256.Max(peak, Vector256.Load(logits + (t * Strip)));
        Vector256<float> weights = default, firsts = default, seconds = default;
        for (int t = 0; t < count; t++)
        {
            Vector256<float> weight = Vector256.Exp(Vector256.Load(logits + (t * Strip)) - peak);
            Vector256<float> distance = Vector256.Load(x + ((nint)t * Channels)) - mean;
            Vector256<float> weighted = weight * distance;
            weights += weight;
            firsts += weighted;
            seconds = Vector256.MultiplyAddEstimate(weighted, distance, seconds);
        }
        // The same factor multiplies all three sums, so its rounding cancels in their quotients.
        Vector256<float> rescale = Vector256.Exp(before - peak);
        for (int c = 0; c < 8; c++)
        {
            sums[c] = (sums[c] * rescale[c]) + weights[c];
            sums[Strip + c] = (sums[Strip + c] * rescale[c]) + firsts[c];
            sums[(2 * Strip) + c] = (sums[(2 * Strip) + c] * rescale[c]) + seconds[c];
        }
        peak.Store(maximum);
    }
}
