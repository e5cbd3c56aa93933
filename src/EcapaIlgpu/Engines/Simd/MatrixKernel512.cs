using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>Six rows by 64 columns in 24 accumulators of 512 bits.</summary>
internal sealed unsafe class MatrixKernel512 : MatrixKernel
{
    private const int Width = 64;

    public override int PanelWidth => Width;

    public override string Name => "AVX-512";

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(float** rows, nint taps, nint depth, float* panel, in TileEpilogue epilogue)
    {
        Vector512<float> s00 = default, s01 = default, s02 = default, s03 = default;
        Vector512<float> s10 = default, s11 = default, s12 = default, s13 = default;
        Vector512<float> s20 = default, s21 = default, s22 = default, s23 = default;
        Vector512<float> s30 = default, s31 = default, s32 = default, s33 = default;
        Vector512<float> s40 = default, s41 = default, s42 = default, s43 = default;
        Vector512<float> s50 = default, s51 = default, s52 = default, s53 = default;
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
                Vector512<float> w0 = Vector512.Load(panel);
                Vector512<float> w1 = Vector512.Load(panel + 16);
                Vector512<float> w2 = Vector512.Load(panel + 32);
                Vector512<float> w3 = Vector512.Load(panel + 48);
                Vector512<float> x0 = Vector512.Create(row0[i]);
                s00 = Vector512.FusedMultiplyAdd(x0, w0, s00);
                s01 = Vector512.FusedMultiplyAdd(x0, w1, s01);
                s02 = Vector512.FusedMultiplyAdd(x0, w2, s02);
                s03 = Vector512.FusedMultiplyAdd(x0, w3, s03);
                Vector512<float> x1 = Vector512.Create(row1[i]);
                s10 = Vector512.FusedMultiplyAdd(x1, w0, s10);
                s11 = Vector512.FusedMultiplyAdd(x1, w1, s11);
                s12 = Vector512.FusedMultiplyAdd(x1, w2, s12);
                s13 = Vector512.FusedMultiplyAdd(x1, w3, s13);
                Vector512<float> x2 = Vector512.Create(row2[i]);
                s20 = Vector512.FusedMultiplyAdd(x2, w0, s20);
                s21 = Vector512.FusedMultiplyAdd(x2, w1, s21);
                s22 = Vector512.FusedMultiplyAdd(x2, w2, s22);
                s23 = Vector512.FusedMultiplyAdd(x2, w3, s23);
                Vector512<float> x3 = Vector512.Create(row3[i]);
                s30 = Vector512.FusedMultiplyAdd(x3, w0, s30);
                s31 = Vector512.FusedMultiplyAdd(x3, w1, s31);
                s32 = Vector512.FusedMultiplyAdd(x3, w2, s32);
                s33 = Vector512.FusedMultiplyAdd(x3, w3, s33);
                Vector512<float> x4 = Vector512.Create(row4[i]);
                s40 = Vector512.FusedMultiplyAdd(x4, w0, s40);
                s41 = Vector512.FusedMultiplyAdd(x4, w1, s41);
                s42 = Vector512.FusedMultiplyAdd(x4, w2, s42);
                s43 = Vector512.FusedMultiplyAdd(x4, w3, s43);
                Vector512<float> x5 = Vector512.Create(row5[i]);
                s50 = Vector512.FusedMultiplyAdd(x5, w0, s50);
                s51 = Vector512.FusedMultiplyAdd(x5, w1, s51);
                s52 = Vector512.FusedMultiplyAdd(x5, w2, s52);
                s53 = Vector512.FusedMultiplyAdd(x5, w3, s53);
            }
        }
        WriteRow(0, s00, s01, s02, s03, epilogue);
        WriteRow(1, s10, s11, s12, s13, epilogue);
        WriteRow(2, s20, s21, s22, s23, epilogue);
        WriteRow(3, s30, s31, s32, s33, epilogue);
        WriteRow(4, s40, s41, s42, s43, epilogue);
        WriteRow(5, s50, s51, s52, s53, epilogue);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteRow(
        nint row, Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3, in TileEpilogue epilogue)
    {
        float* start = epilogue.Start + (row * epilogue.StartStride), output = epilogue.Output + (row * epilogue.OutputStride);
        Vector512<float> floor = Vector512.Create(epilogue.Floor);
        y0 = Vector512.Max(y0 + Vector512.Load(start), floor);
        y1 = Vector512.Max(y1 + Vector512.Load(start + 16), floor);
        y2 = Vector512.Max(y2 + Vector512.Load(start + 32), floor);
        y3 = Vector512.Max(y3 + Vector512.Load(start + 48), floor);
        if (epilogue.Scale is not null)
        {
            y0 = Vector512.FusedMultiplyAdd(y0, Vector512.Load(epilogue.Scale), Vector512.Load(epilogue.Shift));
            y1 = Vector512.FusedMultiplyAdd(y1, Vector512.Load(epilogue.Scale + 16), Vector512.Load(epilogue.Shift + 16));
            y2 = Vector512.FusedMultiplyAdd(y2, Vector512.Load(epilogue.Scale + 32), Vector512.Load(epilogue.Shift + 32));
            y3 = Vector512.FusedMultiplyAdd(y3, Vector512.Load(epilogue.Scale + 48), Vector512.Load(epilogue.Shift + 48));
        }
        y0.Store(output);
        y1.Store(output + 16);
        y2.Store(output + 32);
        y3.Store(output + 48);
    }
}
