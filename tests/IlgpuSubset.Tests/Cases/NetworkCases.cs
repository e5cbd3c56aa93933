using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace ILGPU.Tests.Cases;

/// <summary>Patterns of the network's kernels in small: what they combine is where compilers break.</summary>
internal static class NetworkCases
{
    public static IReadOnlyList<CompilerCase> All { get; } =
    [
        new("segments from an offsets table, staged in shared memory", Segments),
        new("softmax statistics in one pass", RunningSoftmax),
        new("double buffer", DoubleBuffer),
        new("tile in a structure with a view", TileStructure),
        new("predicated wide loads", PredicatedWideLoads),
        new("chain of dependent convolutions", Chain),
        new("butterfly in shared memory", Butterfly),
        new("activation as a type argument", Activations),
        CompilerCase.Produce<int>("while true with break in a called method", Searches, (1, 32), i => i * i),
    ];

    private interface IActivation
    {
        static abstract float Apply(float x);
    }

    /// <summary>Sums each segment of rows by a group that walks over it in tiles, with barriers in a loop of loaded bounds.</summary>
    private static void Segments(Accelerator accelerator)
    {
        int[] offsets = [0, 5, 5, 40, 57];
        float[] rows = [.. Enumerable.Range(0, 57).Select(i => (float)(i % 11))];
        using var offsetBuffer = accelerator.Allocate1D(offsets);
        using var rowBuffer = accelerator.Allocate1D(rows);
        using var sums = accelerator.Allocate1D<float>(4);
        accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<float>, ArrayView<float>>(Kernel)(
            (4, 16), offsetBuffer.View, rowBuffer.View, sums.View);
        CompilerCase.Equal([.. Enumerable.Range(0, 4).Select(s => rows[offsets[s]..offsets[s + 1]].Sum())], sums.GetAsArray1D());

        static void Kernel(ArrayView<int> offsets, ArrayView<float> rows, ArrayView<float> sums)
        {
            ArrayView<float> tile = SharedMemory.Allocate<float>(16);
            int start = offsets[Grid.IdxX];
            int end = offsets[Grid.IdxX + 1];
            float total = 0;
            for (int row = start; row < end; row += 16)
            {
                int mine = row + Group.IdxX;
                tile[Group.IdxX] = mine < end ? rows[mine] : 0;
                Group.Barrier();
                for (int i = 0; i < 16; i++)
                    total += tile[i];
                Group.Barrier();
            }
            if (Group.IsFirstThread)
                sums[Grid.IdxX] = total;
        }
    }

    private static void RunningSoftmax(Accelerator accelerator)
    {
        const int Frames = 37;
        float[] logits = [.. Enumerable.Range(0, Frames * 4).Select(i => MathF.Sin(i * 0.7f) * 5)];
        using var source = accelerator.Allocate1D(logits);
        using var target = accelerator.Allocate1D<float>(8);
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int>(Kernel)((1, 4), source.View, target.View, Frames);
        double[] expected = new double[8];
        for (int c = 0; c < 4; c++)
        {
            double[] x = [.. Enumerable.Range(0, Frames).Select(t => (double)logits[t * 4 + c])];
            double sum = x.Sum(Math.Exp);
            expected[c] = x.Sum(v => Math.Exp(v) * v) / sum;
            expected[4 + c] = Math.Sqrt(x.Sum(v => Math.Exp(v) * v * v) / sum - expected[c] * expected[c]);
        }
        CompilerCase.Equal([.. expected.Select(v => (float)v)], target.GetAsArray1D(), 1e-5);

        static void Kernel(ArrayView<float> x, ArrayView<float> y, int frames)
        {
            float max = float.NegativeInfinity;
            float sum = 0;
            float first = 0;
            float second = 0;
            for (int t = 0; t < frames; t++)
            {
                float v = x[t * Group.DimX + Group.IdxX];
                if (v > max)
                {
                    float scale = XMath.Exp(max - v);
                    (sum, first, second, max) = (sum * scale, first * scale, second * scale, v);
                }
                float weight = XMath.Exp(v - max);
                sum += weight;
                first += weight * v;
                second += weight * v * v;
            }
            float mean = first / sum;
            y[Group.IdxX] = mean;
            y[Group.DimX + Group.IdxX] = XMath.Sqrt(XMath.Max(second / sum - mean * mean, 1e-7f));
        }
    }

    private static void DoubleBuffer(Accelerator accelerator)
    {
        int[] data = [.. Enumerable.Range(0, 8 * 10)];
        using var source = accelerator.Allocate1D(data);
        using var target = accelerator.Allocate1D<int>(8);
        accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<int>, int>(Kernel)((1, 8), source.View, target.View, 10);
        CompilerCase.Equal(
            [.. Enumerable.Range(0, 8).Select(i => Enumerable.Range(0, 10).Sum(r => data[r * 8 + 7 - i] * (r + 1)))],
            target.GetAsArray1D());

        static void Kernel(ArrayView<int> x, ArrayView<int> y, int rounds)
        {
            ArrayView<int> both = SharedMemory.Allocate<int>(16);
            int buffer = 0;
            both[Group.IdxX] = x[Group.IdxX];
            Group.Barrier();
            int sum = 0;
            for (int round = 0; round < rounds; round++)
            {
                int next = round + 1 < rounds ? x[(round + 1) * 8 + Group.IdxX] : 0;
                ArrayView<int> front = both.SubView(buffer * 8, 8);
                sum += front[7 - Group.IdxX] * (round + 1);
                buffer ^= 1;
                both.SubView(buffer * 8, 8)[Group.IdxX] = next;
                Group.Barrier();
            }
            y[Group.IdxX] = sum;
        }
    }

    private static void TileStructure(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<float>(8);
        accelerator.LoadStreamKernel<ArrayView<float>, SpecializedValue<int>>(Kernel)((1, 8), target.View, SpecializedValue.New(3));
        CompilerCase.Equal([.. Enumerable.Range(0, 8).Select(i => 9f * i + (0 + 1 + 2) * 3 * 10 + (0 + 1 + 2) * 3)], target.GetAsArray1D());

        static void Kernel(ArrayView<float> y, SpecializedValue<int> size)
        {
            var tile = new Tile(LocalMemory.Allocate<float>(size * size), size);
            for (int r = 0; r < size; r++)
            {
                for (int c = 0; c < size; c++)
                    tile[r, c] = Group.IdxX + r * 10;
            }
            tile.AddColumns();
            float sum = 0;
            for (int r = 0; r < size; r++)
            {
                for (int c = 0; c < size; c++)
                    sum += tile[r, c];
            }
            y[Group.IdxX] = sum;
        }
    }

    private static void PredicatedWideLoads(Accelerator accelerator)
    {
        float[] data = [.. Enumerable.Range(0, 40).Select(i => (float)i)];
        using var source = accelerator.Allocate1D(data);
        using var target = accelerator.Allocate1D<float>(16);
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int, int>(Kernel)((1, 16), source.View, target.View, -3, 10);
        CompilerCase.Equal(
            [.. Enumerable.Range(0, 16).Select(i => i - 3 is >= 0 and < 10 ? data[((i - 3) * 4)..((i - 3) * 4 + 4)].Sum() : 0f)],
            target.GetAsArray1D());

        static void Kernel(ArrayView<float> x, ArrayView<float> y, int shift, int rows)
        {
            ArrayView<StructureCases.Float4> wide = x.Cast<StructureCases.Float4>();
            ArrayView<StructureCases.Float4> tile = SharedMemory.Allocate<StructureCases.Float4>(16);
            int row = Group.IdxX + shift;
            StructureCases.Float4 v = default;
            if (row >= 0 && row < rows)
                v = wide[row];
            tile[Group.IdxX] = v;
            Group.Barrier();
            StructureCases.Float4 back = tile[Group.IdxX];
            y[Group.IdxX] = back.X + back.Y + back.Z + back.W;
        }
    }

    /// <summary>Each step convolves the last one's result along the rows and adds the next input, all in shared memory.</summary>
    private static void Chain(Accelerator accelerator)
    {
        const int Rows = 32;
        const int Steps = 7;
        int[] data = [.. Enumerable.Range(0, Rows * Steps).Select(i => i % 5 - 2)];
        using var source = accelerator.Allocate1D(data);
        using var target = accelerator.Allocate1D<int>(Rows * Steps);
        accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<int>, SpecializedValue<int>, int>(Kernel)(
            (1, Rows), source.View, target.View, SpecializedValue.New(Steps), 2);
        int[] expected = new int[Rows * Steps];
        int[] last = new int[Rows];
        for (int step = 0; step < Steps; step++)
        {
            int[] input = [.. Enumerable.Range(0, Rows).Select(r => last[r] + data[step * Rows + r])];
            for (int r = 0; r < Rows; r++)
            {
                int sum = 0;
                for (int tap = -1; tap <= 1; tap++)
                    sum += r + tap * 2 is >= 0 and < Rows ? input[r + tap * 2] * (tap + 2) : 0;
                last[r] = sum % 100;
                expected[step * Rows + r] = last[r];
            }
        }
        CompilerCase.Equal(expected, target.GetAsArray1D());

        static void Kernel(ArrayView<int> x, ArrayView<int> y, SpecializedValue<int> steps, int dilation)
        {
            ArrayView<int> input = SharedMemory.Allocate<int>(Rows);
            int last = 0;
            for (int step = 0; step < steps; step++)
            {
                input[Group.IdxX] = last + x[step * Rows + Group.IdxX];
                Group.Barrier();
                int sum = 0;
                for (int tap = -1; tap <= 1; tap++)
                {
                    int row = Group.IdxX + tap * dilation;
                    if (row >= 0 && row < Rows)
                        sum += input[row] * (tap + 2);
                }
                last = sum % 100;
                y[step * Rows + Group.IdxX] = last;
                Group.Barrier();
            }
        }
    }

    /// <summary>A Walsh-Hadamard transform: a Fourier transform's data flow with exact numbers.</summary>
    private static void Butterfly(Accelerator accelerator)
    {
        const int Size = 64;
        float[] data = [.. Enumerable.Range(0, Size).Select(i => (float)(i * i % 13))];
        using var source = accelerator.Allocate1D(data);
        using var target = accelerator.Allocate1D<float>(Size);
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(Kernel)((1, Size / 2), source.View, target.View);
        CompilerCase.Equal(
            [.. Enumerable.Range(0, Size).Select(k => Enumerable.Range(0, Size).Sum(
                i => data[i] * (System.Numerics.BitOperations.PopCount((uint)(i & k)) % 2 == 0 ? 1 : -1)))], target.GetAsArray1D());

        static void Kernel(ArrayView<float> x, ArrayView<float> y)
        {
            ArrayView<float> values = SharedMemory.Allocate<float>(Size);
            values[Group.IdxX] = x[Group.IdxX];
            values[Group.IdxX + Size / 2] = x[Group.IdxX + Size / 2];
            for (int half = 1; half < Size; half *= 2)
            {
                Group.Barrier();
                int low = Group.IdxX / half * half * 2 + Group.IdxX % half;
                float a = values[low];
                float b = values[low + half];
                values[low] = a + b;
                values[low + half] = a - b;
            }
            Group.Barrier();
            y[Group.IdxX] = values[Group.IdxX];
            y[Group.IdxX + Size / 2] = values[Group.IdxX + Size / 2];
        }
    }

    private static void Activations(Accelerator accelerator)
    {
        float[] data = [-2f, -0.5f, 0f, 1.5f];
        using var source = accelerator.Allocate1D(data);
        using var target = accelerator.Allocate1D<float>(4);
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(Apply<Relu>)((1, 4), source.View, target.View);
        CompilerCase.Equal([0f, 0f, 0f, 1.5f], target.GetAsArray1D());
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(Apply<Identity>)((1, 4), source.View, target.View);
        CompilerCase.Equal(data, target.GetAsArray1D());

        static void Apply<TActivation>(ArrayView<float> x, ArrayView<float> y)
            where TActivation : struct, IActivation =>
            y[Group.IdxX] = TActivation.Apply(x[Group.IdxX]);
    }

    private static void Searches(ArrayView<int> y) => y[Group.IdxX] = SquareBySearch(Group.IdxX);

    private static int SquareBySearch(int x)
    {
        int candidate = 0;
        int odd = 1;
        while (true)
        {
            if (x-- <= 0)
                break;
            candidate += odd;
            odd += 2;
        }
        return candidate;
    }

    private readonly struct Tile(ArrayView<float> values, int size)
    {
        private readonly ArrayView<float> _values = values;
        private readonly int _size = size;

        public float this[int row, int column]
        {
            get => _values[row * _size + column];
            set => _values[row * _size + column] = value;
        }

        public void AddColumns()
        {
            for (int r = 0; r < _size; r++)
            {
                for (int c = 0; c < _size; c++)
                    _values[r * _size + c] += c;
            }
        }
    }

    private readonly struct Relu : IActivation
    {
        public static float Apply(float x) => XMath.Max(x, 0);
    }

    private readonly struct Identity : IActivation
    {
        public static float Apply(float x) => x;
    }
}
