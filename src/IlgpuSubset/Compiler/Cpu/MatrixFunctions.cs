using System.Runtime.Intrinsics;
using ILGPU.Beyond;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Cpu;

/// <summary>What a warp's 32 lanes do together on tensor cores, called by generated code on the lanes' values in memory.</summary>
/// <remarks>
/// Sums are those of the least exact tensor cores that the kernels run on, as published probes of the A100 describe them: some exact
/// products are added at a time (four of tf32, eight of 16 bits), all shifted to the largest of them and of the sum before, cut off below
/// the 24 bits of that one, and what comes out is cut off again. Later devices add more products at once and keep a bit or two more. So
/// what holds here holds there with a margin.
/// </remarks>
internal static unsafe class MatrixFunctions
{
    private const int Lanes = WarpMatrix.Lanes;
    private const int Rows = 16;
    private const int Columns = 8;
    private const double FloatSmallestNormal = 1.1754943508222875e-38;

    /// <summary>
    /// The sums of a tile plus a product, in ascending order of depth. A register of all lanes is 32 numbers; those of one operand follow
    /// each other at <paramref name="stride"/> bytes.
    /// </summary>
    /// <param name="operands">Four registers of the rows, two of the columns, four of the sums.</param>
    /// <param name="stride">Bytes from register to register.</param>
    /// <param name="format">A <see cref="MatrixFormat"/>.</param>
    /// <param name="result">Receives four registers without room between.</param>
    public static void MultiplyAdd(byte* operands, int stride, int format, float* result)
    {
        double* rows = stackalloc double[Rows * 16], columns = stackalloc double[16 * Columns];
        int depth = format == (int)MatrixFormat.Tf32 ? 8 : 16, half = depth / 2;
        for (int lane = 0; lane < Lanes; lane++)
        {
            int major = lane / 4, minor = lane % 4 * (depth / 8);
            for (int register = 0; register < 4; register++)
                Unpack(Bits(register), format, rows + ((major + (register % 2 * 8)) * depth) + minor + (register / 2 * half), 1);
            for (int register = 0; register < 2; register++)
                Unpack(Bits(4 + register), format, columns + ((minor + (register * half)) * Columns) + major, Columns);

            int Bits(int register) => ((int*)(operands + (register * stride)))[lane];
        }
        for (int row = 0; row < Rows; row++)
        {
            int first = row / 8 * 2, lane = row % 8 * 4;
            Vector512<double> sums = default;
            for (int column = 0; column < Columns; column++)
                sums = sums.WithElement(column, ((float*)(operands + ((6 + first + (column % 2)) * stride)))[lane + (column / 2)]);
            for (int k = 0; k < depth; k += half)
                sums = AddAtOnce(sums, rows + (row * depth) + k, columns + (k * Columns), half);
            for (int column = 0; column < Columns; column++)
                result[((first + (column % 2)) * Lanes) + lane + (column / 2)] = (float)sums[column];
        }
    }

    /// <summary>The sums of eight columns and some products, each exact, added as the class says.</summary>
    private static Vector512<double> AddAtOnce(Vector512<double> sums, double* row, double* columns, int products)
    {
        const int FractionBits = 23, DoubleFractionBits = 52, Bias = 1023;
        Vector512<double> largest = Vector512.Abs(sums), exact = sums;
        for (int k = 0; k < products; k++)
        {
            Vector512<double> product = Vector512.Load(columns + (k * Columns)) * row[k];
            largest = Vector512.Max(largest, Vector512.Abs(product));
            exact += product;
        }
        if (!Vector512.LessThanAll(largest, Vector512.Create(double.PositiveInfinity)))
            return exact;
        // The power of two of the largest; from the smallest normal number on, below which nothing is finer.
        Vector512<long> exponent =
            Vector512.Max(largest, Vector512.Create(FloatSmallestNormal)).AsInt64() & Vector512.Create(0x7FFL << DoubleFractionBits);
        Vector512<double> places = (Vector512.Create((long)((2 * Bias) + FractionBits) << DoubleFractionBits) - exponent).AsDouble();
        Vector512<double> place = (exponent - Vector512.Create((long)FractionBits << DoubleFractionBits)).AsDouble();
        Vector512<double> total = Vector512.Truncate(sums * places);
        for (int k = 0; k < products; k++)
            total += Vector512.Truncate(Vector512.Load(columns + (k * Columns)) * row[k] * places);
        return ((total * place).AsInt64() & Vector512.Create(-1L << (DoubleFractionBits - FractionBits))).AsDouble();
    }

    /// <summary>Each lane's parts of four matrices whose rows the lanes name.</summary>
    /// <param name="rows">An address for each lane.</param>
    /// <param name="result">Receives four registers without room between.</param>
    public static void Load(long* rows, int* result)
    {
        for (int matrix = 0; matrix < 4; matrix++)
        {
            for (int lane = 0; lane < Lanes; lane++)
                result[(matrix * Lanes) + lane] = ((int*)rows[(matrix * 8) + (lane / 4)])[lane % 4];
        }
    }

    /// <summary>Copies 16 bytes, of which those behind the first <paramref name="bytes"/> are zero.</summary>
    public static void Copy(byte* target, byte* source, int bytes)
    {
        new Span<byte>(source, bytes).CopyTo(new Span<byte>(target, bytes));
        new Span<byte>(target + bytes, AsyncCopy.Size - bytes).Clear();
    }

    private static void Unpack(int bits, int format, double* target, int step)
    {
        switch ((MatrixFormat)format)
        {
            case MatrixFormat.Tf32:
                target[0] = BitConverter.Int32BitsToSingle(bits & ~0x1FFF);
                break;
            case MatrixFormat.Bf16:
                target[0] = BitConverter.Int32BitsToSingle(bits << 16);
                target[step] = BitConverter.Int32BitsToSingle(bits & ~0xFFFF);
                break;
            default:
                target[0] = (double)BitConverter.UInt16BitsToHalf((ushort)bits);
                target[step] = (double)BitConverter.UInt16BitsToHalf((ushort)(bits >> 16));
                break;
        }
    }
}
