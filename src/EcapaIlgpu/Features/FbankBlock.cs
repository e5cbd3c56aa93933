using System.Runtime.CompilerServices;

namespace EcapaIlgpu.Features;

/// <summary>
/// The filterbank of a block of frames, one frame in each vector lane.
/// </summary>
/// <remarks>
/// Frames overlap, so the signal is not cut into frames and then transposed: it is cut into hops of 160 samples, which are the columns
/// of a matrix with one row for each place in the hop. Sample <c>i</c> of consecutive frames is then a contiguous run of row
/// <c>i mod 160</c>, starting <c>i / 160</c> columns later, and is loaded as one vector. The sums and the pre-emphasis are computed once
/// per sample, not once per frame it belongs to.
/// </remarks>
internal static unsafe class FbankBlock<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Enough that the two extra hops at a block's end hardly count, few enough that a block stays in the caches.</summary>
    private const int FramesPerBlock = 32;

    private const int HopsPerFrame = (Fbank.FrameLength + Fbank.FrameShift - 1) / Fbank.FrameShift;

    /// <summary>Hops in a row of the matrix: a block's frames, the hops its last frame runs into, rounded up to whole vectors.</summary>
    private static readonly int Stride = (FramesPerBlock + HopsPerFrame - 1 + TLanes.Count - 1) / TLanes.Count * TLanes.Count;

    /// <summary>The first samples of frames: pre-emphasis has no sample before them and uses themselves.</summary>
    private const int FrameStartRow = Fbank.FrameShift;

    /// <summary>The first samples of hops inside a frame, which follow the last sample of the hop before.</summary>
    private const int HopStartRow = Fbank.FrameShift + 1;

    private const int HopRows = Fbank.FrameShift + 2;

    private const int HalfHop = Fbank.FrameShift / 2;

    private const float EnergyFloor = 1.1920929e-7f;

    /// <summary>Where the row of sample <c>i</c> of the block's first frame starts.</summary>
    private static readonly int[] SampleOffset = [.. Enumerable.Range(0, Fbank.FrameLength).Select(i =>
    {
        int place = i % Fbank.FrameShift;
        int row = place != 0 ? place : i == 0 ? FrameStartRow : HopStartRow;
        return (row * Stride) + (i / Fbank.FrameShift);
    })];

    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>Every frame that lies wholly in <paramref name="samples"/>.</summary>
    public static void Compute(ReadOnlySpan<float> samples, Span<float> rows)
    {
        Scratch scratch = _scratch ??= new Scratch();
        int frames = rows.Length / Fbank.MelBins;
        for (int first = 0; first < frames; first += FramesPerBlock)
        {
            int count = Math.Min(FramesPerBlock, frames - first);
            scratch.ComputeBlock(samples[(first * Fbank.FrameShift)..], count, rows.Slice(first * Fbank.MelBins, count * Fbank.MelBins));
        }
    }

    private sealed class Scratch
    {
        private readonly float* _hops;
        private readonly float* _spectrum;
        private readonly float* _power;
        private readonly float* _mel;
        private readonly float* _hopSums;
        private readonly float* _headSums;

        /// <summary>Keeps the pinned memory behind the pointers alive.</summary>
        private readonly float[] _memory;

        public Scratch()
        {
            // A vector that straddles cache lines costs two accesses, so everything starts on a line of 64 bytes.
            const int Line = 64 / sizeof(float);
            int w = TLanes.Count;
            int hops = HopRows * Stride, spectrum = RealFft.Points * w, power = FbankTables.PowerBins * w, mel = Fbank.MelBins * w;
            _memory = GC.AllocateArray<float>(hops + spectrum + power + mel + (2 * Stride) + Line, pinned: true);
            float* start = (float*)Unsafe.AsPointer(ref _memory[0]);
            start = (float*)(((nuint)start + 63) & ~(nuint)63);
            _hops = start;
            _spectrum = _hops + hops;
            _power = _spectrum + spectrum;
            _mel = _power + power;
            _hopSums = _mel + mel;
            _headSums = _hopSums + Stride;
        }

        public void ComputeBlock(ReadOnlySpan<float> samples, int frames, Span<float> rows)
        {
            LoadHops(samples[..(((frames - 1) * Fbank.FrameShift) + Fbank.FrameLength)]);
            for (int frame = 0; frame < frames; frame += TLanes.Count)
            {
                PowerSpectra(frame);
                LogMelEnergies();
                StoreRows(rows.Slice(frame * Fbank.MelBins, Math.Min(TLanes.Count, frames - frame) * Fbank.MelBins));
            }
        }

        /// <summary>Transposes the block's hops, sums them and applies the pre-emphasis.</summary>
        private void LoadHops(ReadOnlySpan<float> samples)
        {
            // Columns beyond the samples keep what an earlier block left: they only reach lanes whose rows are not stored.
            int wholeHops = samples.Length / Fbank.FrameShift, rest = samples.Length % Fbank.FrameShift;
            fixed (float* source = samples)
            {
                Transposition.Transpose(source, Fbank.FrameShift, wholeHops, Fbank.FrameShift, _hops, Stride);
                Transposition.Transpose(source + (wholeHops * Fbank.FrameShift), Fbank.FrameShift, 1, rest, _hops + wholeHops, Stride);
            }

            // The start of a hop follows the last sample of the hop before it; there is none before the first, and none is needed.
            float* lastRow = _hops + ((Fbank.FrameShift - 1) * Stride), hopStarts = _hops + (HopStartRow * Stride);
            for (int hop = 1; hop < Stride; hop++)
                hopStarts[hop] = MathF.FusedMultiplyAdd(-FbankTables.PreEmphasis, lastRow[hop - 1], _hops[hop]);

            TLanes preEmphasis = TLanes.Broadcast(FbankTables.PreEmphasis);
            TLanes startFactor = TLanes.Broadcast(FbankTables.ConstantLeft);
            for (int hop = 0; hop < Stride; hop += TLanes.Count)
            {
                // Upwards, so that each row still finds the raw one above it. The two halves are separate chains of additions, which
                // hides their latency; the upper half's sum is also what a frame takes of its third hop.
                float* head = _hops + hop + ((HalfHop - 1) * Stride), tail = head + (HalfHop * Stride);
                TLanes headSample = TLanes.Load(head), tailSample = TLanes.Load(tail), headLast = headSample;
                TLanes headSum = headSample, tailSum = tailSample;
                for (int i = 1; i < HalfHop; i++, head -= Stride, tail -= Stride)
                {
                    TLanes headBefore = TLanes.Load(head - Stride), tailBefore = TLanes.Load(tail - Stride);
                    TLanes.Store(TLanes.NegatedMultiplyAdd(preEmphasis, headBefore, headSample), head);
                    TLanes.Store(TLanes.NegatedMultiplyAdd(preEmphasis, tailBefore, tailSample), tail);
                    headSum += headSample = headBefore;
                    tailSum += tailSample = tailBefore;
                }
                TLanes.Store(TLanes.NegatedMultiplyAdd(preEmphasis, headLast, tailSample), tail);
                TLanes.Store(startFactor * headSample, _hops + hop + (FrameStartRow * Stride));
                TLanes.Store(headSum, _headSums + hop);
                TLanes.Store(headSum + tailSum, _hopSums + hop);
            }
        }

        /// <summary>Four times the power spectra of the windowed frames.</summary>
        private void PowerSpectra(int frame)
        {
            TLanes sum = TLanes.Load(_hopSums + frame) + TLanes.Load(_hopSums + frame + 1) + TLanes.Load(_headSums + frame + 2);
            // What the pre-emphasis leaves of the mean: it is linear, so the mean may be removed after it.
            TLanes mean = sum * TLanes.Broadcast(FbankTables.ConstantLeft / Fbank.FrameLength);
            fixed (float* window = FbankTables.Window)
            fixed (int* offset = SampleOffset)
            {
                WindowedFrames frames = new(_hops + frame, offset, window, mean);
                RealFft.QuadruplePower<TLanes, WindowedFrames>(frames, Fbank.FrameLength, _spectrum, _power);
            }
        }

        private void LogMelEnergies()
        {
            TLanes floor = TLanes.Broadcast(EnergyFloor);
            float* target = _mel;
            foreach (MelFilter filter in FbankTables.MelFilters)
            {
                TLanes energy = TLanes.Broadcast(0);
                float* bin = _power + (filter.FirstBin * TLanes.Count);
                foreach (float weight in filter.QuarterWeights)
                {
                    energy = TLanes.MultiplyAdd(TLanes.Load(bin), TLanes.Broadcast(weight), energy);
                    bin += TLanes.Count;
                }
                TLanes.Store(TLanes.Log(TLanes.Max(energy, floor)), target);
                target += TLanes.Count;
            }
        }

        /// <summary>From a bin in each row to a frame in each row.</summary>
        private void StoreRows(Span<float> rows)
        {
            fixed (float* target = rows)
                Transposition.Transpose(_mel, TLanes.Count, Fbank.MelBins, rows.Length / Fbank.MelBins, target, Fbank.MelBins);
        }
    }

    /// <summary>Frames with their mean removed and the window applied, in the moment they are read.</summary>
    private readonly struct WindowedFrames(float* hops, int* offset, float* window, TLanes mean) : ISignals<TLanes>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Load(int index) => (TLanes.Load(hops + offset[index]) - mean) * TLanes.Broadcast(window[index]);
    }
}
