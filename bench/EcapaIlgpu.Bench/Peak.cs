using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EcapaIlgpu.Features;

namespace EcapaIlgpu.Bench;

/// <summary>
/// The machine's multiply-add peak in float32: on every thread, independent chains of fused multiply-adds that never leave the
/// registers. An engine cannot exceed it; how near it comes says how much is left to gain.
/// </summary>
internal static class Peak
{
    /// <summary>Multiply-adds in flight: more than latency times throughput of today's cores (4 cycles, 2 a cycle), and fewer than there are registers.</summary>
    private const int Chains = 12;

    /// <summary>
    /// A few milliseconds at a time, and the fastest time counts: short enough that some run undisturbed on a busy machine, so the figure is what
    /// the machine can do rather than what its other users left.
    /// </summary>
    private const int Steps = 1_000_000;

    /// <summary>Width of the vectors that the probe uses.</summary>
    public static int VectorBits { get; } = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;

    /// <summary>Operations (two per multiply-add) per second of all threads together.</summary>
    public static double Measure(int threads, TimeSpan duration)
    {
        Func<float, float> chains = VectorBits switch { 512 => Run<Lanes512>, 256 => Run<Lanes256>, _ => Run<Lanes128> };
        chains(0.5f); // compile before the clock runs
        double[] rates = new double[threads];
        using Barrier start = new(threads);
        Thread[] workers = [.. Enumerable.Range(0, threads).Select(i => new Thread(() =>
        {
            start.SignalAndWait();
            float kept = 0.5f;
            TimeSpan fastest = TimeSpan.MaxValue;
            long began = Stopwatch.GetTimestamp();
            do
            {
                long start = Stopwatch.GetTimestamp();
                kept = chains(kept);
                TimeSpan taken = Stopwatch.GetElapsedTime(start);
                fastest = taken < fastest ? taken : fastest;
            }
            while (Stopwatch.GetElapsedTime(began) < duration);
            rates[i] = 2.0 * Steps * Chains * (VectorBits / 32) / fastest.TotalSeconds;
            GC.KeepAlive(kept);
        }))];
        foreach (Thread worker in workers)
            worker.Start();
        foreach (Thread worker in workers)
            worker.Join();
        return rates.Sum();
    }

    /// <summary>Written out chain by chain, because only locals stay in registers. The value converges, so no subnormal slows it down.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static unsafe float Run<TVector>(float seed)
        where TVector : unmanaged, ILanes<TVector>
    {
        TVector factor = TVector.Broadcast(0.5f), summand = TVector.Broadcast(seed);
        TVector a = summand, b = summand, c = summand, d = summand, e = summand, f = summand;
        TVector g = summand, h = summand, i = summand, j = summand, k = summand, l = summand;
        for (int step = 0; step < Steps; step++)
        {
            a = TVector.MultiplyAdd(a, factor, summand);
            b = TVector.MultiplyAdd(b, factor, summand);
            c = TVector.MultiplyAdd(c, factor, summand);
            d = TVector.MultiplyAdd(d, factor, summand);
            e = TVector.MultiplyAdd(e, factor, summand);
            f = TVector.MultiplyAdd(f, factor, summand);
            g = TVector.MultiplyAdd(g, factor, summand);
            h = TVector.MultiplyAdd(h, factor, summand);
            i = TVector.MultiplyAdd(i, factor, summand);
            j = TVector.MultiplyAdd(j, factor, summand);
            k = TVector.MultiplyAdd(k, factor, summand);
            l = TVector.MultiplyAdd(l, factor, summand);
        }
        // Every chain has to count for something, or the compiler may leave it out.
        float* sums = stackalloc float[TVector.Count];
        TVector.Store(a + b + c + d + e + f + g + h + i + j + k + l, sums);
        return sums[0] / (4 * Chains);
    }
}
