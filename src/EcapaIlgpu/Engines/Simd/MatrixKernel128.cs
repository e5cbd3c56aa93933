using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>Six rows by 8 columns in 12 accumulators of 128 bits: the portable path, fused where the processor can.</summary>
internal sealed unsafe class MatrixKernel128 : MatrixKernel
{
    private const int Width = 8;

    public override int PanelWidth => Width;

    public override string Name => AdvSimd.IsSupported ? "Neon" : "128-bit vectors";

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(float** rows, nint taps, nint depth, float* panel, in TileEpilogue epilogue)
    {
        Vector128<float> s00 = default, s01 = default;
        Vector128<float> s10 = default, s11 = default;
        Vector128<float> s20 = default, s21 = default;
        Vector128<float> s30 = default, s31 = default;
        Vector128<float> s40 = default, s41 = default;
        Vector128<float> s50 = default, s51 = default;
        for (nint tap = 0; tap < taps; tap++, rows += TileRows)
        {
            float* row0 = rows[0];
            float* row1 = rows[1];
            float* row2 = rows[2];
            float* row3 = rows[3];
            float* row4 = rows[4];
            float* row5 = rows[5];
            for (nint i = 0; i < depth; i++, panel += Width)
            {
                Vector128<float> w0 = Vector128.Load(panel);
                Vector128<float> w1 = Vector128.Load(panel + 4);
                Vector128<float> x0 = Vector128.Create(row0[i]);
                s00 = Vector128.MultiplyAddEstimate(x0, w0, s00);
                s01 = Vector128.MultiplyAddEstimate(x0, w1, s01);
                Vector128<float> x1 = Vector128.Create(row1[i]);
                s10 = Vector128.MultiplyAddEstimate(x1, w0, s10);
                s11 = Vector128.MultiplyAddEstimate(x1, w1, s11);
                Vector128<float> x2 = Vector128.Create(row2[i]);
                s20 = Vector128.MultiplyAddEstimate(x2, w0, s20);
                s21 = Vector128.MultiplyAddEstimate(x2, w1, s21);
                Vector128<float> x3 = Vector128.Create(row3[i]);
                s30 = Vector128.MultiplyAddEstimate(x3, w0, s30);
                s31 = Vector128.MultiplyAddEstimate(x3, w1, s31);
                Vector128<float> x4 = Vector128.Create(row4[i]);
                s40 = Vector128.MultiplyAddEstimate(x4, w0, s40);
                s41 = Vector128.MultiplyAddEstimate(x4, w1, s41);
                Vector128<float> x5 = Vector128.Create(row5[i]);
                s50 = Vector128.MultiplyAddEstimate(x5, w0, s50);
                s51 = Vector128.MultiplyAddEstimate(x5, w1, s51);
            }
        }
        WriteRow(0, s00, s01, epilogue);
        WriteRow(1, s10, s11, epilogue);
        WriteRow(2, s20, s21, epilogue);
        WriteRow(3, s30, s31, epilogue);
        WriteRow(4, s40, s41, epilogue);
        WriteRow(5, s50, s51, epilogue);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteRow(nint row, Vector128<float> y0, Vector128<float> y1, in TileEpilogue epilogue)
    {
        float* start = epilogue.Start + (row * epilogue.StartStride), output = epilogue.Output + (row * epilogue.OutputStride);
        Vector128<float> floor = Vector128.Create(epilogue.Floor);
        y0 = Vector128.Max(y0 + Vector128.Load(start), floor);
        y1 = Vector128.Max(y1 + Vector128.Load(start + 4), floor);
        if (epilogue.Scale is not null)
        {
            y0 = Vector128.MultiplyAddEstimate(y0, Vector128.Load(epilogue.Scale), Vector128.Load(epilogue.Shift));
            y1 = Vector128.MultiplyAddEstimate(y1, Vector128.Load(epilogue.Scale + 4), Vector128.Load(epilogue.Shift + 4));
        }
        y0.Store(output);
        y1.Store(output + 4);
    }
}
