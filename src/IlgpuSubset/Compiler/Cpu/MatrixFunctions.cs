using System.Runtime.Intrinsics;
using ILGPU.Beyond;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Cpu;

/// <summary>What a warp's 32 lanes do together on tensor cores, called by generated code on the lanes' values in memory.</summary>
internal static unsafe class MatrixFunctions
{
    private const int Lanes = WarpMatrix.Lanes;
    private const int Rows = 16;
    private const int Columns = 8;

    /// <summary>
    /// The sums of a tile plus a product, depth by depth in ascending order with one rounding each. A register of all lanes is 32 numbers; those of one operand follow
    /// each other at <paramref name="stride"/> bytes.
    /// </summary>
    /// <param name="operands">Four registers of the rows, two of the columns, four of the sums.</param>
    /// <param name="stride">Bytes from register to register.</param>
    /// <param name="format">A <see cref="MatrixFormat"/>.</param>
    /// <param name="result">Receives four registers without room between.</param>
    public static void MultiplyAdd(byte* operands, int stride, int format, float* result)
    {
        float* rows = stackalloc float[Rows * 16], columns = stackalloc float[16 * Columns];
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
            Vector256<float> sums = default;
            for (int column = 0; column < Columns; column++)
                sums = sums.WithElement(column, ((float*)(operands + ((6 + first + (column % 2)) * stride)))[lane + (column / 2)]);
            for (int k = 0; k < depth; k++)
                sums = Vector256.FusedMultiplyAdd(Vector256.Create(rows[(row * depth) + k]), Vector256.Load(columns + (k * Columns)), sums);
            for (int column = 0; column < Columns; column++)
                result[((first + (column % 2)) * Lanes) + lane + (column / 2)] = sums[column];
        }
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

    private static void Unpack(int bits, int format, float* target, int step)
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
                target[0] = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
                target[step] = (float)BitConverter.UInt16BitsToHalf((ushort)(bits >> 16));
                break;
        }
    }
}
