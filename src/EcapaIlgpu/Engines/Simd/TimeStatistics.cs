using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>
/// Mean and variance over the frames of one utterance, a strip of channels at a time so that threads share an utterance by its channels and
/// the order of every sum stays the frames' own.
/// </summary>
internal static unsafe class TimeStatistics
{
    /// <summary>Channels of a strip: four cache lines of each row.</summary>
    public const int Strip = 64;

    /// <summary>
    /// Frames that are summed in float32 before the sum goes on in float64: short enough that rounding stays near one unit in the last
    /// place for an hour of frames, long enough that the float64 part costs nothing.
    /// </summary>
    private const int Chunk = 48;

    /// <summary>Strips that cover <paramref name="channels"/>.</summary>
    public static int Strips(int channels) => (channels + Strip - 1) / Strip;

    /// <summary><c>mean[c] = 1/frames sum_t x[t, c]</c>.</summary>
    public static void Mean(float* x, nint stride, int frames, int channels, float* mean) =>
        Average(x, stride, frames, channels, null, frames, mean);

    /// <summary>
    /// <c>variance[c] = 1/(frames - 1) sum_t (x[t, c] - mean[c])^2</c>; 0 for a single frame, where PyTorch would give NaN.
    /// </summary>
    public static void Variance(float* x, nint stride, int frames, int channels, float* mean, float* variance) =>
        Average(x, stride, frames, channels, mean, Math.Max(1, frames - 1), variance);

    /// <summary>
    /// Sums of x, or of its squared distances from <paramref name="centre"/>, over frames, divided by <paramref name="divisor"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Average(float* x, nint stride, int frames, int channels, float* centre, double divisor, float* result)
    {
        double* total = stackalloc double[Strip];
        float* part = stackalloc float[Strip];
        new Span<double>(total, Strip).Clear();
        for (int from = 0; from < frames; from += Chunk)
        {
            int count = Math.Min(Chunk, frames - from);
            float* row = x + (from * stride);
            int c = 0;
            // Two whole cache lines of each row at once: a row of these is 2 to 6 KB from the next, and a line read twice is fetched twice.
            for (; c + 32 <= channels; c += 32)
            {
                Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
                float* at = row + c;
                if (centre is null)
                {
                    for (int t = 0; t < count; t++, at += stride)
                    {
                        s0 += Vector256.Load(at);
                        s1 += Vector256.Load(at + 8);
                        s2 += Vector256.Load(at + 16);
                        s3 += Vector256.Load(at + 24);
                    }
                }
                else
                {
                    Vector256<float> m0 = Vector256.Load(centre + c), m1 = Vector256.Load(centre + c + 8);
                    Vector256<float> m2 = Vector256.Load(centre + c + 16), m3 = Vector256.Load(centre + c + 24);
                    for (int t = 0; t < count; t++, at += stride)
                    {
                        s0 = AddSquare(Vector256.Load(at) - m0, s0);
                        s1 = AddSquare(Vector256.Load(at + 8) - m1, s1);
                        s2 = AddSquare(Vector256.Load(at + 16) - m2, s2);
                        s3 = AddSquare(Vector256.Load(at + 24) - m3, s3);
                    }
                }
                s0.Store(part + c);
                s1.Store(part + c + 8);
                s2.Store(part + c + 16);
                s3.Store(part + c + 24);
            }
            for (; c + 8 <= channels; c += 8)
            {
                Vector256<float> sum = default;
                Vector256<float> middle = centre is null ? default : Vector256.Load(centre + c);
                for (int t = 0; t < count; t++)
                {
                    Vector256<float> value = Vector256.Load(row + (t * stride) + c) - middle;
                    sum = centre is null ? sum + value : AddSquare(value, sum);
                }
                sum.Store(part + c);
            }
            for (; c < channels; c++)
            {
                float sum = 0f;
                for (int t = 0; t < count; t++)
                {
                    float value = row[(t * stride) + c] - (centre is null ? 0f : centre[c]);
                    sum = centre is null ? sum + value : float.MultiplyAddEstimate(value, value, sum);
                }
                part[c] = sum;
            }
            for (c = 0; c < channels; c++)
                total[c] += part[c];
        }
        for (int c = 0; c < channels; c++)
            result[c] = (float)(total[c] / divisor);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> AddSquare(Vector256<float> value, Vector256<float> sum) =>
        Vector256.MultiplyAddEstimate(value, value, sum);
}
