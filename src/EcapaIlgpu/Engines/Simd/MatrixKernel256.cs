using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>
/// Six rows by 16 columns in 12 accumulators of 256 bits: with two weight vectors and a broadcast, 15 of AVX2's 16 registers.
/// </summary>
internal sealed unsafe class MatrixKernel256 : MatrixKernel
{
    private const int Width = 16;

    public override int PanelWidth => Width;

    public override string Name => "AVX2";

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(float** rows, nint taps, nint depth, float* panel, in TileEpilogue epilogue)
    {
        Vector256<float> s00 = default, s01 = default;
        Vector256<float> s10 = default, s11 = default;
        Vector256<float> s20 = default, s21 = default;
        Vector256<float> s30 = default, s31 = default;
        Vector256<float> s40 = default, s41 = default;
        Vector256<float> s50 = default, s51 = default;
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
                Vector256<float> w0 = Vector256.Load(panel);
                Vector256<float> w1 = Vector256.Load(panel + 8);
                Vector256<float> x0 = Vector256.Create(row0[i]);
                s00 = Vector256.FusedMultiplyAdd(x0, w0, s00);
                s01 = Vector256.FusedMultiplyAdd(x0, w1, s01);
                Vector256<float> x1 = Vector256.Create(row1[i]);
                s10 = Vector256.FusedMultiplyAdd(x1, w0, s10);
                s11 = Vector256.FusedMultiplyAdd(x1, w1, s11);
                Vector256<float> x2 = Vector256.Create(row2[i]);
                s20 = Vector256.FusedMultiplyAdd(x2, w0, s20);
                s21 = Vector256.FusedMultiplyAdd(x2, w1, s21);
                Vector256<float> x3 = Vector256.Create(row3[i]);
                s30 = Vector256.FusedMultiplyAdd(x3, w0, s30);
                s31 = Vector256.FusedMultiplyAdd(x3, w1, s31);
                Vector256<float> x4 = Vector256.Create(row4[i]);
                s40 = Vector256.FusedMultiplyAdd(x4, w0, s40);
                s41 = Vector256.FusedMultiplyAdd(x4, w1, s41);
                Vector256<float> x5 = Vector256.Create(row5[i]);
                s50 = Vector256.FusedMultiplyAdd(x5, w0, s50);
                s51 = Vector256.FusedMultiplyAdd(x5, w1, s51);
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
    private static void WriteRow(nint row, Vector256<float> y0, Vector256<float> y1, in TileEpilogue epilogue)
    {
        float* start = epilogue.Start + (row * epilogue.StartStride), output = epilogue.Output + (row * epilogue.OutputStride);
        Vector256<float> floor = Vector256.Create(epilogue.Floor);
        y0 = Vector256.Max(y0 + Vector256.Load(start), floor);
        y1 = Vector256.Max(y1 + Vector256.Load(start + 8), floor);
        if (epilogue.Scale is not null)
        {
            y0 = Vector256.FusedMultiplyAdd(y0, Vector256.Load(epilogue.Scale), Vector256.Load(epilogue.Shift));
            y1 = Vector256.FusedMultiplyAdd(y1, Vector256.Load(epilogue.Scale + 8), Vector256.Load(epilogue.Shift + 8));
        }
        y0.Store(output);
        y1.Store(output + 8);
    }
}
