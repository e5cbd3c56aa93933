using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>
/// What happens to a tile of sums on its way to memory: <c>y = scale * relu(sum + start) + shift</c>, each part optional. Per element and
/// in one order, so the result does not depend on the tile it was part of.
/// </summary>
internal readonly unsafe struct Epilogue
{
    /// <summary>Adds what the output already holds instead of the bias: for products summed over several inputs.</summary>
    public bool Accumulate { get; init; }

    /// <summary>Cuts off negative numbers.</summary>
    public bool Relu { get; init; }

    /// <summary>Writes the first <paramref name="rows"/> rows of a tile.</summary>
    /// <param name="tile"><c>[6, conv.PanelWidth]</c>.</param>
    /// <param name="rows">Rows that exist.</param>
    /// <param name="conv">Whose bias, scale and shift apply.</param>
    /// <param name="panel">The panel that was multiplied.</param>
    /// <param name="output">Row 0, column 0 of the output.</param>
    /// <param name="stride">Floats from one output row to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Write(float* tile, int rows, PackedConv conv, int panel, float* output, nint stride)
    {
        int width = conv.PanelWidth;
        int first = panel * width;
        int columns = Math.Min(width, conv.Outputs - first);
        float* bias = conv.Bias + first;
        float* scale = conv.Scale is null ? null : conv.Scale + first;
        float* shift = conv.Shift is null ? null : conv.Shift + first;
        Vector256<float> floor = Relu ? Vector256<float>.Zero : Vector256.Create(float.NegativeInfinity);
        for (int r = 0; r < rows; r++)
        {
            float* source = tile + ((nint)r * width);
            float* target = output + (r * stride) + first;
            float* start = Accumulate ? target : bias;
            int n = 0;
            // Half the instructions of the loop below, and as wide as the tile was stored: narrower loads wait for wide stores to retire on
            // some processors.
            if (Vector512.IsHardwareAccelerated)
            {
                for (; n + 16 <= columns; n += 16)
                {
                    Vector512<float> y = Vector512.Max(Vector512.Load(source + n) + Vector512.Load(start + n), Vector512.Create(floor, floor));
                    if (scale is not null)
                        y = Vector512.MultiplyAddEstimate(y, Vector512.Load(scale + n), Vector512.Load(shift + n));
                    y.Store(target + n);
                }
            }
            for (; n + 8 <= columns; n += 8)
            {
                Vector256<float> y = Vector256.Max(Vector256.Load(source + n) + Vector256.Load(start + n), floor);
                if (scale is not null)
                    y = Vector256.MultiplyAddEstimate(y, Vector256.Load(scale + n), Vector256.Load(shift + n));
                y.Store(target + n);
            }
            for (; n < columns; n++)
            {
                float y = source[n] + start[n];
                if (Relu)
                    y = MathF.Max(y, 0f);
                target[n] = scale is null ? y : float.MultiplyAddEstimate(y, scale[n], shift[n]);
            }
        }
    }
}
